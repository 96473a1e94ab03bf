"""Every refusal is a problem document, says what would be right, and tells nothing that it should not."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
from collections.abc import Callable

import anyio
import httpx
import pytest
from fastapi import APIRouter, Request
from starlette.datastructures import Headers

import gateway as front_door
from gateway import GatewayError, Unauthenticated
from ports.http import authentication, errors
from ports.http.application import application
from ports.http.server import HttpPort
from tests.conftest import World

Client = Callable[..., httpx.Client]


def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    """The problem document of `answer`, whose shape is checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail", "code"} <= set(document)
    return document


def test_every_class_of_refusal_has_its_status() -> None:
    classes = {one for one in vars(front_door).values() if isinstance(one, type) and issubclass(one, GatewayError)}
    table = {kind.__name__: errors.status(kind("words"))[0] for kind in classes - {GatewayError}}
    assert table == {
        "Unauthenticated": 401, "Forbidden": 403, "NotFound": 404, "BadQuery": 400, "Exhausted": 429,
        "Timeout": 504, "Cancelled": 499, "Expired": 410, "Unavailable": 503, "Internal": 500,
    }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/products", "/products/shop", "/products/nothing", "/products/shop/customers", "/products/hr/salaries/1", "/sql"],
)
def test_without_login_a_known_and_an_unknown_name_read_alike(web: Client, path: str) -> None:
    answer = web().post(path, content=b"no json") if path == "/sql" else web().get(path + "?nonsense=eq.1")
    document = problem(answer, 401)
    del document["error_id"]
    assert document == {
        "type": "urn:outport:error:unauthenticated:missing",
        "title": "Credentials are required",
        "status": 401,
        "code": "unauthenticated",
        "detail": "credentials are required",
        "message": "credentials are required",
    }
    assert answer.headers.get_list("www-authenticate") == [
        'Basic realm="outport", charset="UTF-8"', 'Bearer realm="outport"',
    ]  # fmt: skip


def test_a_wrong_password_and_an_unknown_subject_read_alike(web: Client) -> None:
    told = []
    for subject in ("analyst", "nobody"):
        document = problem(web().get("/products", auth=(subject, "wrong")), 401)
        del document["error_id"]
        told.append(document)
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "value",
    ["Digest x", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), "Bearer", "Basic /w==", ""],
)
def test_an_authorization_header_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(Unauthenticated):
        authentication.credentials(Headers({"authorization": value}))


def test_basic_credentials_may_hold_colons_and_no_padding() -> None:
    value = base64.b64encode("ana:se:crét".encode()).decode().rstrip("=")
    assert authentication.credentials(Headers({"authorization": f"basic {value}"})) == front_door.Password(
        "ana", "se:crét"
    )


def test_a_purpose_must_be_granted(web: Client) -> None:
    assert web("steward").get("/products", headers={"X-Outport-Purpose": "audit"}).status_code == 200
    document = problem(web("analyst").get("/products", headers={"X-Outport-Purpose": "audit"}), 403)
    assert "audit" in str(document["detail"])


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nothing/here", 404, "products are at /products"),
        ("DELETE", "/products", 405, "allowed: GET"),
        ("GET", "/sql", 405, "allowed: OPTIONS, POST"),
        ("GET", "/products/nothing", 404, 'product "nothing" does not exist'),
        ("GET", "/products/shop@7", 404, "does not exist"),
        ("GET", "/products/shop@x/orders", 404, "does not exist"),
        ("GET", "/products/shop/nothing", 404, 'relation "shop.nothing" does not exist'),
        ("GET", "/products/shop/orders/99999999", 404, "no row with this key"),
        ("GET", "/products/shop/orders/1,2", 400, "1 values: order_id"),
        ("GET", "/products/shop/orders/x", 400, "BIGINT takes"),
        ("GET", "/products/shop/orders/1?order_id=eq.1", 400, "unknown parameter"),
        ("GET", "/products/shop?x=1", 400, "unknown parameter"),
        ("GET", "/products?format=csv", 400, "it takes json"),
        ("GET", "/products/shop/orders?format=xml", 400, "json, ndjson, csv, arrow"),
        ("GET", "/products/shop/orders?cursor=forged", 400, "not given out by this server"),
        ("GET", "/products/shop/orders?remark=match.(", 400, "cannot take"),
        ("GET", "/products/shop/%ff", 400, "not UTF-8"),
        ("GET", "/products/shop/orders?remark=eq.%c3%28", 400, "not UTF-8"),
        ("GET", "/products/shop/orders?remark=eq.a%00b", 400, "NUL"),
        ("GET", "/products/shop/orders?" + "&".join(["store=eq.1"] * 201), 400, "at most 200 parameters"),
        ("GET", "/products/shop/orders?remark=eq." + "x" * 17_000, 414, "longer than 16384 bytes"),
    ],
)
def test_a_wrong_request_is_a_problem_that_says_why(
    web: Client, method: str, path: str, status: int, words: str
) -> None:
    document = problem(web("steward").request(method, path), status)
    assert words in str(document["detail"])


def test_an_unacceptable_format_is_refused_with_those_on_offer(web: Client) -> None:
    for path in ("/products", "/products/shop/orders"):
        document = problem(web("steward").get(path, headers={"Accept": "image/png"}), 406)
        assert "application/json" in str(document["detail"])


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON at character 1"),
        (b"\xff", 400, "not UTF-8"),
        (b"[" * 100_000, 400, ""),
        (b"[]", 422, "JSON object"),
        (b"{}", 422, "sql is the text"),
        (b'{"sql":"SELECT 1","sqll":1}', 422, 'unknown member "sqll"'),
        (b'{"sql":"SELECT 1","sql":"SELECT 2"}', 400, "twice"),
        (b'{"sql":"SELECT \\u0000"}', 400, "NUL"),
        (b'{"sql":"SELECT $1","parameters":["\\ud800"]}', 400, "half a character"),
        (b'{"sql":"SELECT $1","parameters":[NaN]}', 400, "NaN is not JSON"),
        (b'{"sql":"SELECT $1","parameters":[[[1]]]}', 422, "one list"),
        (b'{"sql":"SELECT $1","parameters":[{}]}', 422, "parameters[0]"),
        (b'{"sql":"SELECT $1","parameters":[1%s]}' % (b"0" * 5000), 400, "too long"),
        (b'{"sql":"SELECT $1","parameters":[1%s]}' % (b"0" * 60), 422, "127 bits"),
        (b'{"sql":"SELECT 1","search_path":"shop"}', 422, "search_path is a list"),
        (b'{"sql":"SELEKT 1"}', 400, "SELEKT"),
        (b'{"sql":"' + b"x" * (1 << 20) + b'"}', 413, "at most 1048576 bytes"),
    ],
)
def test_a_wrong_body_is_a_problem_that_says_why(web: Client, body: bytes, status: int, words: str) -> None:
    answer = web("steward").post("/sql", content=body, headers={"Content-Type": "application/json"})
    assert words in str(problem(answer, status)["detail"])


def test_sql_takes_json_only(web: Client) -> None:
    problem(web("steward").post("/sql", content=b'{"sql":"SELECT 1"}', headers={"Content-Type": "text/plain"}), 415)


def test_what_a_stranger_asks_for_is_as_unknown_as_any_name(web: Client) -> None:
    told = []
    for name in ("shop", "nope"):
        document = problem(web("stranger").get(f"/products/{name}"), 404)
        del document["error_id"]
        told.append(json.dumps(document).replace(name, "NAME"))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_before_it_fills_the_memory(
    http_port: HttpPort, sent: bytes, status: int
) -> None:
    with socket.create_connection(http_port.address, timeout=60) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status


def test_a_defect_tells_the_client_an_id_and_nothing_else(world: World, caplog: pytest.LogCaptureFixture) -> None:
    router = APIRouter()

    @router.get("/defect")
    def defect(_: Request) -> None:
        raise RuntimeError("a secret of the house")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application(world.gateway, [router]))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/defect")

    answer = anyio.run(ask)
    document = problem(answer, 500)
    assert "secret" not in answer.text
    assert str(document["error_id"]) in caplog.text
    assert "a secret of the house" in caplog.text


def test_a_client_that_leaves_while_it_sends_is_no_defect(
    http_port: HttpPort, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST /sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    logged = Logged()
    with logged:
        with socket.create_connection(http_port.address, timeout=60) as connection:
            connection.sendall(head)
        assert logged.line.wait(60)
    assert logged.lines == ["POST /sql 499"]


class Logged(logging.Handler):
    """The web door's log while the block lasts, its times left out."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.line = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage().rsplit(" ", 2)[0])
        self.line.set()

    def __enter__(self) -> None:
        logger = logging.getLogger("outport.http")
        self._level = logger.level
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("outport.http")
        logger.removeHandler(self)
        logger.setLevel(self._level)


def test_health_and_readiness_need_no_login_and_name_nothing(web: Client) -> None:
    assert web().get("/health").json() == {"status": "ok"}
    ready = web().get("/ready")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "served": 2, "missing": 0, "problems": 0}


def test_the_log_has_no_value_of_a_request(web: Client) -> None:
    logged = Logged()
    with logged:
        web("steward").get("/products/shop/orders/12345?remark=eq.SECRETVALUE")
        assert logged.line.wait(60)
    assert logged.lines == ["GET /products/{product}/{table}/{key:path} 400"]
