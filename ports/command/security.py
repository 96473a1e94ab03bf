"""`outport security-test`: the published attacks on the deployment that runs here, through each of its doors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer

from gateway.access.identity import Directory
from gateway.errors import NotFound
from gateway.principal import Scope
from gateway.settings import Settings
from ports.command import access, doors, show
from ports.command.attack.attacks import DOORS, Attack, Door, corpus
from ports.command.attack.campaign import Attacker, Report, attacked
from ports.command.connect import credentials
from ports.command.flags import PLACES, with_settings
from ports.command.people import directory

_PORTS: dict[Door, str] = {"rest": "http", "flight": "flight", "postgres": "postgres", "graphql": "http", "mcp": "http"}
_SCHEMES: dict[str, Door] = {"http": "rest", "https": "rest", "grpc": "flight", "grpc+tls": "flight"}
_SCHEMES |= {"postgres": "postgres", "postgresql": "postgres"}
_TOKEN_S, _MARGIN_S = 3600.0, 5.0


@with_settings(*PLACES)
def security_test(
    *,
    subject: Annotated[str, typer.Option("--as", help="the principal that attacks")],
    port: Annotated[
        Literal["all", "rest", "flight", "postgres", "graphql", "mcp"], typer.Option(help="the door")
    ] = "all",
    url: Annotated[
        list[str] | None, typer.Option(help="a door's address: https, grpc+tls, postgres (repeatable)")
    ] = None,
    category: Annotated[list[str] | None, typer.Option(help="only attacks of this category (repeatable)")] = None,
    limit: Annotated[int, typer.Option("--targets", min=1, max=50, help="columns and tables of a kind at most")] = 2,
    ca: Annotated[
        Path | None, typer.Option(help="the authority of the doors' certificate, where none is noted")
    ] = None,
    cert: Annotated[Path | None, typer.Option(help="a client's certificate, where the doors ask for one")] = None,
    key: Annotated[Path | None, typer.Option(help="its private key")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    settings: Settings,
) -> None:
    """Attack the running server as a principal, through each door; exit code 1 if an attack breaks something.

    Each attack has an honest twin, which must be answered. Nothing that leaks is shown, only which attack did it.
    """
    people = directory(settings)
    attacker = Attacker(
        subject,
        credentials(people, subject),
        people.issue_token(subject, _TOKEN_S),
        _others(people, subject),
        people.subjects(),
        lambda one, actions: people.issue_token(one, _TOKEN_S, scope=Scope(None, None, actions)),
        _wanted(category or ()),
        limit,
        settings.compute_s + settings.queue_s + _MARGIN_S,  # a bomb may cost what the server's clock allows, no more
        ca,
        cert,
        key,
    )
    with access.opened(settings) as gateway:
        report = attacked(settings, gateway, attacker, _places(settings, port, url or ()))
    if as_json:
        show.line(json.dumps({"holds": report.holds, **asdict(report)}, indent=2))
    else:
        _show(report)
    if not report.holds:
        raise typer.Exit(1)


def _others(people: Directory, subject: str) -> str | None:
    """A token of somebody else, None where there is nobody."""
    other = next((one for one in people.subjects() if one != subject), None)
    return None if other is None else people.issue_token(other, _TOKEN_S)


def _wanted(categories: Sequence[str]) -> tuple[Attack, ...]:
    known = dict.fromkeys(one.category for one in corpus())
    for name in categories:
        if name not in known:
            raise NotFound(f"{name} is no category of attacks", reason="category", hint=", ".join(known))
    return tuple(one for one in corpus() if not categories or one.category in categories)


def _places(settings: Settings, port: str, urls: Sequence[str]) -> list[tuple[Door, doors.Reach]]:
    at = dict(_address(url) for url in urls)
    if "rest" in at:
        at["graphql"] = at["mcp"] = at["rest"]
    wanted = [door for door in DOORS if port in ("all", door) and (not at or door in at)]
    if not wanted:
        raise NotFound(f"no address of the door {port} is given", reason="door", hint="--url")
    return [(door, _reach(settings, door, at.get(door))) for door in wanted]


def _reach(settings: Settings, door: Door, url: str | None) -> doors.Reach:
    noted = doors.reach(settings, _PORTS[door])
    if url is None:
        return noted
    parts = urlsplit(url)
    secure = parts.scheme in {"https", "grpc+tls"} or "sslmode=" in parts.query
    trusted = noted.trust or doors.Trust(None, mutual=False)
    return doors.Reach((parts.hostname or "127.0.0.1", parts.port or noted.address[1]), trusted if secure else None)


def _address(url: str) -> tuple[Door, str]:
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        raise NotFound(f"{url:.60} is no door's address", reason="door", hint=", ".join(_SCHEMES))
    return _SCHEMES[scheme], url


def _show(report: Report) -> None:
    rows = [(one.door, one.category, one.tried, one.held, one.broken, one.honest_lost) for one in report.lines]
    columns = ("door", "category", "tried", "held", "broken", "honest lost")
    show.console().print(show.table(columns, rows))
    for one in report.broken:
        show.line(f"BROKEN  {one.id} at {one.door}: {one.fault}")
    for one in report.honest_lost:
        show.line(f"LOST    the honest twin of {one.id} at {one.door} was not answered")
    show.line(
        f"{report.tried} attacks as {report.subject} in {report.seconds:g} s: {report.held} held, "
        f"{len(report.broken)} broken, {len(report.honest_lost)} honest requests lost; "
        f"{report.not_applicable} attacks had nothing to be tried on; {report.canaries} canaries"
    )
