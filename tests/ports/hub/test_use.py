"""Who uses a product, by which agreement, and what its versions changed: each told as far as its reader may know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pyarrow as pa
import pytest
import yaml

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.accounting.ledger import Ledger
from gateway.accounting.observations import Counted, Minute, Numbers
from gateway.contracts.grading import Change
from gateway.desks import product_desk
from gateway.desks.scorecards import keep, made
from gateway.operations.retirement import retire
from gateway.publication.own_product import publish_itself
from gateway.publication.publish import publish
from gateway.service_levels.use_cases import UseCase
from gateway.serving.catalog import Catalog
from gateway.ticking import MACHINE
from ports.http.server import HttpPort
from tests.ports.hub import reading
from tests.workshop import KEY, STEWARD, Workshop, column

RULES = [
    STEWARD,
    {"id": "manage", "on": {"product": ["*"]}, "to": {"role": "steward"}, "manage": True},
    {"id": "read", "on": {"product": "shop"}, "to": {"role": "analyst"}, "grant": {"columns": ["*"]}},
    {"id": "hidden", "on": {"product": "shop"}, "to": {"role": "analyst"}, "hide": {"columns": ["wage"]}},
    {"id": "own", "on": {"product": "outport"}, "to": {"role": ["analyst", "steward"]}, "grant": {"columns": ["*"]}},
]
AGREED = {"product": "shop", "start": "2020-01-01", "approver": "boss@example.com"}
AGREEMENTS = [
    {**AGREED, "id": "for-ann", "consumer": "ann", "purposes": ["planning"], "end": "2100-01-31"},
    {**AGREED, "id": "for-bob", "consumer": "bob", "purposes": ["secret-plan"], "end": "2100-01-31"},
    {**AGREED, "id": "for-analysts", "roles": "analyst", "end": "2021-01-31"},
]
PEOPLE = {"ann": "analyst", "bob": "analyst", "eve": "steward", "zed": "nobody"}


def declared(shop: Workshop, version: str, **columns: object) -> None:
    table = {"id": KEY, "wage": column("DOUBLE"), **columns}
    data = pa.table({name: pa.array([1, 2]).cast(pa.float64() if name == "wage" else pa.int64()) for name in table})
    publish(shop.settings, shop.declare("shop", {"sales": table}, data={"sales": data}, version=version))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = Workshop(tmp_path_factory.mktemp("use"))
    shop.allow(*RULES)
    agreements = shop.settings.policies / "agreements"
    agreements.mkdir()
    (agreements / "all.yaml").write_text(yaml.safe_dump(AGREEMENTS))
    declared(shop, "1.0.0", gone=column())
    declared(shop, "2.0.0", extra=column())
    used(shop)
    return shop


def used(shop: Workshop) -> None:
    """What ann and bob asked, on two days."""
    now = MACHINE.now().replace(minute=0, second=0, microsecond=0)
    for days in (2, 1):
        asked = [
            Minute(
                now - timedelta(days),
                Counted("shop", "rest", who, "person", why, 2),
                Numbers(count, 0, 0, 0, 5, 9, 1.5),
            )
            for who, why, count in (("ann", "planning", 3), ("bob", "", 40))
        ]
        Ledger(shop.settings.state).append("hours", [one.row for one in asked])
    cards = made(shop.settings, Catalog(shop.settings.state).current(), now)
    cases = (UseCase("planning", ("purpose",)), UseCase("ann", ("person",)), UseCase("pay", (), ("sales.wage",)))
    keep(shop.settings, [replace(one, cases=cases, sent_bytes=4321, cpu_s=7.5) for one in cards], now)
    publish_itself(shop.settings)
    directory = Directory(shop.settings.principals, load(shop.settings))
    for name, role in PEOPLE.items():
        directory.add(name, "person", {"role": (role,)}, f"{name}-secret")


@pytest.fixture(scope="module")
def pages(shop: Workshop) -> Iterator[dict[str, str]]:
    """The product's page, by who looks."""
    gateway = Gateway(shop.settings)
    port = HttpPort(gateway)
    port.start()
    address = "http://{}:{}/hub/shop".format(*port.address)
    texts = {}
    for name in ("ann", "bob", "eve"):
        for where, page in ((name, address), (f"{name}'s cards", f"{address[: -len('shop')]}-/scorecards")):
            told = httpx.get(page, auth=(name, f"{name}-secret"), timeout=60)
            assert told.status_code == 200, told.text
            texts[where] = reading.read(told.text).text
    yield texts
    port.stop()
    gateway.close()


def test_scorecards_are_a_page_and_what_is_counted_over_all_is_for_who_sees_all(pages: dict[str, str]) -> None:
    ann, eve = pages["ann's cards"], pages["eve's cards"]
    for text in (ann, eve):
        assert "rest 86" in text
        assert "none 80, planning 6" in text
        assert "person 2" in text
    assert "1, of which 1 are used" in ann, "of those that one sees"
    assert "- - - 0 %" in ann, "nothing of what is described, where a column is hidden"
    assert "- - - 0 %" not in eve


def test_which_use_cases_have_asked_and_what_a_domain_costs_stand_on_the_page(pages: dict[str, str]) -> None:
    ann, eve = pages["ann's cards"], pages["eve's cards"]
    assert "1 of 2: planning as purpose; ann not seen 0" in ann
    assert "2 of 3: planning as purpose; ann as person; pay not seen 0" in eve
    domains = eve.partition("By domain, and all together")[2].partition("May be retired")[0]
    assert domains.count("4,321 7.5 s") == 2, "of the domain and of all"


def test_counts_are_told_to_each_and_use_to_whom_it_was(pages: dict[str, str]) -> None:
    for name in ("ann", "bob", "eve"):
        text = pages[name]
        assert "Active consumers 2 people" in text
        assert "rest 86" in text
    assert "Your own questions by day." in pages["ann"]
    assert "ann person 6" in pages["ann"]
    assert "bob" not in pages["ann"]
    assert "Questions by day." in pages["eve"]
    assert "bob person 80" in pages["eve"]
    assert "ann person 6" in pages["eve"]


def test_an_agreement_is_told_to_its_consumer_and_to_who_manages(pages: dict[str, str]) -> None:
    assert "for-ann in force planning every 2020-01-01 2100-01-31" in pages["ann"]
    assert "for-analysts ended any" in pages["ann"]
    assert not [word for word in ("for-bob", "secret-plan", "boss@example.com") if word in pages["ann"]]
    assert "for-bob in force bob secret-plan every 2020-01-01 2100-01-31 boss@example.com" in pages["eve"]


def test_a_version_tells_what_it_changed_of_what_is_seen(shop: Workshop, pages: dict[str, str]) -> None:
    assert "adds sales.extra the column is new" in pages["ann"]
    assert "breaks sales.gone the column is gone" in pages["eve"]
    assert "breaks sales.gone the column is gone" in pages["ann"], "she sees it in the major before, which is served"
    assert "2.0.0" in pages["ann"].partition("Changelog")[2]
    assert "First published." in pages["eve"]


def test_a_change_of_what_is_hidden_changes_no_byte_of_the_changelog(shop: Workshop, tmp_path: Path) -> None:
    told = []
    for number, kind in enumerate(("DOUBLE", "BIGINT")):
        other = Workshop(tmp_path_of(tmp_path, number))
        other.allow(*RULES)
        declared(other, "1.0.0")
        data = pa.table({"id": [1], "wage": [1.0]})
        table = {"sales": {"id": KEY, "wage": column(kind, description="of people")}}
        publish(other.settings, other.declare("shop", table, data={"sales": data}, version="2.0.0"))
        people = Directory(other.settings.principals, load(other.settings))
        people.add("ann", "person", {"role": ("analyst",)}, "ann-secret")
        gateway = Gateway(other.settings)
        session = gateway.impersonate("ann", "rest")
        found = gateway.desk.changes(session, gateway.product(session, "shop"))
        told.append([(one.version, one.before, one.digest, one.changes) for one in found])
        gateway.close()
    assert told[0] == told[1] == [("2.0.0", "1.0.0", "", ()), ("1.0.0", "", "", ())]


def test_what_is_gone_is_told_as_long_as_something_shows_it_and_to_whom_it_does(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    columns = {"id": KEY, "gone": column(tags=["later"]), "pay": column(tags=["kept"]), "wage": column("DOUBLE")}
    data = pa.table({"id": [1], "gone": [1], "pay": [1], "wage": [1.0]})
    hide = {"on": {"product": "shop"}, "to": {"role": "analyst"}}
    kept = {**hide, "id": "kept", "hide": {"columns": ["tag:kept"]}}
    later = {**hide, "id": "later", "hide": {"columns": ["tag:later"]}}
    shop.allow(*RULES, kept)
    publish(shop.settings, shop.declare("shop", {"sales": columns}, data={"sales": data}, version="1.0.0"))
    fewer = {"id": KEY, "wage": columns["wage"], "extra": column(tags=["later", "kept"])}
    data = pa.table({"id": [1], "wage": [1.0], "extra": [1]})
    publish(shop.settings, shop.declare("shop", {"sales": fewer}, data={"sales": data}, version="2.0.0"))
    people = Directory(shop.settings.principals, load(shop.settings))
    for name, role in PEOPLE.items():
        people.add(name, "person", {"role": (role,)}, f"{name}-secret")

    def told(name: str) -> set[str]:
        gateway = Gateway(shop.settings)
        session = gateway.impersonate(name, "rest")
        found = gateway.desk.changes(session, gateway.product(session, "shop"))
        gateway.close()
        return {change.place for one in found for change in one.changes if change.what == "the column is gone"}

    assert told("eve") == {"sales.gone", "sales.pay"}
    assert told("ann") == {"sales.gone"}, "what was paid was never hers to see"
    shop.allow(*RULES, kept, later)
    assert told("ann") == set(), "by the rules of today it is not hers in the major before, either"
    shop.allow(*RULES, kept)
    retire(shop.settings, "shop", 1, "over", "", lambda *_: None)
    assert told("ann") == set(), "nothing shows it any more, so no rule can be asked"
    assert told("eve") == {"sales.gone", "sales.pay"}


def test_a_hidden_table_that_is_called_as_its_product_is_in_no_changelog() -> None:
    snapshot = SimpleNamespace(product=SimpleNamespace(name="sales"))
    snapshot.source = snapshot
    visible: Any = SimpleNamespace(product=snapshot.product, snapshot=snapshot, tables=())
    of_table = [
        Change("major", "sales", what)
        for what in (
            "its key is id, wage, was id", "the reference to payroll is new", "the table is new", "the table is gone",
            "its rows are made by another model", "its quality rules are others", "what is said of the table is other",
        )
    ]  # fmt: skip
    assert list(product_desk._seen(tuple(of_table), visible, set())) == []
    of_product = (Change("patch", "sales", "what is said of it is other"),)
    assert tuple(product_desk._seen(of_product, visible, set())) == of_product


def tmp_path_of(folder: Path, number: int) -> Path:
    (folder / str(number)).mkdir()
    return folder / str(number)
