"""`POST /products/{product}/-/inputs/{input}`: rows from clients, held to the contract, kept once."""

from __future__ import annotations

import base64
import gzip
import io
import json
import socket
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.ipc as ipc
import pytest
import yaml

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load as load_keys
from gateway.inputs import segments
from gateway.publication import refresh
from ports.http.server import HttpPort
from tests.workshop import KEY, STEWARD, Workshop, column, stored

PATH = "/products/sales/-/inputs/till"
ARROW = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
ORDERS = {
    "id": KEY | {"examples": [7]},
    "state": column("VARCHAR", required=True, enum=[{"value": "open"}, {"value": "shut"}], examples=["open"]),
    "amount": column("DECIMAL(18,2)", physicalName="Amount"),
}


class Till:
    """A served product with an input that is pushed to, and its clients."""

    def __init__(self, shop: Workshop, client: httpx.Client) -> None:
        self.shop, self.client = shop, client

    def push(self, body: Any, key: str, *, kind: str = NDJSON, subject: str = "till", **more: Any) -> httpx.Response:
        """One push of `body`: lines of JSON for a list, an Arrow stream for a table."""
        if isinstance(body, list):
            body = "".join(json.dumps(one) + "\n" for one in body)
        headers = {"Content-Type": kind, "Idempotency-Key": key}
        path = more.pop("path", PATH)
        return self.client.post(path, content=body, headers=headers, auth=(subject, f"{subject}-secret"), **more)

    def rows(self) -> list[tuple[Any, ...]]:
        """What the product holds after a publication."""
        return stored(self.shop.publish("sales"), "SELECT id, state, amount::VARCHAR FROM kept ORDER BY ALL")


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    yield from opened(tmp_path)


def opened(tmp_path: Path) -> Iterator[Till]:
    """A till that serves."""
    shop = Workshop(tmp_path, push_bytes=20_000, queue_s=0.5)
    declare(shop, "upsert")
    pushing = {"id": "till", "on": {"product": "sales"}, "to": {"role": "till"}, "push": True}
    seeing = STEWARD | {"id": "seen", "to": {"role": "till"}}
    managing = {"id": "managed", "on": {"product": "*"}, "to": {"role": "steward"}, "manage": True}
    shop.allow(STEWARD, pushing, seeing, managing)
    directory = Directory(shop.settings.principals, load_keys(shop.settings))
    for name, role in (("till", "till"), ("stew", "steward"), ("none", "nobody")):
        directory.add(name, "application", {"role": [role]}, f"{name}-secret")
    shop.publish("sales")
    gateway = Gateway(shop.settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", timeout=60) as client:
        yield Till(shop, client)
    port.stop()
    gateway.close()


def declare(shop: Workshop, mode: str, *, orders: Mapping[str, Any] = ORDERS, limit: str = "50%", **more: Any) -> None:
    tables = {"kept": {"id": KEY, "state": column("VARCHAR"), "amount": column("DECIMAL(18,2)")}}
    folder = shop.declare("sales", tables, models={"kept": "SELECT * FROM till.orders"}, inputs=["till"])
    pushed = [{"property": "push", "value": mode, "vendor": "outport"}]
    limit = [{"property": "quarantineLimit", "value": limit, "vendor": "outport"}]
    properties = [{"name": name, **told} for name, told in orders.items()]
    contract = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "till",
        "version": "1.0.0",
        "servers": [{"server": "till", "type": "custom", "customProperties": pushed}],
        "schema": [{"name": "orders", "customProperties": limit, "properties": properties}],
    }
    (folder / "till.odcs.yaml").write_text(yaml.safe_dump(contract | more))


def stream(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_what_is_pushed_is_kept_and_published_by_key(till: Till) -> None:
    assert till.rows() == []
    first = till.push([{"id": 1, "state": "open", "Amount": 1.5}, {"id": 2, "state": "open"}], "a")
    assert (first.status_code, first.json()) == (201, {"data": {"rows": 2, "quarantined": 0, "broken": {}}})
    arrow = pa.table({"id": pa.array([2, 3], pa.int32()), "state": ["shut", "open"], "Amount": ["2.25", None]})
    assert till.push(stream(arrow), "b", kind=ARROW).status_code == 201
    assert till.push('[{"id": 3, "state": "shut"}]', "c", kind="application/json").status_code == 201
    assert till.rows() == [(1, "open", "1.50"), (2, "shut", "2.25"), (3, "shut", None)]
    folder = till.shop.settings.state / "inputs" / "sales" / "till" / "orders"
    assert len(list(folder.glob("*.parquet"))) == 3
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    assert not list(folder.glob("work-*"))


def test_a_push_that_is_sent_again_is_kept_once(till: Till) -> None:
    body = [{"id": 1, "state": "open"}]
    first, again = till.push(body, "a"), till.push(body, "a")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    other = till.push([{"id": 2, "state": "open"}], "a")
    assert (other.status_code, other.json()["type"]) == (422, "urn:outport:error:bad_query:idempotency")
    assert till.rows() == [(1, "open", None)]
    # The push that was kept may have ended before it asked for a refresh: the one that is sent again asks too.
    (asked,) = refresh.waiting(till.shop.settings.state)
    refresh.take(till.shop.settings.state, datetime.now(UTC))
    refresh.ended(till.shop.settings.state, asked)
    assert till.push(body, "a").status_code == 201
    assert [one.product for one in refresh.waiting(till.shop.settings.state)] == ["sales"]


def test_pushes_that_wait_for_each_other_hold_no_more_threads_than_there_are_places(till: Till) -> None:
    assert till.push([{"id": 1, "state": "open"}], "a").status_code == 201
    orders = segments.shelf(till.shop.settings.state, "sales", "till", "orders")
    with ThreadPoolExecutor(3) as threads:
        with orders.turn():
            sent = [threads.submit(till.push, [{"id": n, "state": "open"}], f"b{n}") for n in range(3)]
            first = next(as_completed(sent))
            assert first.result().status_code == 429
        assert sorted(one.result().status_code for one in sent) == [201, 201, 429]


def test_no_page_of_another_site_pushes(till: Till) -> None:
    headers = {"Content-Type": NDJSON, "Idempotency-Key": "a", "Origin": "https://evil.example"}
    refused = till.client.post(PATH, content=b"", headers=headers, auth=("till", "till-secret"))
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:outport:error:forbidden:origin")


def test_rows_that_break_the_contract_are_refused_or_set_aside_as_the_client_asks(till: Till) -> None:
    body = [{"id": 1, "state": "open"}, {"id": 2, "state": "SECRET"}]
    refused = till.push(body, "a")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:outport:error:bad_query:rows")
    assert refused.json()["detail"] == "1 of 2 rows of till.orders break state.enum"
    assert till.rows() == []
    taken = till.push(body, "a", params={"on-bad": "quarantine"})
    assert taken.json()["data"] == {"rows": 1, "quarantined": 1, "broken": {"state.enum": 1}}
    assert till.rows() == [(1, "open", None)]
    seen = till.client.get("/products/sales/-/quarantine", auth=("stew", "stew-secret")).json()["data"]
    (aside,) = seen
    assert (aside["input"], aside["table"], aside["rows"], aside["aside"], aside["pushed"]) == (
        "till",
        "orders",
        2,
        1,
        True,
    )
    assert aside["broken"] == {"state.enum": 1}
    assert aside["sample"] == [{"$rules": "state.enum", "id": "2", "state": "SECRET", "amount": None}]
    refused = till.client.get("/products/sales/-/quarantine", auth=("till", "till-secret"))
    assert (refused.status_code, refused.json()["detail"]) == (403, 'to manage "sales" is not granted to you')
    worse = till.push([{"id": 2}, {"id": "x", "state": "open"}], "b", params={"on-bad": "quarantine"})
    assert (
        worse.json()["detail"]
        == "1 of 2 rows of till.orders break id.type; 1 of 2 rows of till.orders break state.required"
    )


def test_only_who_is_granted_it_pushes(till: Till) -> None:
    body = [{"id": 1, "state": "open"}]
    refused = till.push(body, "a", subject="stew")
    assert (refused.status_code, refused.json()["detail"]) == (403, 'to push to "sales" is not granted to you')
    assert till.push(body, "a", subject="none").status_code == 404
    assert till.client.post(PATH, content=b"").status_code == 401
    assert till.push(body, "a", path="/products/sales/-/inputs/other").status_code == 404
    assert not (till.shop.settings.state / "inputs").exists()
    assert till.push(body, "a").status_code == 201
    files = till.shop.settings.audit.glob("*.jsonl")
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    (told,) = [one for one in records if one["event"] == "product_managed"]
    assert (told["subject"], told["action"], told["what"]) == ("till", "push", "till.orders: 1 rows, 0 set aside")
    assert sum(one.get("subject") == "stew" and "refused" in one["event"] for one in records) == 1


def test_only_who_may_push_is_shown_how(till: Till) -> None:
    descriptor = till.shop.settings.products / "sales" / "sales.odps.yaml"
    said = yaml.safe_load(descriptor.read_text())
    said["inputPorts"][0]["contractId"] = "till"  # whose examples are told
    descriptor.write_text(yaml.safe_dump(said))
    till.shop.publish("sales")
    pages = {
        who: till.client.get("/hub/sales", headers={"Accept": "text/html"}, auth=(who, f"{who}-secret"))
        for who in ("till", "stew", "none")
    }
    assert {who: page.status_code for who, page in pages.items()} == {"till": 200, "stew": 200, "none": 404}
    assert [who for who, page in pages.items() if "/-/inputs/till" in page.text] == ["till"]


def test_a_push_has_a_key_and_an_input_an_end(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    body = [{"id": 1, "state": "open"}]
    for key in ("", "k" * 256):
        refused = till.push(body, key)
        assert (refused.status_code, refused.json()["detail"][:33]) == (400, "a push has an Idempotency-Key of ")
    assert till.push(body, "k" * 255).status_code == 201
    monkeypatch.setattr(segments.Shelf, "size_bytes", lambda _: till.shop.settings.push_store_bytes)
    full = till.push(body, "more")
    assert (full.status_code, full.json()["detail"]) == (429, "this input is full")


BODIES: list[tuple[bytes, str, int]] = [
    (b"", NDJSON, 201),
    (b"{", NDJSON, 400),
    (b"no stream", ARROW, 400),
    (stream(pa.table({"id": [1]}), compression="lz4"), ARROW, 400),
    (stream(pa.table({"id": pa.nulls(10**9)})), ARROW, 400),
    (stream(pa.table({"id": ["1"] * 3000}))[:9000], ARROW, 400),
    (b"id\n1\n", "text/csv", 415),
    (b" " * 20_001, NDJSON, 413),
]


def test_what_is_no_body_of_rows_is_refused(till: Till) -> None:
    for number, (body, kind, status) in enumerate(BODIES):
        answer = till.push(body, f"key-{number}", kind=kind)
        assert answer.status_code == status, answer.text
        assert str(till.shop.settings.state) not in answer.text
    home = till.shop.settings.state / "inputs" / "sales" / "till" / "orders"
    assert not list(home.glob("work-*"))


def test_a_client_that_goes_in_the_middle_of_its_body_has_pushed_nothing(till: Till) -> None:
    half = b'{"id": 1, "state": "open"}\n'
    login = base64.b64encode(b"till:till-secret").decode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: {till.client.base_url.host}\r\nAuthorization: Basic {login}\r\n"
    head += f"Content-Type: {NDJSON}\r\nIdempotency-Key: a\r\n"
    chunked = f"Transfer-Encoding: chunked\r\n\r\n{len(half):x}\r\n".encode() + half + b"\r\n"
    for rest in (f"Content-Length: {2 * len(half)}\r\n\r\n".encode() + half, chunked):
        with socket.create_connection((till.client.base_url.host, till.client.base_url.port or 0), 10) as client:
            client.sendall(head.encode() + rest)
            client.shutdown(socket.SHUT_WR)
            assert b" 201 " not in client.recv(1_000)
    # The key is not known by what was half sent.
    assert till.push([{"id": 2, "state": "shut"}], "a").status_code == 201
    assert till.rows() == [(2, "shut", None)]


def test_a_body_is_taken_as_it_is_and_not_unpacked(till: Till) -> None:
    headers = {"Content-Type": NDJSON, "Idempotency-Key": "a", "Content-Encoding": "gzip"}
    body = gzip.compress(b'{"id": 1, "state": "open"}')
    answer = till.client.post(PATH, content=body, headers=headers, auth=("till", "till-secret"))
    assert answer.status_code == 415
    assert till.rows() == []
