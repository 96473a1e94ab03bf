"""A thousand hostile queries of every class in a row, through every door, while honest clients work: what they notice.

One server of two workers over the demo's products; a worker is killed in the middle. Honest clients are a process of
their own. Every answer of theirs is compared with the one before the attack.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from string import Template

from benchmarks.bombs import BOMBS
from benchmarks.deployment import QUICK, ROOT, deployed
from benchmarks.documents import DOCUMENTS
from benchmarks.door_clients import CLIENTS, PATIENCE_S, Broken, Place, Refused, Rest

DOORS = ("rest", "graphql", "flight", "postgres")
ATTACKERS = 2  # at each door, each with one query after the other
THINK_S = 0.02  # between an honest client's requests
KILLED_S = 20.0  # so long after the kill a connection may be seen to be broken
COMPUTE_S = 2.0  # of the server; with its own 60 s the show would take hours


@dataclass(frozen=True)
class Sample:
    """One honest request: when, how long, and whether its answer was right, wrong, refused or its connection broke."""

    door: str
    at: float
    took_s: float
    outcome: str
    words: str = ""


@dataclass
class Attacked:
    """What became of hostile queries."""

    tried: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[float, str]] = field(default_factory=list)


def honest(place: Place, stop: threading.Event) -> list[Sample]:
    """Ask at every door, again and again, until `stop`."""
    samples: list[Sample] = []
    threads = [threading.Thread(target=_worked, args=(place, door, stop, samples)) for door in DOORS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return samples


def _worked(place: Place, door: str, stop: threading.Event, samples: list[Sample]) -> None:
    client = CLIENTS[door](place, place.honest)
    asked: Callable[[], object]
    if door == "rest":
        assert isinstance(client, Rest)
        asked = partial(client.get, place.path)
    else:
        asked = partial(client.sql, {"graphql": place.document, "flight": place.pull, "postgres": place.text}[door])
    right = asked()
    while not stop.wait(THINK_S):
        at = time.monotonic()
        outcome, words = "right", ""
        try:
            outcome = "right" if asked() == right else "wrong"
        except Broken as error:
            outcome, words = "broken", str(error)[:200]
        except Refused as error:
            outcome, words = "lost", str(error)[:200]
        samples.append(Sample(door, at, time.monotonic() - at, outcome, words))
    client.close()


class Attack:
    """Hostile queries, each class in turn, over so many connections at each door at once."""

    def __init__(self, place: Place, count: int) -> None:
        texts = {door: bombs(place, door) for door in DOORS}
        self._todo = [(door, *texts[door][number // len(DOORS) % len(texts[door])]) for number, door in _doors(count)]
        self._place, self._lock, self.found = place, threading.Lock(), Attacked()
        self.half = threading.Event()

    def run(self) -> None:
        """Ask them all."""
        left = {door: [one for one in self._todo if one[0] == door] for door in DOORS}
        threads = [
            threading.Thread(target=self._asked, args=(door, left[door])) for door in DOORS for _ in range(ATTACKERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.half.set()

    def _asked(self, door: str, left: list[tuple[str, str, str]]) -> None:
        client = CLIENTS[door](self._place, self._place.hostile)
        while True:
            with self._lock:
                if not left:
                    break
                _, kind, text = left.pop()
                if 2 * self.found.tried.total() > len(self._todo):
                    self.half.set()
            words = ""
            try:
                client.sql(text)
                ended = "answered"
            except Refused:
                ended = "refused"
            except Broken as error:
                ended, words = "broken", str(error)[:200]
            with self._lock:
                self.found.tried[door] += 1
                self.found.ended[ended] += 1
                if words:
                    self.found.broken.append((time.monotonic(), f"{door}, {kind}: {words}"))
        client.close()


def bombs(place: Place, door: str) -> list[tuple[str, str]]:
    """What is asked at a door with its class, each class in turn."""
    found = DOCUMENTS if door == "graphql" else BOMBS
    most = max(map(len, found.values()))
    texts = [(kind, several[i]) for i in range(most) for kind, several in found.items() if i < len(several)]
    if door == "graphql":
        return [(kind, Template(text).substitute(place.names)) for kind, text in texts]
    return [(kind, text.format(**place.names)) for kind, text in texts]


def _doors(count: int) -> Iterator[tuple[int, str]]:
    return ((number, DOORS[number % len(DOORS)]) for number in range(count))


@contextmanager
def working(place: Place) -> Iterator[Callable[[], list[Sample]]]:
    """Honest clients in a process of their own; what is yielded ends them and gives their samples."""
    order = json.dumps(asdict(place))
    command = [sys.executable, "-m", "benchmarks.hostile", "honest"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order + "\n")
        process.stdin.flush()
        process.stdout.readline()

        def ended() -> list[Sample]:
            told, _ = process.communicate("stop\n", timeout=2 * PATIENCE_S)
            return [Sample(**one) for one in json.loads(told)]

        try:
            yield ended
        finally:
            process.kill()


def workers(supervisor: int) -> list[int]:
    """The processes of the workers."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [int(one) for one in children if "spawn_main" in Path(f"/proc/{one}/cmdline").read_text()]


class Memory:
    """The most that the workers hold together, looked at ten times a second."""

    def __init__(self, supervisor: int) -> None:
        self.peak = 0
        self._supervisor, self._stop = supervisor, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def now(self) -> int:
        """Bytes now."""
        total = 0
        for one in workers(self._supervisor):
            with suppress(OSError):
                total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return total

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            with suppress(OSError):
                self.peak = max(self.peak, self.now())


@dataclass(frozen=True)
class Show:
    """What was seen: samples before and under attack, the attack, the memory of the workers, when one was killed."""

    idle: Sequence[Sample]
    under: Sequence[Sample]
    attacked: Attacked
    idle_bytes: int
    peak_bytes: int
    killed_at: float
    seconds: float

    def percentile(self, samples: Sequence[Sample], door: str, share: float) -> float:
        """Milliseconds within which that share of right answers came."""
        times = sorted(one.took_s for one in samples if one.door == door and one.outcome == "right")
        return 1000 * times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")

    def killed(self, at: float) -> bool:
        """Whether a connection that ended at that moment was the killed worker's."""
        return 0 <= at - self.killed_at < KILLED_S

    @property
    def broken(self) -> list[str]:
        """The attacks that broke a connection, but those that the killed worker took with it."""
        return [words for at, words in self.attacked.broken if not self.killed(at)]

    def ended(self, outcome: str) -> list[Sample]:
        """The honest requests that ended so, but those that the killed worker took with it."""
        return [
            one
            for one in (*self.idle, *self.under)
            if one.outcome == outcome and not (outcome == "broken" and self.killed(one.at + one.took_s))
        ]


def show(place: Place, supervisor: int, count: int, idle_s: float) -> Show:
    """Honest clients alone for `idle_s`, then under `count` hostile queries, half of them with a worker killed."""
    memory = Memory(supervisor)
    try:
        with working(place) as ended:
            time.sleep(idle_s)
            idle_bytes, begun = memory.now(), time.monotonic()
            attack = Attack(place, count)
            thread = threading.Thread(target=attack.run)
            thread.start()
            attack.half.wait()
            killed_at = time.monotonic()
            os.kill(workers(supervisor)[0], signal.SIGKILL)
            thread.join()
            seconds = time.monotonic() - begun
            samples = ended()
    finally:
        memory.close()
    idle = [one for one in samples if one.at + one.took_s < begun]
    under = [one for one in samples if begun <= one.at <= begun + seconds]
    return Show(idle, under, attack.found, idle_bytes, memory.peak, killed_at, seconds)


def told(found: Show) -> str:
    """The figures, as tables."""
    lines = ["| honest clients | requests | p50 / p99 idle, ms | p50 / p99 under attack, ms | p99, times idle |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for door in DOORS:
        quiet, busy = (
            [found.percentile(part, door, share) for share in (0.5, 0.99)] for part in (found.idle, found.under)
        )
        number = sum(one.door == door for one in found.under)
        lines.append(
            f"| {door} | {number} | {quiet[0]:.1f} / {quiet[1]:.1f} | {busy[0]:.1f} / {busy[1]:.1f} | "
            f"{busy[1] / quiet[1]:.1f} |"
        )
    attacked, broken = found.attacked, len(found.ended("broken"))
    lines += [
        "",
        f"attacks tried: {attacked.tried.total()} in {found.seconds:.0f} s ({dict(attacked.tried)}); "
        f"ended: {dict(attacked.ended)}",
        f"honest answers wrong: {len(found.ended('wrong'))}, refused: {len(found.ended('lost'))}, "
        f"lost with a connection that no kill explains: {broken}",
        f"memory of the workers: {found.idle_bytes >> 20} MB idle, {found.peak_bytes >> 20} MB at most",
        f"attacks whose connection broke, without a kill: {len(found.broken)}",
        *(f"BROKEN {one}" for one in found.broken[:20]),
        *(f"LOST {one.door}: {one.words}" for one in [*found.ended("lost"), *found.ended("broken")][:10]),
    ]
    return "\n".join(lines)


def _honest() -> None:
    order = json.loads(sys.stdin.readline())
    place = Place(**{name: tuple(value) if isinstance(value, list) else value for name, value in order.items()})
    stop, found = threading.Event(), list[Sample]()
    thread = threading.Thread(target=lambda: found.extend(honest(place, stop)))
    thread.start()
    print("working", flush=True)
    sys.stdin.readline()
    stop.set()
    thread.join()
    print(json.dumps([asdict(one) for one in found]))


@contextmanager
def served() -> Iterator[tuple[Place, int]]:
    """Two workers over the demo's products: where their doors are, and the supervisor."""
    settings = deployed("retail", "customer_360", "promotions")
    fixed = {
        "workers": 2,
        "compute_s": COMPUTE_S,
        "memory_limit": "2GB",
        "temp_limit": "8GB",
        "demo": True,
        "rate_limit": 0,
    }
    given = {name: getattr(settings, name) for name in ("products", "policies", "state")} | fixed
    given |= {f"{door}_port": 0 for door in ("http", "flight", "postgres")}
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OUTPORT_")}
    variables |= {
        f"OUTPORT_{name.upper()}": str(value).lower() if value is True else str(value) for name, value in given.items()
    }
    command = [Path(sys.executable).parent / "outport", "serve"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        lines = "".join(process.stdout.readline() for _ in range(4))
        try:
            yield placed(lines, 2), process.pid
        finally:
            process.terminate()
            process.wait(60)


def placed(lines: str, count: int) -> Place:
    """Where a server of the demo says that its doors are."""
    web = re.findall(r"http://([^:/]+):(\d+)", lines)[0]
    host, first = re.findall(r"grpc://([^:]+):(\d+)", lines)[0]
    wire = re.findall(r"host=(\S+) port=(\d+)", lines)[0]
    return Place(
        (web[0], int(web[1])),
        tuple(f"grpc://{host}:{int(first) + number}" for number in range(count)),
        (wire[0], int(wire[1])),
        ("analyst", "analyst-demo"),
        ("steward", "steward-demo"),
        "/products/customer_360/customers?segment=eq.Premium&select=household_id,email&order=household_id&limit=20",
        "SELECT segment, count(*), sum(lifetime_value) FROM customer_360.customers GROUP BY segment ORDER BY segment",
        "SELECT * FROM customer_360.customers ORDER BY household_id",
        "{ customer_360 { customers(limit: 20) { household_id email monthly(limit: 2) { month spend } } } }",
        {"big": "retail.transactions", "small": "customer_360.customers", "id": "household_id"}
        | {"space": "retail", "parent": "products", "child": "transactions", "key": "product_id", "word": "department"},
    )


def main() -> None:
    """The show over the demo's products."""
    count = int(sys.argv[1]) if sys.argv[1:] else 120 if QUICK else 1000
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with served() as (place, supervisor):
        print(told(show(place, supervisor, count, 5 if QUICK else 15)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["honest"]:
        _honest()
    else:
        main()
