"""Change only what an analyst cannot see of a deployment's products, and every byte that is told of them stays equal.

The second world has a hidden column that is documented, promised, measured and checked otherwise, a product that nobody
of these sees and that is made of the shop, and runs, incidents, usage, quarantines and words about what is hidden.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
import yaml

from gateway import Gateway, ticking
from gateway.accounting import observations
from gateway.accounting.ledger import Ledger
from gateway.accounting.observations import Counted, Minute, Numbers
from gateway.desks import scorecards
from gateway.publication import runs
from gateway.publication.publish import publish
from gateway.service_levels import incidents
from gateway.service_levels.incidents import Incident
from gateway.service_levels.slo_told import write
from gateway.settings import Settings
from ports.http.server import HttpPort
from tests.conftest import HERE, PRINCIPALS, build, customers, orders, password, salaries
from tests.deployment import deployment

NOW = datetime.now(UTC).replace(microsecond=0)
SECRET = "zqsecret"
TELLING = (
    *("access?subject=analyst", "access?subject=steward", "feedback", "slo", "quality", "quality?format=oors"),
    *("measures", "metric-tree", "metric-tree.mmd", "openapi.json", "openlineage", "odps", "odcs", "snapshots"),
)
MANAGING = ("plan", "refreshes", "quarantine")
PATHS = [
    *(f"/products/{product}/-/{verb}" for product in ("shop", "hr", "bonus") for verb in (*TELLING, *MANAGING)),
    *(f"/products/{product}" for product in ("shop", "hr", "bonus")),
    *(f"/hub/{product}" for product in ("shop", "hr", "bonus")),
    *(f"/hub/{product}/-/steward?audit=1" for product in ("shop", "hr", "bonus")),
    *(f"/-/suggest?name={name}" for name in ("salary", "payroll", "bonus", "customer_id", SECRET)),
    *(f"/hub/-/search?q={word}" for word in ("salary", "payroll", "bonus", "shop", "customer", "hidden", SECRET)),
    *(f"/products/shop/-/measures/{name}" for name in ("payroll", "payrol", "nothing")),
    *(f"/products/shop/-/{verb}/payroll" for verb in ("decompose", "what-if")),
    *("/products", "/openapi.json", "/docs", "/", "/hub/-/playground", "/catalog.jsonld", "/llms.txt", "/-/scorecards"),
    *("/-/workspaces", "/-/projections", "/-/projections/bonus", "/hub/-/scorecards", "/metrics"),
]
# Where a steward sees that the worlds differ.
KNOWN = (
    *("/products", "/catalog.jsonld", "/llms.txt", "/-/scorecards", "/products/bonus", "/-/suggest?name=payroll"),
    *(f"/products/shop/-/{verb}" for verb in ("feedback", "odcs", "quality", "measures", "openapi.json")),
    *(f"/hub/-/search?q={SECRET}", "/hub/hr", "/products/hr/-/slo"),
)
CALLS = (
    *(f'"search_products", "arguments": {{"query": "{word}"}}' for word in ("", "salary", "bonus", SECRET)),
    '"describe_product", "arguments": {"product": "shop"}',
    '"describe_product", "arguments": {"product": "bonus"}',
    '"list_measures", "arguments": {"product": "shop"}',
    '"explain_access", "arguments": {"product": "shop"}',
)


def theirs(folder: Path) -> Settings:
    """The world in which all that is hidden is otherwise, made as `build` makes it: each product is published once."""
    shutil.copytree(HERE / "world", folder, dirs_exist_ok=True)
    held = {"customers": customers("ANOTHER-AND-LONGER-CANARY", 500), "orders": orders(), "salaries": salaries()}
    for name, table in held.items():
        data = folder / "products" / ("hr" if name == "salaries" else "shop") / "data"
        data.mkdir(exist_ok=True)
        pq.write_table(table, data / f"{name}.parquet")
    path = folder / "products" / "shop" / "shop.odcs.yaml"
    contract = yaml.safe_load(path.read_text())
    people = contract["schema"][0]
    salary = next(one for one in people["properties"] if one["name"] == "salary")
    salary |= {"description": "", "businessName": SECRET, "tags": [SECRET]}
    salary["quality"] = [{"id": f"{SECRET}-rule", "metric": "nullValues", "mustBe": 7, "severity": "warning"}]
    measure = {"name": "payroll", "semanticType": "measure", "transformLogic": "sum(salary)", "description": SECRET}
    people["properties"].append(measure)
    path.write_text(yaml.safe_dump(contract, sort_keys=False))
    settings = deployment(folder, PRINCIPALS)
    bonus(settings)
    for name in ("shop", "hr", "bonus"):
        publish(settings, settings.products / name)
    return settings


def bonus(settings: Settings) -> None:
    """A product made of the shop, which is granted to stewards."""
    reads = {"id": "bonus", "on": {"product": "shop"}, "to": {"subject": "product:bonus"}, "grant": {"columns": ["*"]}}
    seen = {"id": "paid", "on": {"product": "bonus"}, "to": {"role": "steward"}, "grant": {"columns": ["*"]}}
    (settings.policies / "bonus.yaml").write_text(yaml.safe_dump([reads, seen]))
    home = settings.products / "bonus"
    (home / "models").mkdir(parents=True)
    for kind in ("odps", "odcs"):
        told = yaml.safe_load((settings.products / "hr" / f"hr.{kind}.yaml").read_text())
        told |= {"id": "bonus", "name": f"Bonus {SECRET}", "status": "draft", "domain": "bonuses", "tags": [SECRET]}
        if kind == "odps":
            told["type"] = "aggregate"
            told["inputPorts"] = [{"name": "shop", "version": "1.2.0", "contractId": "shop"}]
            for port in told["outputPorts"]:
                port |= {"contractId": "bonus", "id": f"bonus-{port['type']}", "name": f"bonus-{port['type']}"}
        else:
            told.pop("servers")
        (home / f"bonus.{kind}.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    (home / "models" / "salaries.sql").write_text(
        "SELECT customer_id AS person_id, region AS person, lifetime AS pay FROM shop.customers"
    )


def happen(settings: Settings, gateway: Gateway) -> None:
    """Runs, refused rules, incidents, usage and words: all of what an analyst does not see."""
    ledger = Ledger(settings.state)
    times = {"begun": ticking.text(NOW)}
    for name in ("hr", "bonus"):
        row = {"run": f"{name}-1", "product": name, "trigger": "request", "by": "steward", "attempt": 1}
        ended = {"phase": "ended", "outcome": "refused", "snapshot": None, "finding": SECRET}
        ledger.append(runs.REFRESH, [row | times | {"phase": "begun"}, row | times | ended])
        minute = Minute(NOW, Counted(name, "rest", "steward", "person", SECRET), Numbers(queries=40, rows=7))
        ledger.append(observations.KIND, [minute.row])
    rule = {"product": "shop", "version": "1.2.0", "snapshot": None, "table": "customers", "rule": SECRET}
    rule |= {"name": SECRET, "dimension": "validity", "severity": "error", "holds": False, "value": 1.0}
    rule |= {"expected": "0", "unit": "rows", "run": "shop-1", "attempt": 1, "mock": False}
    ledger.append(runs.QUALITY, [rule | {"reads": ["customers", "customers.salary"]}])
    met = Incident(id="one", product="hr", objective="availability", port="rest", first_bad=NOW, opened=NOW)
    ledger.append(incidents.KIND, [incidents.opened(met, [])])
    told = met.document | {"first_bad": ticking.text(NOW), "opened": ticking.text(NOW)}
    result = {"product": "hr", "objective": "availability", "port": "rest", "state": "breached", "value": 0.5}
    write(settings.state, {"at": ticking.text(NOW), "results": [result], "incidents": [told]})
    steward = gateway.open(password("steward"), "rest")
    for name in ("shop", "hr"):
        gateway.feedback.give(steward, gateway.product(steward, name), "problem", f"{SECRET} of {name}", 1)


@dataclass(frozen=True)
class Two:
    """What each world tells, by path or call: status, and every byte without ids and moments; `known`: to a steward."""

    ours: dict[str, tuple[int, str]]
    theirs: dict[str, tuple[int, str]]
    known: tuple[dict[str, tuple[int, str]], ...]


def told(gateway: Gateway, subject: str, *paths: str) -> dict[str, tuple[int, str]]:
    """What `paths` tell the subject over HTTP, all of them where none is named."""
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    html = {"Accept": "text/html"}
    with httpx.Client(base_url=f"http://{host}:{number}", auth=(subject, f"{subject}-secret"), timeout=60) as client:
        found = {}
        for path in paths or PATHS:
            page = path == "/" or path.startswith(("/hub", "/docs"))
            answer = client.get(path, headers=html if page else {"X-Forwarded-For": "203.0.113.9"})
            found[path] = (answer.status_code, timeless(answer))
        for call in () if paths else CALLS:
            message = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {{"name": {call}}}}}'
            kind = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
            answer = client.post("/mcp", content=message, headers=kind)
            found[call] = (answer.status_code, timeless(answer))
    port.stop()
    return found


def timeless(answer: httpx.Response) -> str:
    """The headers that tell of products, and the body, without ids and moments: these differ anywhere."""
    kept = "\n".join(f"{name}: {value}" for name, value in answer.headers.items() if name in TOLD_BY)
    text = f"{kept}\n\n{answer.text}".replace(str(answer.url.port), "PORT")
    for pattern, name in CLOCK:
        text = re.sub(pattern, name, text)
    return text


TOLD_BY = ("cache-control", "vary", "link", "x-outport-products", "content-type", "deprecation", "sunset")
CLOCK = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?[\d.]*( ?UTC|Z|\+00:00)?", "MOMENT"),
    (r"\d{8}[Tt]\d{6}(\d*)[Zz]?(_[0-9a-f]{4})?", "MOMENT"),
    (r"age=\d+", "age=0"),
    (r"\b[0-9a-f]{12,}\b", "ID"),
    (r'name="token" value="[^"]*"', "TOKEN"),
    (r'"(computed_s|cpu_s|rendered_s|sent_bytes|cost)":[\d.e-]+', r'"\1":0'),
    (r'"age(_s)?": ?\d+', '"age":0'),
)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    found, known = [], []
    for made in (build, theirs):
        settings = made(tmp_path_factory.mktemp(made.__name__))
        gateway = Gateway(settings)
        if made is theirs:
            happen(settings, gateway)
        else:
            write(settings.state, {"at": ticking.text(NOW), "results": [], "incidents": []})
        cards = scorecards.made(settings, gateway.pin().deployment, NOW + timedelta(minutes=1))
        scorecards.keep(settings, cards, NOW)
        found.append(told(gateway, "analyst"))
        known.append(told(gateway, "steward", *KNOWN))
        gateway.close()
    return Two(*found, tuple(known))


def test_nothing_is_told_by_what_is_hidden(two: Two) -> None:
    for path in (*PATHS, *CALLS):
        assert two.ours[path] == two.theirs[path], path
    assert {status for status, _ in two.ours.values()} == {200, 400, 403, 404}


def test_who_sees_it_is_told(two: Two) -> None:
    ours, theirs = two.known
    assert {path for path in KNOWN if ours[path] == theirs[path]} == set()
