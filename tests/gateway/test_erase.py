"""Erasure: the subject's rows are gone from every file and every answer, all others stay, and nothing tells the key."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from gateway.accounting.operator import Act
from gateway.contracts.contract import ContractError
from gateway.errors import BadQuery, Expired, GatewayError, NotFound
from gateway.files.alone import taken
from gateway.inputs import compaction
from gateway.inputs.segments import Shelf
from gateway.operations import erase as module
from gateway.operations import retirement
from gateway.operations.erase import Erased, Subject, erase
from gateway.publication.progress import silent
from gateway.serving import manifest, shelf
from gateway.serving.catalog import Catalog
from gateway.snapshot import Snapshot
from tests.workshop import KEY, STEWARD, Workshop, column, stored

CANARY = "ERASE-ME-7f3a"
TABLES: dict[str, dict[str, Any]] = {
    "people": {"id": column("VARCHAR", primaryKey=True), "name": column("VARCHAR"),
               "boss": column("VARCHAR", relationships=[{"to": "people.id"}])},
    "orders": {"order_id": KEY, "person": column("VARCHAR", relationships=[{"to": "people.id"}])},
    "lines": {"line_id": KEY, "order_id": column(relationships=[{"to": "orders.order_id"}]), "text": column("VARCHAR")},
    "rates": {"code": column("VARCHAR", primaryKey=True)},
}  # fmt: skip
DATA = {
    "people": pa.table({"id": [CANARY, "b", "c"], "name": [f"{CANARY}-name", "B", "C"], "boss": [None, "c", "b"]}),
    "orders": pa.table({"order_id": [1, 2, 3, 4], "person": [CANARY, CANARY, "b", None]}),
    "lines": pa.table({"line_id": [1, 2, 3, 4], "order_id": [1, 2, 3, None], "text": [f"{CANARY}-a", "x", "y", "z"]}),
    "rates": pa.table({"code": ["EUR"]}),
}
NAMES = {"names": {"id": column("VARCHAR", primaryKey=True), "name": column("VARCHAR")}}
NAMED = {"names": "SELECT id, name FROM staff.people"}
EXACT = {"people": [{"id": "three", "metric": "rowCount", "mustBe": 3, "severity": "error"}]}
READERS = (
    {"id": "names", "on": {"product": "staff"}, "to": {"subject": "product:names", "kind": "product"},
     "grant": {"columns": ["*"]}},
    {"id": "more", "on": {"product": "names"}, "to": {"subject": "product:more", "kind": "product"},
     "grant": {"columns": ["*"]}},
)  # fmt: skip
MORE = "SELECT count(*) AS people FROM names.names"
WHO = Subject("staff", "people", (CANARY,))


@dataclass(frozen=True)
class Done:
    """A deployment after one erasure, with what it had served before."""

    shop: Workshop
    before: manifest.Manifest
    held: list[str]
    answer: Erased


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A product, one that is made of it, one made of that, and one that refers to it; no test changes them."""
    made = Workshop(tmp_path_factory.mktemp("base"))
    made.allow(STEWARD, *READERS)
    exact = {"names": EXACT["people"]}
    notes = {"notes": {"note": KEY, "person": column("VARCHAR", relationships=[{"to": "staff.people.id"}])}}
    made.declare("staff", TABLES, data=DATA, quality=EXACT)
    made.declare("names", NAMES, models=NAMED, inputs=["staff"], quality=exact)
    made.declare("more", {"counted": {"people": KEY}}, models={"counted": MORE}, inputs=["names"])
    made.declare("notes", notes, data={"notes": pa.table({"note": [1], "person": ["b"]})})
    for name in ("staff", "names", "more", "notes"):
        made.publish(name)
    return made


@pytest.fixture(scope="module")
def done(base: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The same with a snapshot that is kept and one that was not fit, after the erasure."""
    shop = _copied(base, tmp_path_factory.mktemp("done"))
    shop.publish("staff", force=True)
    shop.fill("staff", "people", pa.concat_tables([DATA["people"], DATA["people"]]))
    with pytest.raises(ContractError):
        shop.publish("staff")
    shop.fill("staff", "people", DATA["people"])
    before, held = manifest.read(shop.settings.state), holding(shop)
    return Done(shop, before, held, erased(shop))


@pytest.fixture
def shop(base: Workshop, tmp_path: Path) -> Workshop:
    return _copied(base, tmp_path)


def _copied(base: Workshop, folder: Path) -> Workshop:
    made = copy.copy(base)
    places = ("products", "policies", "state")
    for name in places:
        shutil.copytree(getattr(base.settings, name), folder / name)
    made.settings = base.settings.model_copy(update={name: folder / name for name in places})
    return made


def erased(shop: Workshop, who: Subject = WHO) -> Erased:
    return erase(shop.settings, who, Act("ada", "erase", reason="she asked"), silent)


def served(shop: Workshop, name: str) -> Snapshot:
    found = Catalog(shop.settings.state).current().find(name)
    assert found is not None
    return found


def holding(shop: Workshop, text: str = CANARY) -> list[str]:
    """The files of the state that hold a text."""
    files = [path for path in shop.settings.state.rglob("*") if path.is_file()]
    return [str(path) for path in files if text.encode() in path.read_bytes()]


def audited(shop: Workshop) -> Iterator[dict[str, Any]]:
    for path in (shop.settings.state / "audit").glob("*"):
        yield from (json.loads(line) for line in path.read_text().splitlines())


def test_no_file_of_the_state_holds_the_subject_any_more(done: Done) -> None:
    assert any(shelf.FAILED in path for path in done.held)
    assert len(done.held) >= 4
    assert holding(done.shop) == []
    found = done.answer
    assert found.rows == {"people": 1, "orders": 2, "lines": 2, "rates": 0}
    assert (found.rebuilt, found.left, found.upstream, found.referring) == (("names", "more"), (), (), ("notes",))
    assert {path.name for path in done.shop.snapshots.iterdir()} == set(manifest.read(done.shop.settings.state).ids)


def test_a_data_clock_that_inputs_told_goes_on_where_they_are_not_at_hand() -> None:
    published = datetime(2030, 1, 1, tzinfo=UTC)
    for declared, wanted in (("(SELECT max(day) FROM raw.t)", "2017-03-02 01:00:00"), ("2017-01-01T00:00:00", None)):
        product = SimpleNamespace(name="late", tables=(), data_clock=declared)
        known = {"data_time": datetime(2017, 3, 2), "published_at": published}
        old: Any = SimpleNamespace(id="x", product=product, path=Path("x"), pseudonyms=(), **known)
        told = module._job(Subject("late", "u", ("1",)), old, published + timedelta(hours=1)).data_time
        assert told is None if wanted is None else wanted in str(told).replace("T", " ")


def test_everybody_else_stays_as_they_were(done: Done) -> None:
    found = served(done.shop, "staff")
    assert stored(found, "SELECT * FROM people ORDER BY id") == [("b", "B", "c"), ("c", "C", "b")]
    assert stored(found, "SELECT * FROM orders ORDER BY 1") == [(3, "b"), (4, None)]
    assert stored(found, "SELECT line_id FROM lines ORDER BY 1") == [(3,), (4,)]
    assert stored(found, "SELECT * FROM rates") == [("EUR",)]
    assert stored(served(done.shop, "names"), "SELECT id FROM names ORDER BY id") == [("b",), ("c",)]
    assert stored(served(done.shop, "more"), "SELECT * FROM counted") == [(2,)]
    assert served(done.shop, "notes").id in done.before.ids


def test_what_was_pinned_has_expired(done: Done) -> None:
    mine = [one for one in done.before.ids if shelf.product_of(one) != "notes"]
    assert sorted(mine) == sorted(done.answer.removed)
    assert len(mine) == 4
    for one in mine:
        with pytest.raises(Expired):
            Catalog(done.shop.settings.state).snapshot(one)


def test_it_is_on_record_without_the_key(done: Done) -> None:
    (told,) = [one for one in audited(done.shop) if one.get("action") == "erase"]
    assert (told["subject"], told["reason"], told["products"]) == ("account:ada", "she asked", ["staff"])
    assert re.fullmatch("people [0-9a-f]{32}", told["what"])


def test_rules_that_count_rows_stop_no_erasure_and_are_told(done: Done) -> None:
    for name in ("staff", "names"):
        found = served(done.shop, name)
        assert [one.rule for one in found.outcomes if not one.holds] == ["three"]
        assert found.quality < 1.0


def test_a_key_is_a_value_and_never_sql_and_who_is_not_there_takes_nobody_along(shop: Workshop) -> None:
    done = erased(shop, Subject("staff", "people", ("x' OR 'a' = 'a",)))
    assert set(done.rows.values()) == {0}
    assert served(shop, "staff").row_counts == {"people": 3, "orders": 4, "lines": 4, "rates": 1}
    (told,) = [one for one in audited(shop) if one.get("action") == "erase"]
    assert "OR" not in told["what"]


def test_nothing_builds_it_anew_while_its_source_is_the_same(shop: Workshop) -> None:
    shop.publish("notes")
    erased(shop, Subject("notes", "notes", ("1",)))
    after = served(shop, "notes")
    assert after.row_counts == {"notes": 0}
    assert shop.publish("notes") == after


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (Subject("staff", "people", ()), BadQuery),
        (Subject("staff", "people", (CANARY, "b")), BadQuery),
        (Subject("staff", "nothing", (CANARY,)), NotFound),
        (Subject("stuff", "people", (CANARY,)), NotFound),
        (Subject("staff", "orders", ("no number",)), BadQuery),
    ],
)
def test_what_names_no_subject_changes_nothing(shop: Workshop, who: Subject, refusal: type[GatewayError]) -> None:
    before = manifest.read(shop.settings.state)
    with pytest.raises(refusal) as found:
        erased(shop, who)
    assert "no number" not in str(found.value)
    assert manifest.read(shop.settings.state) == before
    assert {path.name for path in shop.snapshots.iterdir()} == set(before.ids)


def test_what_cannot_be_made_anew_is_named(shop: Workshop) -> None:
    (shop.settings.products / "names" / "names.odps.yaml").unlink()
    pushed = shop.settings.state / "inputs" / "staff" / "raw" / "people"
    pushed.mkdir(parents=True)
    (pushed / f"{1:012d}-{'a' * 32}-{'b' * 32}.parquet").write_text(CANARY)
    done = erased(shop)
    assert [name for name, _ in done.left] == ["names 1.0.0", "the input raw.people"]
    assert stored(served(shop, "staff"), "SELECT count(*) FROM people") == [(2,)]
    assert stored(served(shop, "names"), "SELECT count(*) FROM names") == [(3,)]


def test_what_was_made_of_it_and_is_served_no_more_holds_nothing_either(shop: Workshop) -> None:
    for name in ("more", "names"):
        retirement.retire(shop.settings, name, None, "it is over", "", lambda *_: None)
    never = {"names": [{"id": "nine", "metric": "rowCount", "mustBe": 9, "severity": "error"}]}
    shop.declare("names", NAMES, models=NAMED, inputs=["staff"], quality=never)
    with pytest.raises(ContractError):
        shop.publish("names")
    names = [path for path in holding(shop) if path.endswith("_names/core.duckdb") or f"_names{shelf.FAILED}/" in path]
    assert len(names) >= 2
    erased(shop)
    assert holding(shop) == []


def test_an_erasure_publishes_no_edit_of_a_contract(shop: Workshop) -> None:
    file = shop.settings.products / "names" / "names.odps.yaml"
    file.write_text(file.read_text().replace("1.0.0", "1.0.1"))
    done = erased(shop)
    assert done.left == (("names 1.0.0", "the folder names declares what is not served"),)
    assert served(shop, "names").product.version == "1.0.0"


def test_what_was_made_of_an_older_state_that_held_the_subject_goes_though_nothing_reads_it_now(shop: Workshop) -> None:
    shop.declare("names", NAMES, data={"names": pa.table({"id": ["b"], "name": ["B"]})}, version="1.1.0")
    (shop.settings.products / "names" / "models" / "names.sql").unlink()
    shop.publish("names")
    before = served(shop, "more")
    assert {shelf.product_of(one) for one in before.made_of} == {"staff", "names"}
    assert served(shop, "names").id not in before.made_of
    done = erased(shop)
    assert done.rebuilt == ("more",)
    assert stored(served(shop, "more"), "SELECT people FROM counted") == [(1,)]
    assert before.id in done.removed
    assert holding(shop) == []


PUSHED = {
    "people": {"id": column("VARCHAR", primaryKey=True), "name": column("VARCHAR")},
    "orders": {"order_id": KEY, "person": column("VARCHAR")},
    "lines": {"line_id": KEY, "order_id": column(), "text": column("VARCHAR")},
    "rates": {"code": column("VARCHAR", primaryKey=True)},
}  # fmt: skip


def pushing(shop: Workshop, **models: str) -> None:
    """Declare a product whose tables are pushed."""
    tables = {name: {one: dict(told) for one, told in columns.items()} for name, columns in PUSHED.items()}
    tables["orders"]["person"]["relationships"] = [{"to": "people.id"}]
    tables["lines"]["order_id"]["relationships"] = [{"to": "orders.order_id"}]
    made = {name: f"SELECT * FROM raw.{name}" for name in PUSHED} | models
    folder = shop.declare("club", tables, models=made, inputs=["raw"])
    push = [{"property": "push", "value": "upsert", "vendor": "outport"}]
    contract = {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": "raw", "version": "1.0.0",
        "servers": [{"server": "raw", "type": "custom", "customProperties": push}],
        "schema": [
            {"name": name, "properties": [{"name": one, **told} for one, told in columns.items()]}
            for name, columns in PUSHED.items()
        ],
    }  # fmt: skip
    (folder / "raw.odcs.yaml").write_text(yaml.safe_dump(contract))


def push(shop: Workshop, place: int, aside: bool = False, **rows: dict[str, list[Any]]) -> None:
    """Keep rows as pushed ones are kept."""
    for table, columns in rows.items():
        folder = shop.settings.state / "inputs" / "club" / "raw" / table
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{place:012d}-{'a' * 31}{place}-{'b' * 32}.parquet"
        pq.write_table(pa.table(columns), file.with_suffix(".aside") if aside else file)
        file.with_suffix(".json").write_text('{"rows": 1, "aside": 0, "broken": []}')


@pytest.fixture
def club(tmp_path: Path) -> Workshop:
    """Rows of a subject in what is served, in what was pushed before and after, and in what was set aside."""
    shop = Workshop(tmp_path)
    pushing(shop)
    push(shop, 1, people={"id": [CANARY, "b"], "name": ["old", "B"]}, rates={"code": ["EUR"]})
    push(shop, 1, orders={"order_id": [1, 2], "person": [CANARY, "b"]})
    push(shop, 1, lines={"line_id": [1, 2], "order_id": [1, 2], "text": [CANARY, "b"]})
    push(shop, 2, people={"id": [CANARY, "c"], "name": [f"{CANARY}-name", "C"]})
    shop.publish("club")
    push(
        shop, 3, orders={"order_id": [3], "person": [CANARY]}, lines={"line_id": [3], "order_id": [3], "text": [CANARY]}
    )
    aside = {"order_id": ["none", "4"], "person": [CANARY, "b"], "rules_that_break": ["x", "x"]}
    push(shop, 3, aside=True, orders=aside)
    return shop


CLUB = Subject("club", "people", (CANARY,))


def test_rows_that_were_pushed_go_too_also_those_that_are_not_served_yet(club: Workshop) -> None:
    assert len(holding(club)) >= 6
    done = erased(club, CLUB)
    assert done.left == ()
    assert {name: count for name, count in done.rows.items() if name.startswith("raw.")} == {
        "raw.people": 2, "raw.orders": 3, "raw.lines": 2,
    }  # fmt: skip
    assert holding(club) == []
    after = club.publish("club", force=True)
    assert stored(after, "SELECT * FROM people ORDER BY id") == [("b", "B"), ("c", "C")]
    assert stored(after, "SELECT * FROM orders") == [(2, "b")]
    assert stored(after, "SELECT line_id, text FROM lines") == [(2, "b")]
    assert stored(after, "SELECT * FROM rates") == [("EUR",)]


def test_pushed_rows_go_also_from_what_was_merged_of_pushes_and_those_beside_it(
    club: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(club, 4, people={"id": [CANARY, "d"], "name": ["late", "D"]}, orders={"order_id": [5], "person": ["d"]})
    push(club, 4, aside=True, orders={"order_id": ["6"], "person": [CANARY], "rules_that_break": ["x"]})
    monkeypatch.setattr(compaction, "MANY", 2)
    for name in PUSHED:
        compaction.merge(Shelf(club.settings.state / "inputs" / "club" / "raw" / name))
    push(club, 5, people={"id": [CANARY, "e"], "name": ["later", "E"]})
    push(club, 5, orders={"order_id": [7, 8], "person": ["e", CANARY]})
    club.publish("club")
    push(club, 6, people={"id": ["f", CANARY], "name": ["F", "last"]})
    done = erased(club, CLUB)
    assert (done.left, holding(club)) == ((), [])
    after = club.publish("club", force=True)
    assert stored(after, "SELECT id FROM people ORDER BY id") == [("b",), ("c",), ("d",), ("e",), ("f",)]
    assert stored(after, "SELECT order_id FROM orders ORDER BY ALL") == [(2,), (5,), (7,)]


def test_what_killed_processes_have_left_goes_too_and_a_push_that_is_under_way_stays(club: Workshop) -> None:
    state = club.settings.state
    for home in (state / "inputs" / "club" / "raw" / name for name in ("people", "once")):
        (Shelf(home).begin() / "body").write_text(CANARY)
        (home / f"{9:012d}-{'c' * 32}-{'0' * 32}.part").write_text(CANARY)
    staged = state / ".restore.0123"
    staged.mkdir()
    (staged / "core.duckdb").write_text(CANARY)
    coming = Shelf(state / "inputs" / "club" / "raw" / "rates").begin()
    with (coming / "body").open("wb") as body:
        assert taken(body.fileno())
        assert erased(club, CLUB).left == ()
        assert coming.is_dir()
    assert holding(club) == []
    assert not staged.exists()


def test_pushed_rows_of_which_it_cannot_be_told_are_left_and_named(club: Workshop) -> None:
    pushing(club, people="SELECT concat(id, '') AS id, name FROM raw.people")
    club.publish("club")
    done = erased(club, CLUB)
    assert [name for name, _ in done.left] == ["the input raw.people"]
    assert {path.rsplit("/", 2)[-2] for path in holding(club)} == {"people"}


def test_words_of_people_that_have_the_key_are_named(shop: Workshop) -> None:
    said = shop.settings.state / "feedback" / "staff.jsonl"
    said.parent.mkdir()
    said.write_text(f'{{"text": "what of {CANARY}?"}}\n')
    assert erased(shop).naming == ("feedback/staff.jsonl",)
    assert erased(shop, Subject("staff", "people", ("b",))).naming == ()
