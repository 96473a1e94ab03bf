"""Every address of every door has a place in the corpus of attacks, and what is tried there is held."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.routing import Match, Route

from gateway import Gateway
from gateway.system_catalogs import pg_objects, pg_rows
from ports.command.attack.attacks import DOORS, corpus
from ports.command.attack.judge import Expectation, broken
from ports.command.attack.reply import Reply
from ports.flight import messages
from ports.flight.actions import ACTIONS
from ports.graphql.schema import KEYED, LISTING, MEASURES, PAGES, PUBLICATIONS
from ports.http.application import application
from ports.http.server import ROUTES
from ports.mcp.tools import TOOLS
from ports.rest import openapi
from ports.rest.openapi_about import Rights
from tests.conftest import World, password
from tests.ports.command.conftest import environ, invoke
from tests.ports.command.test_security import asked, served

KEEPER = "- {id: keeper, on: {product: shop}, to: {subject: steward}, manage: true}\n"


@pytest.fixture(scope="module")
def kept(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The world's snapshots by its own policies, and one that lets the steward manage the shop."""
    folder = tmp_path_factory.mktemp("kept")
    for path in world.settings.policies.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    (folder / "keeper.yaml").write_text(KEEPER)
    gateway = Gateway(world.settings.model_copy(update={"policies": folder}))
    yield gateway
    gateway.close()


def attacked(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, subject: str, *words: str) -> dict[str, Any]:
    environ(gateway.settings, monkeypatch)
    with served(gateway, gateway.settings):
        answer = invoke("security-test", "--as", subject, "--json", *words)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def of_file(stem: str) -> list[str]:
    return list(dict.fromkeys(one.category for one in corpus() if one.id.startswith(f"{stem}/")))


def test_what_is_tried_on_the_product_half_is_held(kept: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    found = attacked(kept, monkeypatch, "analyst", "--port", "rest", "--targets", "1", *asked(*of_file("product")))
    assert (found["broken"], found["honest_lost"]) == ([], []), json.dumps(found["broken"])
    tried = {line["category"]: line["tried"] for line in found["lines"]}
    assert set(tried) >= set(of_file("product"))
    assert tried["forms of the hub that are not its own"] > 8
    assert found["held"] == found["tried"] > 200


def test_who_manages_is_not_made_to_by_another_site_s_page(kept: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    found = attacked(kept, monkeypatch, "steward", "--port", "rest", *asked("what another site's page sends"))
    assert (found["broken"], found["honest_lost"]) == ([], []), json.dumps(found["broken"])


def test_what_is_tried_on_commands_and_actions_is_held(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = attacked(world.gateway, monkeypatch, "analyst", "--port", "flight", *asked(*of_file("flight")))
    assert (found["broken"], found["honest_lost"]) == ([], []), json.dumps([found["broken"], found["honest_lost"]])


def requests() -> Iterator[tuple[str, str]]:
    """Method and path of every request that the corpus sends, its words as names of their own."""
    for attack in corpus():
        found = re.match(r"(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) (/[^?\n]*)", attack.template)
        if found:
            yield found.group(1).replace("HEAD", "GET"), unquote(re.sub(r"\{(\w+)\}", r"\1", found.group(2).strip()))
    for door in ("mcp", "graphql"):
        yield "POST", f"/{door}"


def test_every_address_of_the_web_door_is_attacked(world: World) -> None:
    served_routes = application(world.gateway, [made(world.gateway) for made in ROUTES]).router.routes
    routes = [one for one in served_routes if isinstance(one, Route)]
    reached = set()
    for method, path in requests():
        for route in routes:
            if route.matches({"type": "http", "method": method, "path": path, "root_path": ""})[0] == Match.FULL:
                reached.add((method, route.path))
                break
    there = {(method, one.path) for one in routes for method in one.methods or () if method != "HEAD"}
    there -= {(method, "/metrics") for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS")}
    assert there - reached == set()
    assert len(there) > 60
    assert {one.path for one in served_routes if not isinstance(one, Route)} == {"/graphql"}  # its web socket


@pytest.mark.parametrize("subject", ["analyst", "steward", "stranger"])
def test_every_operation_that_a_principal_is_told_of_is_one_of_these(world: World, subject: str) -> None:
    routes = application(world.gateway, [made(world.gateway) for made in ROUTES]).router.routes
    session = world.gateway.open(password(subject), "rest")
    products = world.gateway.products(session)
    told = openapi.document(products, session, "1", Rights.of(world.gateway, session, products))
    for path, item in told["paths"].items():
        for method in item.keys() & {"get", "post", "delete", "put"}:
            scope = {"type": "http", "method": method.upper(), "path": path, "root_path": ""}
            assert any(route.matches(scope)[0] == Match.FULL for route in routes), (method, path)


def test_every_tool_field_command_action_and_relation_is_attacked(world: World) -> None:
    told = {door: "\n".join(one.template for one in corpus() if door in one.doors) for door in DOORS}
    assert {name for name in TOOLS if f'"{name}"' not in told["mcp"]} == set()
    names = {one for one in dir(messages) if one.startswith("Command")}
    assert {name for name in names if f"COMMAND {name}" not in told["flight"]} == set()
    assert {name for name in ACTIONS if f"ACTION {name}" not in told["flight"]} == set()
    session = world.gateway.open(password("steward"), "postgres")
    made = pg_rows.made_of(pg_objects.visible(session, world.gateway.pin(session)))
    assert {name for name in made.rows if f"pg_catalog.{name}" not in told["postgres"]} == set()
    assert {name for name in (LISTING, PUBLICATIONS, PAGES, KEYED, MEASURES) if name not in told["graphql"]} == set()


@pytest.mark.parametrize(
    ("expected", "reply", "fault"),
    [
        ("forbidden", Reply("refused", words="403 forbidden"), ""),
        ("forbidden", Reply("refused", words="400 bad_query"), "was not refused for who asks, or from where"),
        ("forbidden", Reply("answered", words="200"), "was not refused for who asks, or from where"),
        ("unechoed", Reply("answered", b"link: <http://evil.example>"), "believes a request about where the server is"),
        ("harmless", Reply("answered", b"x: y\nzq-split: 1\n\n"), "lets a request write headers"),
        ("harmless", Reply("refused", b"x: zq-split: 1\n\nzq-split:"), ""),
        (
            "harmless",
            Reply("refused", b"content-type: text/html\n\n<zq-mark>"),
            "writes a request's markup into a page",
        ),
        ("harmless", Reply("refused", b"content-type: application/json\n\n<zq-mark>"), ""),
    ],
)
def test_what_is_no_refusal_or_no_words_of_ours_is_found(expected: Expectation, reply: Reply, fault: str) -> None:
    assert broken(expected, reply, None, ()) == fault
