"""A scripted day of the supply chain: counts stop coming, a promise breaks, it is told, and it is mended.

`make supply-day` prints it. Everything is real but the time: pushes and questions over HTTP, publications, the look at
promises, and a webhook that somebody listens to.
"""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.desks import scorecards
from gateway.publication.publish import publish
from gateway.publication.refresher import Refresher
from gateway.service_levels.alert_sender import Sender
from gateway.service_levels.alerts import incident_alert
from gateway.service_levels.incidents import Incident
from gateway.service_levels.slo_watch import Watch
from gateway.settings import Settings
from gateway.ticking import ScriptedClock
from ports.http.server import HttpPort
from tests import supply_world
from tests.supply_world import FEED, Rows

MEASURES = "/products/supply_chain/-/measures"


@dataclass
class Day:
    """The deployment, its clock, and what a webhook has heard. `tell` hears each thing that happens."""

    settings: Settings
    gateway: Gateway
    clock: ScriptedClock
    client: httpx.Client
    heard: list[Mapping[str, Any]]
    tell: Callable[[str], None]
    start: datetime
    pushes: int = 0

    def __post_init__(self) -> None:
        self._refresher = Refresher(self.settings, self.clock)
        self._sender = Sender(self.settings, self.clock)
        self._watch = Watch(self.settings.state, lambda: self.gateway.pin().deployment, self.clock, self._alert)

    def _alert(self, event: str, incident: Incident) -> None:
        incident_alert(self.settings, event, incident, self.clock)

    def say(self, text: str) -> None:
        """Tell of `text` at the day's time."""
        gone = int((self.clock.now() - self.start).total_seconds()) // 60
        self.tell(f"{6 + gone // 60:02}:{gone % 60:02}  {text}")

    def publish(self, *names: str) -> None:
        """As `outport apply` does."""
        for name in names:
            publish(self.settings, self.settings.products / name, clock=self.clock)

    def push(self, product: str, rows: Rows) -> httpx.Response:
        """What a scanner or a counting device sends."""
        self.pushes += 1
        return self.client.post(
            f"/products/{product}/-/inputs/{FEED}",
            content="".join(json.dumps(one) + "\n" for one in rows),
            headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": f"{product}-{self.pushes}"},
            auth=("steward", "steward-demo"),
        )

    def get(self, subject: str, path: str) -> httpx.Response:
        """One question over HTTP."""
        answer = self.client.get(path, auth=(subject, f"{subject}-demo"))
        assert answer.status_code == 200, answer.text
        return answer

    def on_time(self) -> float:
        """The share of what was delivered that came on time, as the planner reads it."""
        return float(self.get("planner", f"{MEASURES}/on_time_rate").json()["data"][0]["on_time_rate"])

    def filled(self) -> float:
        """The share of what was ordered that has come."""
        return float(self.get("planner", f"{MEASURES}/fill_rate").json()["data"][0]["fill_rate"])

    def freshness(self) -> str:
        """What an answer about stock says of its own data."""
        told = self.get("planner", f"{MEASURES}/stock_cover").headers["X-Outport-Products"]
        return dict(part.partition("=")[::2] for part in told.split(";"))["freshness"]

    def minutes(self, count: int) -> None:
        """Go on by `count` minutes; in each what is due is made anew, promises are looked at, and alerts are sent."""
        for _ in range(count):
            self.clock.advance(timedelta(minutes=1))
            while self._refresher.tick() is not None:
                pass
            self.gateway.tally.flush()
            self._watch.look()
            self._sender.tick()

    def incidents(self, product: str) -> list[dict[str, Any]]:
        """The incidents of a product, the newest first, as who manages it sees them."""
        found: list[dict[str, Any]] = self.get("steward", f"/products/{product}/-/slo").json()["data"]["incidents"]
        return found

    def alerts(self, since: int) -> str:
        """What the webhook has heard of incidents since it had heard so many alerts."""
        told = [
            (one["type"], one["data"]["product"]) for one in self.heard[since:] if one["type"].startswith("incident")
        ]
        return ", ".join(f"{kind} of {product}" for kind, product in told)

    def scorecard(self, product: str) -> dict[str, Any]:
        """What the scorecard says of a product, made now."""
        made = scorecards.made(self.settings, self.gateway.pin().deployment, self.clock.now())
        scorecards.keep(self.settings, made, self.clock.now())
        cards: list[dict[str, Any]] = self.get("steward", "/-/scorecards").json()["data"]["products"]
        return next(one for one in cards if one["product"] == product)

    def close(self) -> None:
        """End the watch."""
        self._watch.close()


@contextmanager
def listening() -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """A webhook's address, and what it has been told."""
    heard: list[Mapping[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/supply", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def beginning(folder: Path, tell: Callable[[str], None]) -> Iterator[Day]:
    """Six in the morning: everything is published, and eight of ten orders have come."""
    start = datetime.now(UTC)
    secret = folder / "alerts.key"
    secret.write_bytes(b"a secret of the day, of 32 bytes")
    with listening() as (url, heard):
        settings = supply_world.declared(folder, start, alert_urls=url, alert_secret_file=secret)
        Directory(settings.principals, load(settings)).add_demo_personas()
        gateway = Gateway(settings, clock=(clock := ScriptedClock(start)))
        port = HttpPort(gateway)
        port.start()
        try:
            with httpx.Client(base_url=f"http://{port.address[0]}:{port.address[1]}", timeout=60) as client:
                day = Day(settings, gateway, clock, client, heard, tell, start)
                _publish(day)
                yield day
                day.close()
        finally:
            port.stop()
            gateway.close()


def _publish(day: Day) -> None:
    day.publish("retail", "suppliers", "orders", "shipments", "inventory")
    yesterday = day.start - timedelta(days=1)
    came = [row for order in range(1, 9) for row in supply_world.shipments(order, yesterday)]
    assert day.push("shipments", came).status_code == 201
    assert day.push("inventory", supply_world.counts(day.start)).status_code == 201
    day.publish("shipments", "inventory", "supply_chain")


def a_scan_arrives(day: Day) -> None:
    """The ninth order comes to the dock, late; a minute later the planner sees it."""
    state = f"{day.filled():.0%} has come, {day.on_time():.1%} on time; stock is {day.freshness()}"
    day.say(f"a planner asks supply_chain: {state}")
    assert day.push("shipments", supply_world.shipments(9, day.clock.now())).status_code == 201
    day.minutes(1)
    day.say(f"a carrier pushed a scan a minute ago: now {day.filled():.0%} has come, {day.on_time():.1%} on time")


def counting_stops(day: Day) -> None:
    """The next counts are nonsense and are refused, and no scan comes either; nobody notices but the gateway."""
    refused = day.push("inventory", supply_world.counts(day.clock.now(), on_hand=-3))
    assert refused.status_code == 422
    day.say(f"a store pushes counts, refused ({refused.status_code}): {refused.json()['detail']}; then all is silent")
    before = len(day.heard)
    while not day.incidents("supply_chain"):
        day.minutes(1)
    day.say(f"the last good count is over 15 minutes old: stock is {day.freshness()}")
    day.say(f"a webhook is told: {day.alerts(before)}")
    found, source = day.incidents("supply_chain")[0], day.incidents("inventory")[0]
    day.say(f"why: the incident of supply_chain names its causes: {'; '.join(found['causes'])}")
    reached = f"that of inventory names {', '.join(source['downstream'])}"
    day.say(f"whom it reaches: {reached}, that of supply_chain its consumers: {', '.join(found['consumers'])}")


def counting_is_mended(day: Day) -> None:
    """An hour later good counts come; what is made of them follows, and the incidents close."""
    day.minutes(60)
    before = len(day.heard)
    assert day.push("inventory", supply_world.counts(day.clock.now())).status_code == 201
    day.minutes(4)
    day.say(f"good counts were pushed: stock is {day.freshness()}; the webhook is told: {day.alerts(before)}")
    card = day.scorecard("supply_chain")
    repair = f"mean time to repair {card['mttr_s'] / 60:.0f} minutes"
    day.say(f"the scorecard of supply_chain: {card['incidents']} incident, {repair}")


STEPS = (a_scan_arrives, counting_stops, counting_is_mended)


def main() -> None:
    """Print the day, and nothing of what the gateway's log says of it."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, beginning(Path(folder), lambda line: print(line, flush=True)) as day:
        for step in STEPS:
            step(day)


if __name__ == "__main__":
    main()
