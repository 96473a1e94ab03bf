"""`to` and `unless` of a rule: read strictly, and evaluated for one principal in one environment. Pure.

Keys AND, lists OR; `key: {not: values}` and `not: {key: values, ...}` negate. An attribute that is not there holds no
clause; a negation of it never widens access (POLICY 9's spirit: absent means no).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast, get_args

from gateway.access.claims import ClaimType
from gateway.document import Path, Report
from gateway.policies.policy_rules import HOURS, Clause, Value, Who
from gateway.principal import PORTS, Action, Claim, Environment, Kind, Principal

_CLOSED: dict[str, tuple[str, ...]] = {"kind": get_args(Kind), "action": get_args(Action), "port": PORTS}
_OPEN = ("subject", "role", "purpose")
# Claims of any other type are compared as text, such as "2020-01-31".
COMPARED = ("VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT")
HoldsRole = Callable[[tuple[str, ...], str], bool]
_DAY_MIN = 24 * 60


@dataclass(frozen=True)
class Vocabulary:
    """What clauses may name, and where to tell what they may not."""

    report: Report
    claims: Mapping[str, ClaimType]

    def refusal(self, key: str, value: object) -> str:
        """Why `key: value` is no clause, "" if it is one."""
        if key == "hours":
            fits = isinstance(value, str) and HOURS.fullmatch(value) is not None and value[:5] != value[6:]
            return "" if fits else 'hours are UTC, such as "08:00-18:00"'
        if key in _CLOSED:
            return "" if value in _CLOSED[key] else f"{key} is one of {', '.join(_CLOSED[key])}"
        if key in _OPEN:
            return "" if isinstance(value, str) and value else f"{key} is a text"
        if key not in self.claims:
            return f"{key} is neither a known key nor declared in claims.yaml"
        kind = self.claims[key].scalar
        plain = ClaimType(kind if kind in COMPARED else "VARCHAR", False)
        return (
            "" if plain.accepts(cast(Claim, value)) is not None else f"{key} is compared with a {plain.scalar.lower()}"
        )


def who(body: Any, vocabulary: Vocabulary, file: str, path: Path) -> Who | None:
    """The clauses of a `to` or `unless`; None, and a finding, where it is none. `{}` is everybody."""
    if not isinstance(body, dict):
        remedy = "to: {role: analyst}; to: {} is everybody"
        vocabulary.report.error(file, path, f"{path[-1]}: is missing or no mapping", remedy)
        return None
    every: list[Clause] = []
    none_of: list[tuple[Clause, ...]] = []
    for key, value in body.items():
        if key == "not":
            group = who(value, vocabulary, file, (*path, "not"))
            if group is None or group.none_of or not group.every:
                vocabulary.report.error(file, (*path, "not"), "not: takes plain keys", "not: {role: intern}")
            else:
                none_of.append(group.every)
        elif isinstance(value, dict) and set(value) == {"not"}:
            none_of.append((_clause(key, value["not"], vocabulary, file, (*path, key)),))
        else:
            every.append(_clause(key, value, vocabulary, file, (*path, key)))
    return Who(tuple(sorted(every)), tuple(none_of))


def _clause(key: str, value: Any, vocabulary: Vocabulary, file: str, path: Path) -> Clause:
    values = value if isinstance(value, list) else [value]
    problems = sorted({vocabulary.refusal(key, item) for item in values} - {""})
    for problem in [*problems, *([] if values else ["an empty list matches nobody"])]:
        vocabulary.report.error(file, path, problem, "one value or a list of values")
    return (key, tuple(values) if not problems else ())


@dataclass(frozen=True, slots=True)
class Asker:
    """One principal in one environment, as clauses see them. Its text says nothing: casbin would log it."""

    principal: Principal
    environment: Environment
    claims: Mapping[str, ClaimType]

    def __str__(self) -> str:
        return "asker"

    __repr__ = __str__

    @property
    def roles(self) -> tuple[str, ...]:
        """The principal's own roles, without those that they include."""
        return self._texts("role")

    def values(self, key: str) -> tuple[Value, ...]:
        """What the asker has under `key`; nothing where it is absent, or not of the declared type."""
        if key == "subject":
            return (self.principal.subject,)
        if key == "kind":
            return (self.principal.kind,)
        if key == "port":
            return (self.environment.port,)
        if key == "action":
            return (self.environment.action,)
        if key == "purpose":
            stated = self.environment.purpose
            return (stated,) if stated is not None and stated in self._texts("purpose") else ()
        if key == "role":
            return self.roles
        kind = self.claims.get(key)
        held = kind.accepts(self.principal.attributes.get(key)) if kind is not None else None
        items = held if isinstance(held, tuple) else () if held is None else (held,)
        return tuple(item if isinstance(item, str | int) else str(item) for item in items)

    def _texts(self, key: str) -> tuple[str, ...]:
        held = self.principal.attributes[key]
        return tuple(item for item in held if isinstance(item, str)) if isinstance(held, tuple) else ()


def matches(said: Who, asker: Asker, holds_role: HoldsRole, *, widens: bool) -> bool:
    """Whether `said` speaks of `asker`. `widens`: to match gives access (a grant's `to`, another rule's `unless`)."""
    if not all(_holds(clause, asker, holds_role) for clause in said.every):
        return False
    for group in said.none_of:
        known = [_holds(clause, asker, holds_role) for clause in group]
        absent = [not _present(clause, asker) for clause in group]
        if all(known) or (widens and not any(not k and not a for k, a in zip(known, absent, strict=True))):
            return False
    return True


def _present(clause: Clause, asker: Asker) -> bool:
    return clause[0] == "hours" or bool(asker.values(clause[0]))


def _holds(clause: Clause, asker: Asker, holds_role: HoldsRole) -> bool:
    key, wanted = clause
    if key == "hours":
        minute = _minute(asker.environment.now)
        return any(_within(minute, *_span(str(value))) for value in wanted)
    if key == "role":
        return any(holds_role(asker.roles, str(value)) for value in wanted)
    return any(held == value for held in asker.values(key) for value in wanted)


def _minute(now: float) -> float:
    moment = datetime.fromtimestamp(now, UTC)
    return moment.hour * 60 + moment.minute + moment.second / 60 + moment.microsecond / 6e7


def _span(text: str) -> tuple[int, int]:
    start, end = text.split("-")
    return int(start[:2]) * 60 + int(start[3:]), int(end[:2]) * 60 + int(end[3:])


def _within(minute: float, start: int, end: int) -> bool:
    return start <= minute < end if start < end else minute >= start or minute < end


def next_boundary(spans: tuple[str, ...], now: float) -> float:
    """The next epoch second at which one of the `hours` spans begins or ends; infinity for none."""
    marks = {mark % _DAY_MIN for text in spans for mark in _span(text)}
    day = now - now % 86400
    return min((day + 60 * mark + (86400 if day + 60 * mark <= now else 0) for mark in marks), default=float("inf"))
