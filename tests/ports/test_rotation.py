"""The secret is rotated while clients hold what the server gave them: cursors, tickets, tokens and keys go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pyarrow.flight as fl
import pytest
from pydantic import SecretStr

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from tests.conftest import World

NEW = "the secret after the rotation, 32 bytes"
ADDRESS = "/products/shop/customers?select=customer_id&limit=100"


@contextmanager
def served(world: World, *secrets: str, mask: str | None = None) -> Iterator[dict[str, Any]]:
    """The doors of a server with these secrets, and how to ask it for a token."""
    given = {"secret_key": SecretStr("\n".join(secrets)), "mask_key": None if mask is None else SecretStr(mask)}
    settings = world.settings.model_copy(update=given)
    gateway = Gateway(settings)
    ports = HttpPort(gateway), FlightPort(gateway)
    for port in ports:
        port.start()
    try:
        token = Directory(settings.principals, load(settings)).issue_token("steward", 600)
        yield {port.name: f"{port.address[0]}:{port.address[1]}" for port in ports} | {"token": token}
    finally:
        for port in ports:
            port.stop()
        gateway.close()


def page(server: dict[str, Any], token: str, cursor: str | None) -> httpx.Response:
    address = f"http://{server['http']}{ADDRESS}" + ("" if cursor is None else f"&cursor={cursor}")
    return httpx.get(address, headers={"Authorization": f"Bearer {token}"})


def bearer(token: str) -> fl.FlightCallOptions:
    return fl.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])


def ticket(server: dict[str, Any], token: str) -> fl.Ticket:
    asked = m.pack(m.CommandStatementQuery("SELECT count(*) AS n FROM shop.orders"))
    with fl.connect(f"grpc://{server['flight']}") as client:
        info = client.get_flight_info(fl.FlightDescriptor.for_command(asked), bearer(token))
        return info.endpoints[0].ticket


def redeemed(server: dict[str, Any], token: str, held: fl.Ticket) -> int:
    with fl.connect(f"grpc://{server['flight']}") as client:
        return int(client.do_get(held, bearer(token)).read_all()["n"][0].as_py())


def test_what_was_given_out_is_taken_through_a_rotation_and_not_beyond(world: World) -> None:
    assert world.settings.secret_key is not None
    old = world.settings.secret_key.get_secret_value()
    with served(world, old) as before:
        first = page(before, before["token"], None).json()
        held = ticket(before, before["token"])
    with served(world, NEW, old) as during:
        second = page(during, before["token"], first["next"])
        assert [row["customer_id"] for row in second.json()["data"]] == list(range(100, 200))
        assert redeemed(during, before["token"], held) == 1800
        later, newer = page(during, during["token"], None).json()["next"], ticket(during, during["token"])
    with served(world, NEW, mask=old) as after:
        assert page(after, during["token"], later).status_code == 200
        assert redeemed(after, during["token"], newer) == 1800
        assert page(after, before["token"], None).status_code == 401
        assert page(after, during["token"], first["next"]).status_code == 400
        with pytest.raises(fl.FlightError):
            redeemed(after, before["token"], held)
