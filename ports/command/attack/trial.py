"""One run of the corpus through one door: each attack on each of its targets, its honest twin after it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ports.command.attack.attacks import Attack, Door, filled
from ports.command.attack.judge import broken
from ports.command.attack.oracle import Canary
from ports.command.attack.reply import Client, Reply
from ports.command.attack.terrain import Kind, Target


@dataclass(frozen=True)
class Try:
    """One attack that was tried: `fault` is why it was not held, "" where it was; `honest`: its twin was answered."""

    id: str
    category: str
    door: Door
    fault: str
    honest: bool


@dataclass(frozen=True)
class Ground:
    """Where the attacks are tried: targets by kind, the canaries, and how long an answer may take."""

    targets: Mapping[Kind, tuple[Target, ...]]
    canaries: tuple[Canary, ...] = field(repr=False)
    patience_s: float


def attempts(
    door: Door, client: Client, attacks: Sequence[Attack], ground: Ground, keepers: Mapping[str, Client]
) -> Iterator[Try]:
    """Every attack of `attacks` for this door, on each target that it fits; `keepers` ask what only they may."""
    for number, attack in enumerate(attacks):
        if door in attack.doors:
            for target in _chosen(attack, number, ground.targets):
                keeper = keepers.get(target.names.get("keeper", "")) if attack.honest_by == "keeper" else client
                yield _tried(door, client, keeper, attack, target, ground)


def unfit(attacks: Sequence[Attack], ground: Ground, door: Door) -> int:
    """How many attacks for the door have no target here: nothing is hidden, masked, filtered or denied."""
    ours = [(number, attack) for number, attack in enumerate(attacks) if door in attack.doors]
    return sum(not _chosen(attack, number, ground.targets) for number, attack in ours)


def _chosen(attack: Attack, number: int, targets: Mapping[Kind, tuple[Target, ...]]) -> tuple[Target, ...]:
    """What needs something kept from sight is tried on each such target, anything else on one table, in turn."""
    fitting = tuple(target for target in targets[attack.needs] if attack.fits(target))
    if attack.needs != "visible" or not fitting:
        return fitting
    return (fitting[number % len(fitting)],)


def _tried(
    door: Door, client: Client, honest_client: Client | None, attack: Attack, target: Target, ground: Ground
) -> Try:
    """One attack and its twin, which is held to be answered where nobody may ask it."""
    text = filled(attack.template, target.names)
    guessed = [one for one in ground.canaries if one.text not in text]
    begun = time.monotonic()
    reply = client.ask(text)
    twin = None
    if attack.expect == "alike":
        unknown = {**target.names, **target.unknown}
        reply, twin = (
            _bare(reply, target, target.names),
            _bare(client.ask(filled(attack.template, unknown)), target, unknown, target.names),
        )
    fault = broken(attack.expect, reply, twin, guessed, target.names.get("count", ""))
    if reply.outcome == "gone" or time.monotonic() - begun > 2 * ground.patience_s:
        fault = fault or f"no answer within {ground.patience_s:g} s, or the connection broke"
    answered = honest_client is None
    if honest_client is not None:
        honest = honest_client.ask(filled(attack.honest, target.names))
        answered = honest.outcome == "answered" and honest.rows > 0
    return Try(attack.id, attack.category, door, fault, answered)


def _bare(reply: Reply, target: Target, *named: Mapping[str, str]) -> Reply:
    """`reply`, in whose words what was asked for is only called by its place, part by part.

    What is kept from sight may stand beside what is not: of the twin, whose table is unknown, the product may be known.
    """
    words = reply.words
    for names in named:
        parts = {place: names[place].replace('"', "") for place in target.unknown if place != "denied"}
        for place in sorted(parts, key=lambda one: -len(parts[one])):
            words = words.replace(parts[place], place)
    return Reply(reply.outcome, reply.data, words, reply.rows, reply.first)
