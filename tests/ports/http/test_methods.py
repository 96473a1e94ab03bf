"""Every address and every method: what is taken, what is refused and how, and what a browser may do."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest
from starlette.routing import Route, WebSocketRoute

from gateway import Gateway
from gateway.settings import Settings, SettingsError
from ports.http.server import ROUTES, HttpPort
from tests.conftest import World
from tests.ports.http.test_refusals import problem

Client = Callable[..., httpx.Client]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE")
KNOWN = {
    "product": "shop",
    "table": "orders",
    "key:path": "7",
    "measures": "revenue",
    "input": "till",
    "incident": "1",
    "window": "1",
    "name": "narrow",
    "issuer": "company",
}
ORIGIN = "https://app.example"
# In whole seconds, which pass between two answers.
AGE = re.compile(r";age=\d+")


def addresses(gateway: Gateway) -> dict[str, set[str]]:
    """An address for each route of the doors, with the methods that its routes declare."""
    found: dict[str, set[str]] = {}
    for routes in ROUTES:
        for route in routes(gateway).routes:
            if isinstance(route, WebSocketRoute):
                continue  # no method of HTTP's is for it
            assert isinstance(route, Route)
            path = route.path
            for name, value in KNOWN.items():
                path = path.replace(f"{{{name}}}", value)
            assert "{" not in path
            found.setdefault(path, set()).update(route.methods)
    return found


def test_every_address_refuses_every_other_method_and_says_which_it_takes(web: Client, gateway: Gateway) -> None:
    for path, taken in addresses(gateway).items():
        allowed = taken | {"OPTIONS"} | ({"HEAD"} if "GET" in taken else set())
        for method in METHODS:
            answer = web("steward").request(method, path)
            if method in allowed:
                assert answer.status_code != 405, (method, path)
                continue
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == allowed, path
            if method != "HEAD":
                problem(answer, 405)


def test_options_says_what_an_address_takes_without_a_login(web: Client, gateway: Gateway) -> None:
    for path, taken in addresses(gateway).items():
        answer = web().request("OPTIONS", path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert taken <= set(answer.headers["allow"].split(", "))
    problem(web().request("OPTIONS", "/nothing/here"), 404)
    known, unknown = (web().request("OPTIONS", f"/products/{name}").headers for name in ("hr", "nope"))
    assert known["allow"] == unknown["allow"]


def test_options_of_the_server_as_a_whole(http_port: HttpPort) -> None:
    with socket.create_connection(http_port.address, timeout=60) as connection:
        connection.sendall(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = connection.recv(65536)
    assert received.startswith(b"HTTP/1.1 204 ")
    assert b"allow: DELETE, GET, HEAD, OPTIONS, POST" in received


@pytest.mark.parametrize(
    "path",
    [
        "/products",
        "/products/shop",
        "/products/shop/orders?limit=3",
        "/products/shop/orders?format=arrow",
        "/products/shop/orders/7",
        "/products/shop/orders/99999999",
        "/products/shop/orders?nothing=eq.1",
        "/products/nothing",
        "/nothing/here",
        "/",
        "/health",
        "/ready",
        "/hub.css",
        "/docs",
        "/openapi.json",
        "/products/shop/-/openapi.json",
    ],
)
def test_head_is_get_without_a_body(web: Client, path: str) -> None:
    whole, head = web("analyst").get(path), web("analyst").head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    differ = {"date", "content-length", "transfer-encoding", "x-outport-query-id", "ratelimit", "content-encoding"}
    differ |= {"content-range", "range-unit", "link"}  # which rows an answer holds, and whether more follow
    differ.add("link")  # a cursor is sealed anew each time
    named = [
        {name: AGE.sub("", text) for name, text in one.headers.items() if name not in differ} for one in (whole, head)
    ]
    assert named[0] == named[1]


def test_head_reads_no_row(web: Client, world: World) -> None:
    asked = web("steward").head("/products/shop/orders?format=csv").headers["x-outport-query-id"]
    (line,) = [
        line for file in world.settings.audit.iterdir() for line in file.read_text().splitlines() if asked in line
    ]
    assert '"rows":0,"bytes":0' in line
    assert '"subject":"steward"' in line


@pytest.fixture(scope="module")
def shared(world: World) -> Iterator[httpx.Client]:
    """A web door whose pages and answers one other origin may use."""

    class Shared:
        settings = world.settings.model_copy(update={"cors_origins": f"{ORIGIN}, http://localhost:3000"})

        def __getattr__(self, name: str) -> object:
            return getattr(world.gateway, name)

    port = HttpPort(Shared())  # type: ignore[arg-type]
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("analyst", "analyst-secret")) as client:
        yield client
    port.stop()


def test_a_page_of_a_named_origin_may_ask_and_read_what_tells_of_the_answer(shared: httpx.Client) -> None:
    asking = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    asked = {**asking, "Access-Control-Request-Headers": "authorization,prefer,x-outport-purpose"}
    preflight = shared.request("OPTIONS", "/products/shop/orders", headers=asked, auth=None)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in preflight.headers
    answer = shared.get("/products/shop/orders?limit=1", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert {"ETag", "Link", "RateLimit", "X-Outport-Products"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )
    assert "Origin" in answer.headers["vary"].split(", ")
    refused = shared.get("/products/nothing", headers={"Origin": ORIGIN})
    assert refused.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil", "null", "http://app.example"])
def test_no_other_origin_gets_anything(shared: httpx.Client, origin: str) -> None:
    asking = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    refused = shared.request("OPTIONS", "/products", headers=asking, auth=None)
    problem(refused, 403)
    answer = shared.get("/products", headers={"Origin": origin})
    for one in (refused, answer):
        assert "access-control-allow-origin" not in one.headers
        assert "Origin" in one.headers["vary"]


def test_no_origin_may_ask_unless_the_setting_says_so(web: Client) -> None:
    asking = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    for answer in (
        web().request("OPTIONS", "/products", headers=asking),
        web("analyst").get("/products", headers={"Origin": ORIGIN}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origins", ["*", "https://*.example", "app.example", "https://app.example/path", "https://a,*"]
)
def test_an_origin_is_one_exactly(origins: str) -> None:
    with pytest.raises(SettingsError, match="cors_origins"):
        Settings(cors_origins=origins)
