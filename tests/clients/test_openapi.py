"""What generators make of /openapi.json: typed clients in TypeScript and Python that read rows and know the columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.conftest import Failed, Tools, basic

ROWS, ROW = "/products/shop/orders", re.compile(r"/products/shop/orders/\{\w+\}")
COMPILE = "--strict --target es2022 --module nodenext --lib es2022,dom --pretty false".split()
TYPESCRIPT = """
import createClient from 'openapi-fetch'
import type { paths } from './outport.js'

declare const process: { argv: string[] }
const [baseUrl, Authorization] = process.argv.slice(2)
const client = createClient<paths, 'application/json'>({ baseUrl, headers: { Authorization } })
const { data, error } = await client.GET('/products/shop/orders', {
  params: { query: { order_id: 'lt.3', order: 'order_id', or: '(order_id.lt.3,order_id.is.null)' } },
})
if (error) throw new Error(JSON.stringify(error))
for (const row of data.data) console.log(row.order_id, row.amount?.toFixed(2), row.remark?.toUpperCase())
"""
PYTHON = """
import importlib, sys
from outport_client import AuthenticatedClient

address, token, tag, rows, row = sys.argv[1:]
client = AuthenticatedClient(address, token=token)
operation = lambda name: importlib.import_module(f"outport_client.api.{tag}.{name}")
asked = {"order_id": "lt.3", "order": "order_id", "or_": "(store.gte.0,store.is.null)", "limit": 2}
page = operation(rows).sync(client=client, **asked)
while True:
    for found in page.data:
        print(found.order_id, found.amount, found.remark, found.ordered_at)
    if page.next_ is None:
        break
    page = operation(rows).sync(client=client, **asked, cursor=page.next_)
one = operation(row).sync("7", client=client)
print(one.data.order_id, one.data.remark)
"""


@dataclass(frozen=True)
class Document:
    """An OpenAPI document as its reader gets it, and the file that generators read."""

    content: dict[str, Any]
    path: Path

    def operation(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.content["paths"][path]["get"]
        return found


@pytest.fixture(scope="module")
def document(tools: Tools, address: str) -> Document:
    answer = httpx.get(f"{address}/openapi.json", auth=("analyst", "analyst-secret"))
    assert answer.status_code == 200
    path = tools.folder / "openapi.json"
    path.write_text(answer.text)
    return Document(answer.json(), path)


@pytest.fixture(scope="module")
def compile_and_run(tools: Tools, document: Document, address: str) -> Callable[[str], str]:
    """`compile_and_run(program)`: what it prints. Raises Failed where it does not compile."""
    (tools.folder / "package.json").write_text('{"type": "module"}')
    tools.run("openapi-typescript", str(document.path), "--output", "outport.d.ts")

    def run(program: str) -> str:
        (tools.folder / "read.ts").write_text(program)
        tools.run("tsc", *COMPILE, "read.ts")
        return tools.node((tools.folder / "read.js").read_text(), address, basic("analyst"))

    return run


def test_a_typescript_program_compiles_strictly_and_prints_rows(compile_and_run: Callable[[str], str]) -> None:
    assert compile_and_run(TYPESCRIPT).splitlines() == ["0 0.50 undefined", "1 1.50 REMARK 1", "2 2.50 REMARK 2"]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("row.remark", "row.remarks", "Property 'remarks' does not exist"),
        ("row.order_id", "row.order_id?.trim()", "Property 'trim' does not exist on type 'number'"),
        ("order_id: 'lt.3'", "order_ids: 'lt.3'", "order_ids"),
        ("/products/shop/orders", "/products/shop/order", "/products/shop/order"),
    ],
)
def test_a_wrong_name_does_not_compile(
    compile_and_run: Callable[[str], str], right: str, wrong: str, told: str
) -> None:
    with pytest.raises(Failed, match=re.escape(told)):
        compile_and_run(TYPESCRIPT.replace(right, wrong))


def test_types_hold_what_their_reader_may_see(tools: Tools, document: Document) -> None:
    text = json.dumps(document.content)
    assert "lifetime" in text
    assert "salary" not in text
    assert "/products/hr" not in text


def test_a_generated_python_package_reads_rows_and_a_row(
    tools: Tools, document: Document, address: str, bearer: Callable[[str], str]
) -> None:
    (tools.folder / "client.yaml").write_text(
        "package_name_override: outport_client\ncontent_type_overrides: {application/yaml: application/json}\n"
    )
    given = (
        "--path",
        str(document.path),
        "--meta",
        "none",
        "--fail-on-warning",
        "--output-path",
        "outport_client",
        "--overwrite",
    )
    tools.run("openapi-python-client", "generate", *given, "--config", "client.yaml")
    (row,) = (path for path in document.content["paths"] if ROW.fullmatch(path))
    rows, row = (document.operation(path)["operationId"].lower() for path in (ROWS, row))
    (tag,) = document.operation(ROWS)["tags"]
    printed = tools.python(PYTHON, address, bearer("analyst").removeprefix("Bearer "), tag, rows, row)
    assert printed.splitlines() == [
        "0 0.5 None 2017-06-01T12:00:00",
        "1 1.5 remark 1 2017-06-01T13:00:00",
        "2 2.5 remark 2 2017-06-01T14:00:00",
        "7 remark 7",
    ]
