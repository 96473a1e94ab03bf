"""Every type through GraphQL: REST's texts in rows and in what belongs to them, in conditions and in orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.server import HttpPort
from tests.workshop import KEY, Workshop, column

# Type, the scalar that it is here, a value as the model computes it, and whether it can be compared.
TYPES = {
    "small": ("SMALLINT", "Int", "7 + id", True),
    "unsigned": ("UINTEGER", "BigInt", "4294967295 - id", True),
    "long": ("BIGINT", "BigInt", "9007199254740993 + id", True),
    "huge": ("HUGEINT", "BigInt", "170141183460469231731687303715884105720 + id", True),
    "money": ("DECIMAL(18,2)", "Decimal", "12.50 + id", True),
    "exact": ("DECIMAL(4,4)", "Decimal", "0.1 + id / 1000", True),
    "ratio": ("DOUBLE", "Float", "0.1 + id", True),
    "odd": ("DOUBLE", "Float", "CASE id WHEN 0 THEN 'NaN' WHEN 1 THEN '-inf' ELSE '1e300' END", False),
    "flag": ("BOOLEAN", "Boolean", "id % 2 = 0", True),
    "day": ("DATE", "Date", "DATE '2017-03-01' + CAST(id AS INTEGER)", True),
    "clock": ("TIME", "Time", "TIME '12:00:00.5' + to_seconds(id)", True),
    "moment": ("TIMESTAMP", "DateTime", "TIMESTAMP '2017-03-01 12:00:00.25' + to_days(CAST(id AS INTEGER))", True),
    "zoned": ("TIMESTAMP WITH TIME ZONE", "DateTime", "TIMESTAMPTZ '2017-03-01 12:00:00+02' + to_hours(id)", True),
    "code": ("UUID", "UUID", "'6f1c2f7e-0000-4000-8000-00000000000' || id", True),
    "raw": ("BLOB", "Bytes", "CAST('ab' || id AS BLOB)", True),
    "text": ("VARCHAR", "String", "'q\"\\ü\n' || id", True),
    "span": ("INTERVAL", "String", "to_days(CAST(id AS INTEGER))", False),
    "words": ("VARCHAR[]", "String", "['a', NULL, 'b' || id]", False),
    "pair": ("STRUCT(a BIGINT, b DECIMAL(9,1))", "JSON", "{'a': id, 'b': 1.5}", False),
    "document": ("JSON", "JSON", "'{\"a\": [1, null]}'", False),
}
ITEMS = "SELECT id, " + ", ".join(f"CAST({value} AS {kind}) AS {name}" for name, (kind, _, value, _) in TYPES.items())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    made = Workshop(tmp_path_factory.mktemp("types"))
    made.declare("raw", {"ids": {"id": {**KEY}}}, data={"ids": pa.table({"id": range(4)})})
    columns = {name: column(kind) for name, (kind, *_) in TYPES.items()}
    parent = column(relationships=[{"to": "boxes.box"}])
    made.declare(
        "shelf",
        {"items": {"id": {**KEY}, "box": parent, **columns}, "boxes": {"box": {**KEY}}},
        models={"items": f"{ITEMS}, CAST(0 AS BIGINT) AS box FROM raw.ids", "boxes": "SELECT CAST(0 AS BIGINT) AS box"},
        inputs=["raw"],
    )
    own = {"id": "models", "on": {"product": "raw"}, "to": {"subject": "product:shelf"}, "grant": {"columns": ["*"]}}
    made.allow({"id": "all", "on": {"product": "*"}, "to": {"role": "steward"}, "grant": {"columns": ["*"]}}, own)
    made.settings.state.mkdir()
    Directory(made.settings.principals, load(made.settings)).add("steward", "person", {"role": ("steward",)}, "secret")
    made.publish("raw")
    made.publish("shelf")
    gateway = Gateway(made.settings)
    port = HttpPort(gateway)
    port.start()
    address = f"http://{port.address[0]}:{port.address[1]}"
    with httpx.Client(base_url=address, auth=("steward", "secret"), timeout=60) as opened:
        yield opened
    port.stop()
    gateway.close()


def ask(client: httpx.Client, selection: str) -> Any:
    told = client.post("/graphql", json={"query": f"{{ shelf {{ {selection} }} }}"}).json()
    assert "errors" not in told, told
    return told["data"]["shelf"]


@pytest.fixture(scope="module")
def rows(client: httpx.Client) -> list[dict[str, Any]]:
    """The rows as REST has them, numbers of more than 32 bits as strings."""
    found: list[dict[str, Any]] = client.get("/products/shelf/items?int64=string").json()["data"]
    for row in found:
        del row["box"]
        row["unsigned"] = str(row["unsigned"])
    return found


def test_a_row_and_what_belongs_to_another_have_rest_s_texts(client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    fields = " ".join(["id", *TYPES])
    assert ask(client, f"items {{ {fields} }}")["items"] == rows
    assert ask(client, f"boxes {{ items {{ {fields} }} }}")["boxes"] == [{"items": rows}]
    assert ask(client, f"itemsByKey(id: 2) {{ {fields} boxes {{ box }} }}")["itemsByKey"] == {
        **rows[2], "boxes": {"box": "0"},
    }  # fmt: skip
    nodes = ask(client, f"itemsConnection(last: 2) {{ nodes {{ {fields} }} }}")["itemsConnection"]["nodes"]
    assert nodes == rows[2:]


def test_each_type_is_its_scalar(client: httpx.Client) -> None:
    kind = "name type { name kind ofType { name } }"
    told = client.post(
        "/graphql", json={"query": f'{{ __type(name: "Shelf_Items") {{ fields {{ {kind} }} }} }}'}
    ).json()
    found = {one["name"]: one["type"] for one in told["data"]["__type"]["fields"]}
    for name, (_, scalar, *_) in TYPES.items():
        assert scalar in {found[name]["name"], (found[name]["ofType"] or {}).get("name")}, name


@pytest.mark.parametrize("name", [name for name, (*_, compared) in TYPES.items() if compared])
def test_a_value_that_was_read_finds_its_row(client: httpx.Client, rows: list[dict[str, Any]], name: str) -> None:
    value = rows[1][name]
    document = (
        f"query($v: {TYPES[name][1]}) {{ shelf {{ items(where: {{{name}: {{_eq: $v, _isNull: false}}}}) {{ id }} }} }}"
    )
    told = client.post("/graphql", json={"query": document, "variables": {"v": value}}).json()
    ids = [row["id"] for row in rows if row[name] == value]
    assert [one["id"] for one in told["data"]["shelf"]["items"]] == ids, told
    pages, after = [], "null"
    while after is not None:
        asked = f"itemsConnection(first: 1, after: {after}, orderBy: [{{{name}: DESC}}])"
        page = ask(client, f"{asked} {{ nodes {{ id }} pageInfo {{ endCursor hasNextPage }} }}")["itemsConnection"]
        pages += [int(one["id"]) for one in page["nodes"]]
        after = f'"{page["pageInfo"]["endCursor"]}"' if page["pageInfo"]["hasNextPage"] else None
    assert sorted(pages) == [0, 1, 2, 3]
    assert [int(one["id"]) for one in ask(client, f"items(orderBy: [{{{name}: DESC}}]) {{ id }}")["items"]] == pages


def test_what_cannot_be_compared_may_be_null_or_not(client: httpx.Client) -> None:
    where = "span: {_isNull: false}, words: {_isNull: false}, pair: {_isNull: false}, document: {_isNull: true}"
    assert ask(client, f"items(where: {{{where}}}) {{ id }}")["items"] == []
