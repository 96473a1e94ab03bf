"""One principal's attacks on each door: targets, canaries, the corpus, then what doors give out; and the report.

Reads decisions and, through the oracle, raw rows; talks to the doors as a client.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from gateway import Gateway
from gateway.access.credentials import Bearer, Login
from gateway.errors import Unavailable
from gateway.policies.explain import TableAccess, explain
from gateway.principal import Action, Environment
from gateway.serving.catalog import Snapshot
from gateway.settings import Settings
from ports.command import access, doors, show
from ports.command.attack import forms, given, oracle, trust
from ports.command.attack.attacks import DOORS, Attack, Door
from ports.command.attack.canaries import canaries
from ports.command.attack.company import company
from ports.command.attack.flight import FlightClient
from ports.command.attack.graphql import GraphQLClient
from ports.command.attack.keepers import kept
from ports.command.attack.mcp import McpClient
from ports.command.attack.postgres import PostgresClient
from ports.command.attack.reply import CannotConnect, Client
from ports.command.attack.rest import RestClient
from ports.command.attack.terrain import Seen, targets
from ports.command.attack.trial import Ground, Try, attempts, unfit

# How policies and descriptors call a door.
_NAMES: dict[Door, str] = {door: "flightsql" if door == "flight" else door for door in DOORS}

# What asks for nothing, where that is no SQL.
_NOTHING: dict[Door, str] = {"graphql": "{ __typename }", "mcp": '{"name": "search_products"}'}


@dataclass(frozen=True)
class Line:
    """One category at one door."""

    category: str
    door: Door
    tried: int
    held: int
    broken: int
    honest_lost: int


@dataclass(frozen=True)
class Report:
    """What a run found: lines, the attacks that were not held, and how many had nothing to be tried on."""

    subject: str
    seconds: float
    tried: int
    held: int
    broken: tuple[Try, ...]
    honest_lost: tuple[Try, ...]
    not_applicable: int
    canaries: int
    lines: tuple[Line, ...]

    @property
    def holds(self) -> bool:
        """Whether every attack was held and every honest twin answered."""
        return not self.broken and not self.honest_lost


@dataclass(frozen=True)
class Attacker:
    """Who attacks and with what: `token` is the attacker's own, `others` somebody else's; at most `limit` targets.

    `subjects` are all that the directory knows, `issue` gives a token of one of them, for these actions alone where
    some are named; `ca` is whom to trust, None for what the server noted.
    """

    subject: str
    credentials: Login = field(repr=False)
    token: str = field(repr=False)
    others: str | None = field(repr=False)
    subjects: tuple[str, ...]
    issue: Callable[[str, tuple[Action, ...] | None], str] = field(repr=False)
    attacks: tuple[Attack, ...]
    limit: int
    patience_s: float
    ca: Path | None
    cert: Path | None
    key: Path | None


def attacked(
    settings: Settings, gateway: Gateway, attacker: Attacker, places: Sequence[tuple[Door, doors.Reach]]
) -> Report:
    """Every attack through each of `places`. Raises Unavailable where a door does not answer."""
    begun, without, count = time.monotonic(), 0, 0
    found: list[Try] = []
    for door, at in places:
        show.status(f"attacking {door} at {at.address[0]}:{at.address[1]} ...")
        tables = seen(gateway, attacker.subject, _NAMES[door])
        with oracle.opened(settings, gateway.pin().deployment.current) as raw:
            shown = [one for one in tables if one.visible]
            others = company(gateway, attacker.subject, attacker.subjects, _NAMES[door], shown)
            managed = kept(gateway, attacker.subject, attacker.subjects, _NAMES[door], shown)
            found_here = targets(tables, raw, chain(others, managed), attacker.limit)
            ground = Ground(found_here, canaries(tables, raw), attacker.patience_s)
        count += len(ground.canaries)
        without += unfit(attacker.attacks, ground, door)
        try:
            found += _through(door, at, attacker, ground)
        except CannotConnect as error:
            where = f"{door}, {at.address[0]}:{at.address[1]}"
            raise Unavailable(f"{error} ({where})", reason="door", hint="outport serve") from error
    show.status("")
    bad, lost = tuple(one for one in found if one.fault), tuple(one for one in found if not one.honest)
    seconds = round(time.monotonic() - begun, 1)
    held = len(found) - len(bad)
    return Report(attacker.subject, seconds, len(found), held, bad, lost, without, count, tuple(_lines(found)))


def seen(gateway: Gateway, subject: str, port: str) -> tuple[Seen, ...]:
    """Every table of the deployment, and what the decisions leave of it; without those known by metadata alone."""
    session = gateway.impersonate(subject, port)
    found: list[Seen] = []
    for snapshot in gateway.pin().deployment.current:
        known = {one.table for one in _metadata(gateway, subject, port, snapshot) if not one.refusal}
        for one in access.accesses(gateway, session, snapshot):
            if not one.refusal or one.table not in known:
                found.append(Seen(snapshot, snapshot.product.table(one.table), one))
    return tuple(found)


def _metadata(gateway: Gateway, subject: str, port: str, snapshot: Snapshot) -> tuple[TableAccess, ...]:
    if not snapshot.product.serves(port):
        return ()
    environment = Environment(port, None, "metadata", time.time())
    principal = gateway.impersonate(subject, port).principal
    return explain(gateway.pin().policies, principal, snapshot.product, environment, snapshot.pseudonyms)


def _through(door: Door, at: doors.Reach, attacker: Attacker, ground: Ground) -> Iterator[Try]:
    files = trust.files(at, attacker.ca, attacker.cert, attacker.key)

    def connect(proof: Login, *, binary: bool = False) -> Client:
        match door:
            case "rest":
                return RestClient(at, proof, attacker.patience_s, files.context())
            case "flight":
                return FlightClient(at, proof, attacker.patience_s, files)
            case "postgres":
                return PostgresClient(at, proof, attacker.patience_s, files.context(), binary=binary)
            case "graphql":
                return GraphQLClient(at, proof, attacker.patience_s, files.context())
            case "mcp":
                return McpClient(at, proof, attacker.patience_s, files.context())

    with ExitStack() as open_clients:

        def opened(proof: Login, *, binary: bool = False) -> Client:
            client = connect(proof, binary=binary)
            open_clients.callback(client.close)
            return client

        mine = opened(attacker.credentials)
        subjects = {one.names["keeper"] for one in ground.targets["kept"] if "keeper" in one.names}
        keepers = {one: opened(Bearer(attacker.issue(one, None))) for one in subjects} if door == "rest" else {}
        yield from attempts(door, mine, attacker.attacks, ground, keepers)
        if door == "postgres":
            binary = opened(attacker.credentials, binary=True)
            # What a bomb costs is weighed before any form is looked at; a script is no prepared statement.
            once = [one for one in attacker.attacks if one.category != "bombs" and one.form != "script"]
            yield from attempts(door, binary, once, ground, {})
        yield from given.forged_tokens(door, attacker.token, connect, _NOTHING.get(door, "SELECT 1 AS one"))
        other = opened(Bearer(attacker.others)) if attacker.others is not None else None
        yield from _handed_back(mine, other, ground)
        if isinstance(mine, RestClient):
            assert other is None or isinstance(other, RestClient)
            yield from forms.forged(mine, other)
            yield from forms.led_astray(mine, attacker.token)
            yield from _narrowed(attacker, keepers, opened, ground)


def _handed_back(mine: Client, other: Client | None, ground: Ground) -> Iterator[Try]:
    shown = next(iter(ground.targets["visible"]), None)
    if shown is None:
        return
    if isinstance(mine, FlightClient):
        assert other is None or isinstance(other, FlightClient)
        yield from given.tickets(mine, other, f"SELECT count(*) AS n FROM {shown.names['table']}")
    if isinstance(mine, RestClient):
        assert other is None or isinstance(other, RestClient)
        yield from given.pages(mine, other, f"/products/{shown.names['product']}/{shown.names['bare']}?limit=1")


def _narrowed(
    attacker: Attacker, keepers: Mapping[str, Client], opened: Callable[[Login], Client], ground: Ground
) -> Iterator[Try]:
    """Who manages a product does not by a token for questions alone."""
    for target in ground.targets["kept"]:
        keeper = target.names.get("keeper", "")
        if keeper in keepers:
            narrow = opened(Bearer(attacker.issue(keeper, ("query", "metadata"))))
            yield from given.narrowed(keepers[keeper], narrow, target.names["kept"])


def _lines(found: Sequence[Try]) -> Iterator[Line]:
    for door, category in dict.fromkeys((one.door, one.category) for one in found):
        ours = [one for one in found if (one.door, one.category) == (door, category)]
        bad, lost = sum(bool(one.fault) for one in ours), sum(not one.honest for one in ours)
        yield Line(category, door, len(ours), len(ours) - bad, bad, lost)
