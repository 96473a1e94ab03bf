"""What a product's page shows to connect: what `outport connect` prints, door by door, and it works when pasted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.command import doors
from ports.command.serve import opened
from ports.http.server import HttpPort
from ports.http.snippets import Client
from tests.conftest import World
from tests.ports.command.conftest import Outport, outport  # noqa: F401
from tests.ports.command.test_connect import pasted
from tests.ports.hub import reading
from tests.ports.hub.test_page import Demo

PERSONA = "demo.one"


class OfOne(Demo):
    """The demo of one persona."""

    def personas(self) -> tuple[str, ...]:
        return (PERSONA,)


@pytest.fixture(scope="module")
def shown(world: World) -> Iterator[dict[str, str]]:
    """Client -> what the page of `shop` shows for it, while every door is open."""
    people = Directory(world.settings.principals, load(world.settings))
    people.add(PERSONA, "person", {"role": ["analyst"]}, f"{PERSONA}-demo")
    with opened(world.gateway) as addresses:
        demo = OfOne(world.gateway)
        ports = {f"{name}_port": addresses[name][1] for name in ("flight", "postgres")}
        demo.settings = demo.settings.model_copy(update=ports)
        port = HttpPort(demo)  # type: ignore[arg-type]
        port.start()
        doors.note(world.settings, {**addresses, "http": port.address})
        page = reading.read(httpx.get("http://{}:{}/hub/shop".format(*port.address), timeout=60).text)
        yield {
            one.attributes["data-client"]: "".join(one.words)
            for one in page.of("pre")
            if "data-client" in one.attributes
        }
        port.stop()
    doors.forget(world.settings)
    people.remove(PERSONA)


@pytest.mark.parametrize("client", list(Client))
def test_the_page_shows_what_the_command_prints(shown: dict[str, str], outport: Outport, client: str) -> None:  # noqa: F811
    printed = outport("connect", client, "--as", PERSONA, "--product", "shop")
    assert shown[client] == printed.stdout.rstrip("\n")


@pytest.mark.parametrize("client", ["curl", "graphql", "adbc", "psycopg", "rest"])
def test_it_works_when_pasted(shown: dict[str, str], client: str) -> None:
    rows = pasted(client, shown[client])
    assert "N***" in rows
    assert "CANARY" not in rows


def test_outside_the_demo_nobody_s_secret_is_shown(web: Callable[..., httpx.Client]) -> None:
    page = reading.read(web("analyst").get("/hub/shop").text)
    texts = [one.text for one in page.of("pre") if "data-client" in one.attributes]
    assert texts
    assert all("YOUR_TOKEN" in one and re.search(r"analyst|secret", one) is None for one in texts)
