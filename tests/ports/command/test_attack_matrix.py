"""The published attacks on every kind of row filter, behind both barriers, over few rows and many.

One deployment, twelve tables: what the optimiser does with a filter depends on how it is said, on the barrier around
it and on how many rows it reads. In each, hidden rows hold what would make a predicate fail if it met them.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from gateway import Gateway, GatewayError, Password, Query
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.command.attack.attacks import corpus
from tests.ports.command.conftest import environ, invoke
from tests.ports.command.test_security import served
from tests.workshop import KEY, STEWARD, Workshop, column

FILTERS = {
    "equality": "region = 'N'",
    "list": "region IN ('N', 'X') OR (region = 'Y' AND person_id < 0)",
    "subquery": "EXISTS (SELECT 1 FROM homes_{size} h WHERE h.person_id = {table}.person_id AND h.place = 'N')",
}
SIZES = {"few": 100, "many": 250_000}
BARRIERS = ("plain", "secure")
TABLES = {f"{size}_{kind}": (size, kind) for size, kind in itertools.product(SIZES, FILTERS)}
COLUMNS = {
    "person_id": KEY,
    "region": column("VARCHAR"),
    "word": column("VARCHAR"),
    "number": column("BIGINT"),
    "born": column("DATE"),
    "telephone": column("VARCHAR", classification="confidential"),
    "diagnosis": column("VARCHAR", classification="restricted"),
}
HOMES = {"person_id": KEY, "place": column("VARCHAR")}


def people(rows: int) -> pa.Table:
    """Every tenth person is hidden, and everything about it is poison to whatever reads it as a number or a day."""
    hidden = [i % 10 == 3 for i in range(rows)]
    return pa.table(
        {
            "person_id": pa.array(range(rows), pa.int64()),
            "region": ["S" if one else "N" for one in hidden],
            "word": [f"CANARY-word-{i}" if one else "20200101" for i, one in enumerate(hidden)],
            "number": pa.array([-(2**63) + i if one else 1 for i, one in enumerate(hidden)], pa.int64()),
            "born": pa.array([18_000 - i % 365 for i in range(rows)], pa.int32()).cast(pa.date32()),
            "telephone": [f"CANARY-telephone-{i}" for i in range(rows)],
            "diagnosis": [f"CANARY-diagnosis-{i}" for i in range(rows)],
        }
    )


def rules() -> Iterator[dict[str, Any]]:
    """Of each table an analyst sees the rows of its filter; of the homes and of the vault nothing."""
    yield STEWARD
    for barrier, (table, (size, kind)) in itertools.product(BARRIERS, TABLES.items()):
        on = {"on": {"product": f"{barrier}_barrier", "table": table}, "to": {"role": "analyst"}}
        rows = FILTERS[kind].format(size=size, table=table)
        uses = {"uses": [f"homes_{size}"]} if kind == "subquery" else {}
        yield {"id": f"{barrier}-{table}", **on, "grant": {"columns": ["*"], "rows": rows}, **uses}
    every = {"on": {"product": "*"}, "to": {"role": "analyst"}}
    yield {"id": "mask", **every, "mask": {"columns": ["class:confidential"], "with": "partial"}}
    yield {"id": "hide", **every, "hide": {"columns": ["class:restricted"]}}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    shop = Workshop(tmp_path_factory.mktemp("matrix"), compute_s=1.0, queue_s=1.0, memory_limit="1GB", drain_s=1)
    held = {size: people(rows) for size, rows in SIZES.items()}
    homes = {size: one.select(["person_id", "region"]).rename_columns(list(HOMES)) for size, one in held.items()}
    data = {table: held[size] for table, (size, _) in TABLES.items()} | {f"homes_{size}": homes[size] for size in SIZES}
    declared = dict.fromkeys(TABLES, COLUMNS) | {f"homes_{size}": HOMES for size in SIZES}
    for barrier in BARRIERS:
        shop.declare(f"{barrier}_barrier", declared, data=data, custom={"barrier": barrier})
    shop.declare("sealed_vault", {"sealed_letters": COLUMNS}, data={"sealed_letters": held["few"]})
    for name in (*(f"{barrier}_barrier" for barrier in BARRIERS), "sealed_vault"):
        shop.publish(name)
    shop.allow(*rules())
    directory = Directory(shop.settings.principals, load(shop.settings))
    for subject in ("analyst", "steward"):
        directory.add(subject, "person", {"role": (subject,)}, f"{subject}-secret")
    gateway = Gateway(shop.settings)
    yield gateway
    gateway.close()


def attacked(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    """What the command reports of the attacks on the served matrix."""
    environ(gateway.settings, monkeypatch)
    for name in ("compute_s", "queue_s"):
        monkeypatch.setenv(f"OUTPORT_{name.upper()}", str(getattr(gateway.settings, name)))
    with served(gateway, gateway.settings):
        answer = invoke("security-test", "--as", "analyst", "--json", *words)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_every_attack_is_held_by_every_filter_barrier_and_size(
    matrix: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = attacked(matrix, monkeypatch, "--port", "rest", "--targets", str(len(BARRIERS) * len(TABLES)))
    assert (found["broken"], found["honest_lost"]) == ([], [])
    tried = Counter({line["category"]: line["tried"] for line in found["lines"]})
    each = Counter(one.category for one in corpus() if "rest" in one.doors and one.needs in {"masked", "filtered"})
    for category, number in each.items():
        assert tried[category] >= 12 * number, category
    here = [one for one in corpus() if "rest" in one.doors]
    # Nothing is only used here, and nobody may ask for another.
    absent = {one.category for one in here if one.needs in {"used", "joined", "behalf"}}
    assert set(tried) >= {one.category for one in here} - absent
    assert found["canaries"] > 500


@pytest.mark.parametrize("door", ["flight", "postgres"])
def test_a_sample_of_them_is_held_at_the_other_doors(
    matrix: Gateway, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    """Three tables, of which no two are alike in size or in filter; what reads no row is tried elsewhere."""
    reading = ("hidden columns", "masked values", "filtered rows", "errors that tell data", "copies and cursors")
    words = [word for name in reading for word in ("--category", name)]
    found = attacked(matrix, monkeypatch, "--port", door, "--targets", "3", *words)
    assert (found["broken"], found["honest_lost"]) == ([], [])
    assert found["tried"] >= 240


def test_every_document_is_held_by_every_filter_barrier_and_size(
    matrix: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = attacked(matrix, monkeypatch, "--port", "graphql", "--targets", str(len(BARRIERS) * len(TABLES)))
    assert (found["broken"], found["honest_lost"]) == ([], [])
    assert found["tried"] >= 350


def test_poison_and_canaries_are_there_for_who_may_see_them(matrix: Gateway) -> None:
    session = matrix.open(Password("steward", "steward-secret"), "python")
    for barrier, (table, (size, _)) in itertools.product(BARRIERS, TABLES.items()):
        with matrix.answer(session, Query(f"SELECT word, diagnosis FROM {barrier}_barrier.{table}")) as result:
            rows = pa.Table.from_batches(list(result.batches()))
        assert rows.num_rows == SIZES[size]
        assert sum(str(one).startswith("CANARY") for one in rows["word"]) == SIZES[size] // 10


# True of every visible row; of a hidden one each fails.
FAILING = (
    "{a}word::INTEGER > 0",
    "{a}number * 3 > 0",
    "strptime({a}word, '%Y%m%d') IS NOT NULL",
)
SHAPES = (
    "SELECT count(*) AS n FROM {table} WHERE {plain}",
    "SELECT count(*) AS n FROM {table} JOIN (SELECT 1 AS one) o ON {plain}",
    "SELECT count(*) AS n FROM {table} WHERE person_id >= 0 AND {plain} AND region <> 'X'",
    "SELECT count(*) AS n FROM {table} a JOIN {table} USING (person_id) WHERE {aliased}",
    "SELECT sum(CASE WHEN {plain} THEN 1 ELSE 0 END) AS n FROM {table}",
    "SELECT count(*) FILTER (WHERE {plain}) AS n FROM {table}",
)


@pytest.mark.parametrize("barrier", BARRIERS)
def test_what_fails_on_hidden_rows_meets_none(matrix: Gateway, barrier: str) -> None:
    session = matrix.open(Password("analyst", "analyst-secret"), "python")
    told = {}
    for (table, (size, _)), shape, failing in itertools.product(TABLES.items(), SHAPES, FAILING):
        plain, aliased = failing.format(a=""), failing.format(a="a.")
        text = shape.format(table=f"{barrier}_barrier.{table}", plain=plain, aliased=aliased)
        try:
            with matrix.answer(session, Query(text)) as result:
                found = pa.Table.from_batches(list(result.batches()))["n"][0].as_py()
        except GatewayError as error:
            found = error.code
        if found != SIZES[size] - SIZES[size] // 10:
            told[text] = found
    assert told == {}
