"""The demo's measures through every door: each one by each dimension as each persona; ports/README.md has the table.

`python -m tests.parity` prints the table, asked of a demo of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gateway import Gateway, NotFound, Password
from gateway.access.identity import PERSONAS
from gateway.contracts import contract
from gateway.product import Product, Table
from tests.demo import ROOT, DemoServer, serving
from tests.parity_doors import DOORS, Answer, Visitor, front_door
from tests.parity_questions import LARGE, Question, Sheet, dimensions, measures, sql

NAMES = tuple(name for name, _, _ in PERSONAS)
PRODUCTS = tuple(path.name for path in sorted((ROOT / "products").iterdir()) if path.is_dir())
UNKNOWN = {"not_found", "bad_query"}


@dataclass(frozen=True)
class Found:
    """What one persona was told of one table's measures: values and refusals, and by which doors otherwise."""

    values: int
    refused: int
    different: tuple[str, ...]

    @property
    def cell(self) -> str:
        """A cell of the table."""
        if self.different:
            return "DIFFERENT"
        return f"{self.values:,}" if self.values else "refused"


def compared(demo: DemoServer, large: Sequence[str] = NAMES) -> dict[tuple[str, str], Found]:
    """What every persona is told of every table of the demo's products, by `product.table` and persona.

    Those of more than a million rows are asked by the personas `large` only.
    """
    products = {path.name: contract.load(path) for path in sorted((demo.folder / "products").iterdir())}
    products = {name: one for name, one in products.items() if (ROOT / "products" / name).is_dir()}
    places = [(product, table) for product in products.values() for table in product.tables if measures(table)]
    gateway = front_door(demo)
    visitors = {name: Visitor(demo, gateway, name) for name in NAMES}
    left_out = {name: LARGE if name not in large else frozenset() for name in NAMES}
    try:
        asked = {
            name: [
                [] if table.name in left_out[name] else _questions(gateway, name, product, table, products)
                for product, table in places
            ]
            for name in NAMES
        }
        visits = [(name, door) for name in NAMES for door in DOORS]
        with ThreadPoolExecutor(4) as threads:
            answers = threads.map(lambda visit: _answers(visitors[visit[0]], visit[1], asked[visit[0]]), visits)
            told = dict(zip(visits, answers, strict=True))
    finally:
        for one in visitors.values():
            one.close()
        gateway.close()
    return {
        (f"{product.name}.{table.name}", name): _found(
            [question for sheet in asked[name][place] for question in sheet],
            {door: told[name, door][place] for door in DOORS},
        )
        for place, (product, table) in enumerate(places)
        for name in NAMES
        if table.name not in left_out[name]
    }


def _answers(visitor: Visitor, door: str, asked: Sequence[Sequence[Sheet]]) -> list[list[Answer | None]]:
    return [[answer for sheet in sheets for answer in DOORS[door](visitor, sheet)] for sheets in asked]


def _questions(
    gateway: Gateway, name: str, product: Product, table: Table, products: Mapping[str, Product]
) -> list[Sheet]:
    """All of the table's measures by each dimension, and by themselves what does not exist for this persona.

    What exists and is asked of the same rows is on one sheet: doors that take SQL answer it at once.
    """
    every, place = measures(table), f"{product.name}.{table.name}"
    there = _existing(gateway, name, place)
    mine = tuple(one for one in every if one in there)
    by = (None, *dimensions(product, table, products))
    asked = [Question(product.name, table.name, mine or every, one, known=bool(mine)) for one in by]
    asked += [Question(product.name, table.name, (one,), None, known=True) for one in every if mine and one not in mine]
    sheets: dict[object, list[Question]] = {}
    for number, one in enumerate(asked):
        far = one.by.far if one.by is not None else ""
        exists = mine and one.by is not None and one.by.name in (_existing(gateway, name, far) if far else there)
        sheets.setdefault(far or place if exists else number, []).append(one)
    return [tuple(sheet) for sheet in sheets.values()]


def _existing(gateway: Gateway, name: str, place: str) -> frozenset[str]:
    """The measures and dimensions of the table `product.table` that exist for a persona."""
    product, _, table = place.partition(".")
    try:
        visible = gateway.product(gateway.open(Password(name, f"{name}-demo"), "python"), product)
        return frozenset(one.name for one in visible.table(table).semantics)
    except NotFound:
        return frozenset()


def _found(questions: Sequence[Question], told: Mapping[str, Sequence[Answer | None]]) -> Found:
    expected = [one for one in told["Python"] if one is not None]
    values = sum(
        len(one) * len(asked.measures) for asked, one in zip(questions, expected, strict=True) if isinstance(one, list)
    )
    different = tuple(
        f"{door}: {sql((asked,))}"
        for door, answers in told.items()
        for asked, here, there in zip(questions, answers, expected, strict=True)
        if here is not None and here != _expected(door, asked, there)
    )
    return Found(values, sum(isinstance(one, str) for one in expected), different)


def _expected(door: str, asked: Question, python: Answer) -> Answer:
    """What a door is to say where the front door says `python`.

    What does not exist is no field of GraphQL's schema, and no dimension for REST and MCP where SQL names a table.
    """
    if not isinstance(python, str) or python not in UNKNOWN:
        return python
    if door == "GraphQL":
        return "GRAPHQL_VALIDATION_FAILED"
    related = asked.by is not None and asked.by.far and asked.known
    return "bad_query" if door in {"REST", "MCP"} and related else python


def table(found: Mapping[tuple[str, str], Found]) -> str:
    """The table in Markdown: how many values each persona got of each table's measures."""
    tables = list(dict.fromkeys(place for place, _ in found))
    names = list(dict.fromkeys(name for _, name in found))
    lines = [f"| measures of | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
    lines += [f"| `{one}` | {' | '.join(found[one, name].cell for name in names)} |" for one in tables]
    return "\n".join(lines) + "\n"


def otherwise(found: Mapping[tuple[str, str], Found], page: str) -> list[str]:
    """The cells of what was found that `page` tells otherwise, or not at all."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    names = next(cells[1:] for cells in rows if cells[0] == "measures of")
    told = {(cells[0].strip("`"), name): cell for cells in rows for name, cell in zip(names, cells[1:], strict=False)}
    return [
        f"{place}, {name}: {one.cell}" for (place, name), one in found.items() if told.get((place, name)) != one.cell
    ]


def main() -> None:
    """Print the table."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), *PRODUCTS) as demo,
    ):
        print(table(compared(demo)))


if __name__ == "__main__":
    main()
