"""Workspaces: what a product names has to admit it, and its limits hold for all that read its products."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pyarrow as pa
import pytest
import yaml

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load as load_keys
from gateway.contracts import contract, workspaces
from gateway.contracts.contract import ContractError
from gateway.errors import Exhausted
from gateway.limits import NOTHING, Limits
from gateway.principal import NEVER, Principal, Scope
from gateway.publication import production
from gateway.publication.publish import publish, retain_s, together
from gateway.publication.refresher import Refresher
from gateway.reach.spending import Spending
from gateway.serving import manifest, running
from gateway.serving.running import Asker, Share, Slots
from gateway.session import Session
from ports.command import main
from ports.http.server import HttpPort
from tests.doors import DOORS, Refusal
from tests.gateway.test_siblings import linked
from tests.workshop import KEY, STEWARD, Workshop, column

SUPPLY = {
    "title": "Supply chain",
    "owners": ["olga"],
    "products": ["stock", "move*"],
    "limits": {"maxRows": 40, "maxConcurrency": 8, "maxQueries": 1000},
    "snapshotRetention": "2d",
    "refresh": {"cron": "0 6 * * *"},
    "variables": {"least": 3},
    "environments": {"test": {"limits": {"maxRows": 20}, "variables": {"least": 4}}},
}
FINANCE = {"title": "Finance", "products": ["ledgers"], "limits": {"maxRows": 30}}
ROWS = "SELECT n FROM {}.rows"


def declared(folder: Path, **every: Any) -> None:
    (folder / workspaces.FILE).write_text(yaml.safe_dump(every))


def product(shop: Workshop, name: str, workspace: Any, **more: Any) -> Path:
    custom = {} if workspace is None else {"workspace": workspace}
    told = {"rows": {"n": KEY, "word": column("VARCHAR")}}
    data = {"rows": pa.table({"n": range(100), "word": ["w"] * 100})}
    return shop.declare(name, told, data=data, custom=custom, **more)


@dataclass(frozen=True)
class Floor:
    """Two workspaces and a product of none, served."""

    shop: Workshop
    gateway: Gateway


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    shop = Workshop(tmp_path_factory.mktemp("floor"))
    manage = {"id": "m", "on": {"product": "stock"}, "to": {"subject": "mara"}, "manage": True}
    blind = {"id": "b", "on": {"product": "*"}, "to": {"subject": "vera"}, "manage": True}
    shop.allow({**STEWARD, "to": {"role": ["steward", "reader"]}}, manage, blind)
    folders = [product(shop, name, of) for name, of in PRODUCTS.items()]
    declared(shop.settings.products, supply=SUPPLY, finance=FINANCE)
    together(shop.settings, folders)
    directory = Directory(shop.settings.principals, load_keys(shop.settings))
    for subject in ("steward", "olga", "mara", "nobody", "vera"):
        role = ("reader",) if subject != "vera" else ()
        directory.add(subject, "person", {"role": role}, f"{subject}-secret")
    gateway = Gateway(shop.settings)
    yield Floor(shop, gateway)
    gateway.close()


PRODUCTS: dict[str, Any] = {
    "stock": "supply", "moves": {"name": "supply", "maxRows": 10}, "ledgers": "finance", "plain": None,
}  # fmt: skip


@pytest.mark.parametrize("name", ["python", "rest", "flightsql", "postgres"])
def test_the_limits_of_a_workspace_hold_at_every_door_and_the_least_of_all_that_are_read(
    floor: Floor, name: str
) -> None:
    door = DOORS[name](floor.gateway)
    both = "SELECT s.n FROM stock.rows s JOIN ledgers.rows USING (n) LIMIT {}"
    try:
        assert door.ask("steward", ROWS.format("plain")).num_rows == 100
        for text, most in (
            (ROWS.format("stock") + " LIMIT {}", 40),
            (ROWS.format("moves") + " LIMIT {}", 10),
            (both, 30),
        ):
            assert door.ask("steward", text.format(most)).num_rows == most
            with pytest.raises(Refusal, match=f"more than {most} rows"):
                door.ask("steward", text.format(most + 1))
    finally:
        door.close()


def test_a_workspace_that_is_no_more_is_not_answered_and_a_bad_edit_changes_nothing(floor: Floor) -> None:
    folder = floor.shop.settings.products
    gateway = Gateway(floor.shop.settings)
    door = DOORS["python"](gateway)
    try:
        door.ask("steward", ROWS.format("stock") + " LIMIT 1")
        (folder / workspaces.FILE).write_text("supply: {title: [")
        until = threading.Event()
        for text, said in (("supply: {", None), ("finance: {title: F, products: [ledgers]}", "workspace of stock")):
            (folder / workspaces.FILE).write_text(text)
            until.wait(0.35)
            if said is None:
                assert door.ask("steward", ROWS.format("stock") + " LIMIT 40").num_rows == 40
                assert any(workspaces.FILE in one for one in gateway.ready().problems)
                continue
            with pytest.raises(Refusal, match=said) as refusal:
                door.ask("steward", ROWS.format("stock") + " LIMIT 1")
            assert refusal.value.code == "unavailable"
            assert door.ask("steward", ROWS.format("plain")).num_rows == 100
    finally:
        gateway.close()
        declared(folder, supply=SUPPLY, finance=FINANCE)


def test_who_answers_for_a_workspace_is_told_of_its_limits_and_use(floor: Floor) -> None:
    port = HttpPort(floor.gateway)
    port.start()
    try:
        host, number = port.address
        base = f"http://{host}:{number}"
        DOORS["python"](floor.gateway).ask("nobody", ROWS.format("stock") + " LIMIT 1")

        def told(subject: str, path: str = "/-/workspaces") -> Any:
            return httpx.get(base + path, auth=(subject, f"{subject}-secret")).json()["data"]

        assert told("nobody") == []
        assert httpx.get(f"{base}/-/workspaces?name=supply", auth=("olga", "olga-secret")).status_code == 400
        # To manage what is not granted is to know nothing of it.
        assert told("vera") == []
        assert [one["name"] for one in told("mara")] == ["supply"]
        assert told("mara")[0]["products"] == ["stock"]
        (found,) = told("olga")
        assert found["products"] == ["moves", "stock"]
        assert found["limits"] == {"maxRows": 40, "maxConcurrency": 8, "maxQueries": 1000}
        assert found["use"]["queries"] >= 1
        assert found["use"]["running"] == 0
        assert told("nobody", "/products/stock")["workspace"] == "supply"
        assert told("nobody", "/products/plain")["workspace"] is None
        metrics = httpx.get(f"{base}/metrics").text
        assert 'outport_workspace_queries_total{port="python",workspace="supply"}' in metrics
        assert 'outport_workspace_queries_running{workspace="supply"}' in metrics
    finally:
        port.stop()


def test_a_key_for_some_of_it_tells_its_owner_nothing_of_the_rest(floor: Floor) -> None:
    def told(scope: Scope) -> list[str]:
        olga = Principal("olga", "person", {"role": (), "purpose": ()}, NEVER, scope)
        return [one.workspace.name for one in floor.gateway.workspaces.of(Session(olga, "rest", None, ()))]

    assert told(Scope(("rest",), None, None)) == ["supply"]
    assert told(Scope(None, ("plain",), None)) == told(Scope(None, None, ("query",))) == []


def test_the_command_tells_products_limits_and_use(floor: Floor, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [f"--{name}={getattr(floor.shop.settings, name)}" for name in ("products", "policies", "state")]
    main.app(["workspaces", "--json", *flags], standalone_mode=False)
    told = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert told["supply"]["products"] == ["moves", "stock"]
    assert told["finance"]["limits"] == {"maxRows": 30}
    main.app(["workspaces", *flags], standalone_mode=False)
    assert "Supply chain" in capsys.readouterr().out


def test_what_the_descriptor_leaves_open_its_workspace_says(floor: Floor) -> None:
    settings = floor.shop.settings
    served = {
        one.product.name: one.product
        for one in production.deployment(settings.state, manifest.read(settings.state)).snapshots
    }
    assert retain_s(settings, served["stock"]) == 2 * 86_400
    assert retain_s(settings, served["plain"]) == settings.retain_s
    timed = Refresher(settings)._default
    assert timed(served["stock"]) == workspaces.load(settings.products, None).by_name["supply"].schedule
    assert timed(served["ledgers"]) is timed(served["plain"]) is None


@pytest.mark.parametrize(
    ("name", "workspace", "said"),
    [
        ("other", "suply", "there is no workspace suply.*did you mean supply"),
        ("other", "supply", "the workspace supply does not admit it"),
        ("other", "Not A Name", "Not A Name is no name"),
        ("other", {"name": "supply", "maxRow": 1}, "unknown limit maxRow"),
        ("other", {"name": 3}, "3 is no name"),
    ],
)
def test_a_workspace_that_does_not_admit_the_product_stops_its_publication(
    tmp_path: Path, name: str, workspace: Any, said: str
) -> None:
    shop = Workshop(tmp_path)
    folder = product(shop, name, workspace)
    declared(shop.settings.products, supply=SUPPLY)
    with pytest.raises(ContractError, match=said) as refused:
        publish(shop.settings, folder)
    assert all(one.line for one in refused.value.findings)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"products": ["a"]}, "supply.title: error: the key title is missing"),
        ({"title": "S", "products": ["A b"]}, "supply.products[0]"),
        ({"title": "S", "products": ["a"], "limits": {"maxRow": 1}}, "supply.limits.maxRow: error: unknown limit"),
        ({"title": "S", "products": ["a"], "limit": {}}, "did you mean limits?"),
        ({"title": "S", "products": ["a"], "refresh": {"cron": "soon"}}, "supply.refresh: error: refresh: soon"),
        ({"title": "S", "products": ["a"], "snapshotRetention": "long"}, "supply.snapshotRetention"),
        ({"title": "S", "products": ["a"], "variables": {"X": 1}}, "supply.variables.X"),
        (
            {"title": "S", "products": ["a"], "environments": {"t": {"limits": {"maxRows": 0}}}},
            "supply.environments.t.limits.maxRows",
        ),
    ],
)
def test_what_is_no_workspace_is_told_by_line(tmp_path: Path, body: Any, place: str) -> None:
    declared(tmp_path, supply=body)
    found = workspaces.load(tmp_path, "other")
    assert not found.by_name
    assert [str(one) for one in found.findings if place in str(one) and one.line]


def test_an_environment_has_limits_and_variables_of_its_own(tmp_path: Path) -> None:
    declared(tmp_path, supply=SUPPLY)
    here, there = (workspaces.load(tmp_path, name).by_name["supply"] for name in ("test", "elsewhere"))
    assert (here.query.rows, here.shared.queries, here.variables) == (20, 1000, {"least": 4})
    assert (there.query.rows, there.shared.running, there.variables) == (40, 8, {"least": 3})


def test_what_a_workspace_does_not_admit_has_none_of_its_limits(tmp_path: Path) -> None:
    declared(tmp_path, supply=SUPPLY)
    known = workspaces.load(tmp_path, "test")
    told = {name: known.of(SimpleNamespace(workspace="supply", name=name)) for name in ("stock", "other")}  # type: ignore[arg-type]
    assert {name: one and one.name for name, one in told.items()} == {"stock": "supply", "other": None}


def test_a_workspace_fills_the_variables_of_its_products_alone(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    least = {"rows": [{"id": "least", "metric": "rowCount", "mustBeGreaterThan": "${least}"}]}
    folders = {name: product(shop, name, "supply", quality=least) for name in ("stock", "other")}
    declared(shop.settings.products, supply=SUPPLY)

    def filled(name: str) -> Any:
        documents = contract.load(folders[name], "test").documents
        return documents[f"{name}.odcs.yaml"]["schema"][0]["quality"][0]["mustBeGreaterThan"]

    assert filled("stock") == 4
    own = folders["stock"] / "environments"
    own.mkdir()
    (own / "test.yaml").write_text("least: 9\n")
    assert filled("stock") == 9
    with pytest.raises(ContractError, match="no variable least"):
        filled("other")


def test_a_product_reads_the_secrets_of_its_workspace_and_no_others(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    home = tmp_path / "secrets"
    (home / "supply").mkdir(parents=True)
    (home / "supply" / "key").write_text("supply's\n")
    (home / "key").write_text("everybody's\n")
    (home / "other").write_text("everybody's\n")
    settings = shop.settings.model_copy(update={"secrets": home})
    assert production.secrets_of(settings, drawn("${secret:key}"), "supply") == {"key": "supply's"}
    assert production.secrets_of(settings, drawn("${secret:key}"), "") == {"key": "everybody's"}
    for workspace, name in (("supply", "other"), ("finance", "key"), ("", "supply")):
        with pytest.raises(ContractError, match=f"the secret {name}"):
            production.secrets_of(settings, drawn(f"${{secret:{name}}}"), workspace)


def drawn(uri: str) -> Any:
    """What a build is drawn as, as far as its sources go."""
    fetch = SimpleNamespace(uri=uri, where="stock.odcs.yaml servers[0]")
    return SimpleNamespace(job=SimpleNamespace(relations=[SimpleNamespace(fetch=fetch)]))


def test_a_budget_of_a_workspace_is_that_of_all_who_read_it_in_all_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)  # windows begin at full hours
    first, second = (Spending(3600, one) for one in linked(2))
    its = {"supply": Limits(1, 1, None, queries=2)}
    try:
        first.take(["ann"], NOTHING, its)
        first.take(["bob"], NOTHING, its)
        first.computed(["bob"], 1500, ["supply"])
        with pytest.raises(Exhausted, match="budget of 2 queries of the workspace supply"):
            first.take(["cid"], NOTHING, its)
        first.take(["cid"], NOTHING, {"finance": NOTHING})
        until = threading.Event()
        while second.of_workspace("supply") != (2, 1.5):
            until.wait(0.01)
        with pytest.raises(Exhausted):
            second.take(["dan"], NOTHING, its)
        assert second.of_workspace("finance") in {(0, 0.0), (1, 0.0)}
    finally:
        first.close()
        second.close()


def asker(name: str, *spaces: str, cap: int | None = None) -> Asker:
    return Asker(name, None, tuple(Share(one, cap) for one in spaces))


def test_a_workspace_computes_no_more_at_once_than_it_may_whoever_asks() -> None:
    slots = Slots(8, 0.01)
    for name in ("ann", "bob"):
        slots.take(None, asker(name, "supply", cap=2))
    for spaces in (("supply",), ("finance", "supply")):
        with pytest.raises(Exhausted, match="2 queries of the workspace supply"):
            slots.take(None, asker("cid", *spaces, cap=2))
    slots.take(None, asker("cid", "finance", cap=2))
    assert slots.shares() == {"supply": (2, 0), "finance": (1, 0)}
    slots.give(asker("ann", "supply"))
    slots.take(None, asker("cid", "finance", "supply", cap=2))


def test_a_noisy_workspace_does_not_starve_another(monkeypatch: pytest.MonkeyPatch) -> None:
    slots, taken, first, rest = Slots(2, 0.01), threading.Barrier(5), threading.Event(), threading.Event()

    def held(one: Asker, until: threading.Event) -> None:
        slots.take(None, one)
        taken.wait(20)
        until.wait(20)
        slots.give(one)

    noisy = [asker(f"noisy-{number}", "supply") for number in range(5)]
    ends = [first, rest, rest, rest]
    threads = [threading.Thread(target=held, args=each) for each in zip(noisy, ends, strict=False)]
    for one in threads:
        one.start()
    taken.wait(20)
    with pytest.raises(Exhausted):
        slots.take(None, noisy[4])
    ann, bob = asker("ann", "finance"), asker("bob", "finance")
    slots.take(None, ann)  # its workspace had no turn, and waits for nobody
    slots.give(ann)
    first.set()
    threads[0].join(20)
    monkeypatch.setattr(running, "LONG_S", -1.0)
    with pytest.raises(Exhausted):  # what ends of its long turns is for others
        slots.take(None, noisy[4])
    slots.take(None, bob)
    rest.set()
    for one in threads:
        one.join(20)


def test_turns_go_to_the_workspace_that_has_the_fewest() -> None:
    slots, got = Slots(1, 20), list[str]()
    for one in (asker("ann", "supply"), asker("bob", "supply"), asker("cid", "finance")):
        slots.take(None, one)
    waiting = [("dan", "supply"), ("eve", "finance")]
    threads = []
    for number, (name, space) in enumerate(waiting):
        who = asker(name, space)
        threads.append(threading.Thread(target=lambda one=who: (slots.take(None, one), got.append(one.name))))
        threads[-1].start()
        while slots.waiting <= number:
            threading.Event().wait(0.001)
    slots.give(asker("cid", "finance"))
    while not got:
        threading.Event().wait(0.001)
    assert got == ["eve"]
    slots.give(asker("ann", "supply"))
    slots.give(asker("bob", "supply"))
    for one in threads:
        one.join(60)
    assert sorted(got) == ["dan", "eve"]


def test_a_session_has_the_limits_of_its_workspace_with_its_principals(floor: Floor) -> None:
    settings = floor.shop.settings
    rules = settings.policies / "limits.yaml"
    rules.write_text("- {id: few, to: {subject: olga}, limit: {maxRows: 5}}\n")
    gateway = Gateway(settings)
    try:
        door = DOORS["python"](gateway)
        with pytest.raises(Refusal, match="more than 5 rows"):
            door.ask("olga", ROWS.format("stock") + " LIMIT 6")
    finally:
        gateway.close()
        rules.unlink()
