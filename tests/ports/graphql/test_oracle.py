"""Questions drawn at random, answered as an oracle in memory answers them: conditions, orders, nesting, pages."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.server import HttpPort
from tests.ports.graphql.oracle import Link, Listed, Questions, Row, Table, World, Written, chosen, listed, shown
from tests.workshop import KEY, Workshop, column

PIECES = ("%", "_", "a", "A", "b", "\\%", "\\_", "\\\\", "ü", "\n", '"', "a%")
LETTERS = ("a", "A", "b", "%", "_", "\\", "ü", "\n", '"', "$1")
KINDS = {
    "name": "VARCHAR", "money": "DECIMAL(9,2)", "huge": "HUGEINT", "day": "DATE", "moment": "TIMESTAMP WITH TIME ZONE",
    "raw": "BLOB", "code": "UUID",
}  # fmt: skip
TYPES = {"boxes": "Shelf_Boxes", "items": "Shelf_Items", "events": "Shelf_Events"}
Ask = Callable[..., Any]


def world() -> World:
    """Boxes, items in some of them, and events of items, which have no key and of which some are alike."""
    of = random.Random(7)  # noqa: S311

    def maybe(value: Any) -> Any:
        return value if of.random() < 0.8 else None

    boxes = tuple({"box": i, "label": maybe("".join(of.choices(LETTERS, k=2)))} for i in range(6))
    items = tuple(
        {
            "id": i, "box": maybe(of.randrange(6)), "name": maybe("".join(of.choices(LETTERS, k=of.randrange(4)))),
            "money": maybe(Decimal(of.randrange(-300, 300)).scaleb(-2)), "huge": maybe(10**30 + of.randrange(5)),
            "day": maybe(date(2020, 1, 1) + timedelta(days=of.randrange(20))),
            "moment": maybe(datetime(2020, 3, 29, tzinfo=UTC) + timedelta(microseconds=of.randrange(10) * 123_456_789)),
            "raw": maybe(bytes(of.choices(range(256), k=3))), "code": maybe(str(uuid.UUID(int=of.randrange(9) << 90))),
        }
        for i in range(40)
    )  # fmt: skip
    events = tuple({"item": maybe(of.randrange(40)), "kind": maybe(of.choice(LETTERS))} for _ in range(90))
    to_box, to_item = Link("boxes", "box", "box", False), Link("items", "item", "id", False)
    return {
        "boxes": Table("boxes", "box", ("box", "label"), boxes, {"items": Link("items", "box", "box", True)}),
        "items": Table("items", "id", ("id", "box", *KINDS), items,
                       {"boxes": to_box, "events": Link("events", "id", "item", True)}),
        "events": Table("events", "", ("item", "kind"), events, {"items": to_item}),
    }  # fmt: skip


WORLD = world()


def served(folder: Path) -> Workshop:
    made = Workshop(folder, threads=1)
    ids = pa.array([one["id"] for one in WORLD["items"].rows])
    texts = {name: pa.array([_text(one[name]) for one in WORLD["items"].rows], pa.string()) for name in ("box", *KINDS)}
    raw = {"texts": {"id": {**KEY}, **{name: column("VARCHAR") for name in texts}}}
    made.declare("raw", raw, data={"texts": pa.table({"id": ids, **texts})})
    cast = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in KINDS.items() if name != "raw")
    model = f"SELECT id, CAST(box AS BIGINT) AS box, {cast}, unhex(raw) AS raw FROM raw.texts"
    tables = {
        "boxes": {"box": {**KEY}, "label": column("VARCHAR")},
        "items": {"id": {**KEY}, "box": column(relationships=[{"to": "boxes.box"}]),
                  **{name: column(kind) for name, kind in KINDS.items()}},
        "events": {"item": column(relationships=[{"to": "items.id"}]), "kind": column("VARCHAR")},
    }  # fmt: skip
    held = {name: pa.Table.from_pylist([dict(one) for one in WORLD[name].rows]) for name in ("boxes", "events")}
    made.declare("shelf", tables, data=held, models={"items": model}, inputs=["raw"])
    everything = {"id": "all", "on": {"product": "*"}, "to": {"role": "steward"}, "grant": {"columns": ["*"]}}
    own = {"id": "own", "on": {"product": "raw"}, "to": {"subject": "product:shelf"}, "grant": {"columns": ["*"]}}
    made.allow(everything, own)
    made.settings.state.mkdir()
    Directory(made.settings.principals, load(made.settings)).add("steward", "person", {"role": ("steward",)}, "secret")
    made.publish("raw")
    made.publish("shelf")
    return made


def _text(value: Any) -> str | None:
    return value.hex() if isinstance(value, bytes) else None if value is None else str(value)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    gateway = Gateway(served(tmp_path_factory.mktemp("shelf")).settings)
    port = HttpPort(gateway)
    port.start()
    base = f"http://{port.address[0]}:{port.address[1]}"
    with httpx.Client(base_url=base, auth=("steward", "secret"), timeout=60) as client:

        def asked(written: Written, selection: str) -> Any:
            head = f"query({', '.join(written.declared)})" if written.declared else "query"
            body = {"query": f"{head} {{ shelf {{ {selection} }} }}", "variables": written.variables}
            told = client.post("/graphql", json=body).json()
            assert "errors" not in told, (told, body)
            return told["data"]["shelf"]

        yield asked
    port.stop()
    gateway.close()


@pytest.mark.parametrize("seed", range(60))
def test_a_list_of_any_depth_is_what_the_oracle_says(ask: Ask, seed: int) -> None:
    questions = Questions(WORLD, seed, PIECES)
    written = Written(WORLD, TYPES)
    selection, expected = [], {}
    for place in range(2):
        table = WORLD[questions.random.choice(sorted(WORLD))]
        asked = questions.listed(table)
        arguments = written.arguments(table, asked)
        selection.append(f"r{place}: {table.name}{arguments} {written.selection(table, asked)}")
        expected[f"r{place}"] = listed(WORLD, table, table.rows, asked)
    assert ask(written, " ".join(selection)) == expected, (selection, written.variables)


class Pages:
    """A connection, asked page by page."""

    def __init__(self, ask: Ask, table: Table, asked: Listed) -> None:
        self._ask, self._table, self._asked = ask, table, asked

    def page(self, **bounds: Any) -> dict[str, Any]:
        written = Written(WORLD, TYPES)
        given = ", ".join(f'{name}: "{value}"' if isinstance(value, str) else f"{name}: {value}"
                          for name, value in bounds.items())  # fmt: skip
        arguments = f"({written.conditions(self._table, self._asked)}, {given})"
        told = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
        rows = f"edges {{ cursor node {written.selection(self._table, self._asked)} }}"
        name = f"{self._table.name}Connection"
        found: dict[str, Any] = ask_one(self._ask(written, f"{name}{arguments} {{ {told} {rows} }}"))
        return found


def ask_one(told: dict[str, Any]) -> Any:
    (found,) = told.values()
    return found


@pytest.mark.parametrize("seed", range(30))
def test_pages_either_way_and_between_cursors_are_slices_of_the_whole(ask: Ask, seed: int) -> None:
    questions = Questions(WORLD, seed, PIECES)
    table = WORLD[("events", "items", "boxes")[seed % 3]]
    drawn = questions.listed(table, depth=1)
    asked = Listed(drawn.members, drawn.where if seed % 2 else {}, drawn.order)
    rows = chosen(WORLD, table, table.rows, asked)
    whole = [shown(WORLD, table, one, asked) for one in rows]
    pages = Pages(ask, table, asked)
    first = pages.page(first=len(table.rows))
    assert [one["node"] for one in first["edges"]] == whole
    assert first["totalCount"] == len(whole)
    cursors = [one["cursor"] for one in first["edges"]]
    for _ in range(4):
        _window(questions, pages, whole, cursors)


def _window(questions: Questions, pages: Pages, whole: list[Row], cursors: list[str]) -> None:
    """A page of some size, after one row and before another, from either end."""
    of = questions.random
    size, backward = of.choice((0, 1, 2, 7, 50)), of.random() < 0.5
    after = of.randrange(len(whole)) if whole and of.random() < 0.6 else None
    before = of.randrange(len(whole)) if whole and of.random() < 0.6 else None
    begin, end = 0 if after is None else after + 1, len(whole) if before is None else before
    inside = whole[begin:end] if begin < end else []
    bounds: dict[str, Any] = {"last" if backward else "first": size}
    bounds |= {"after": cursors[after]} if after is not None else {}
    bounds |= {"before": cursors[before]} if before is not None else {}
    page = pages.page(**bounds)
    expected = (inside[-size:] if size else []) if backward else inside[:size]
    assert [one["node"] for one in page["edges"]] == expected, bounds
    assert page["totalCount"] == len(whole)
    info = page["pageInfo"]
    assert info["hasNextPage"] is (before is not None if backward else len(inside) > size), bounds
    assert info["hasPreviousPage"] is (len(inside) > size if backward else after is not None), bounds
    assert (info["startCursor"] is None) is not bool(expected)
    if expected:
        last = (end if backward else begin + len(expected)) - 1
        assert [one["node"] for one in pages.page(first=1, after=info["endCursor"])["edges"]] == whole[last + 1 :][:1]
        start = last - len(expected) + 1
        assert [one["node"] for one in pages.page(last=1, before=info["startCursor"])["edges"]] == whole[:start][-1:]
