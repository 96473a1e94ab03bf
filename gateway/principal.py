"""Who asks, from where and for what: frozen values that a decision is made of. Touches nothing else."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

Scalar = str | int | float | bool | Decimal | date | datetime
Claim = Scalar | tuple[Scalar, ...]
Kind = Literal["person", "application", "agent", "product"]
Action = Literal["query", "metadata"]

PORTS = ("rest", "graphql", "postgres", "flightsql", "mcp", "python", "hub", "command", "publish")
NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Scope:
    """What a credential may be used for, within what its principal may do; None stands for every one."""

    ports: tuple[str, ...] | None
    products: tuple[str, ...] | None
    actions: tuple[Action, ...] | None

    def enters(self, port: str) -> bool:
        """Whether it may be used at a port at all."""
        return self.ports is None or port in self.ports

    def reaches(self, port: str, product: str) -> bool:
        """Whether a product exists for it there."""
        return self.enters(port) and (self.products is None or product in self.products)

    def allows(self, action: Action) -> bool:
        """Whether it may be used for that action."""
        return self.actions is None or action in self.actions


# Of a credential that may be used for all that its principal may do.
WHOLE = Scope(None, None, None)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated subject with its attributes (ABAC, NIST SP 800-162).

    `attributes` is read-only; "role" and "purpose" are always there, as tuples of str (purposes *granted* to it).
    `valid_until` is the credential's expiry in epoch seconds, `NEVER` for none. `scope` is the credential's: it takes
    away from what the policies decide, and adds nothing. `behalf` is on whose behalf it asks, None for itself: what it
    may then do is what both of them may. `standin` says why it may: a login passes on questions of others, a steward
    looks at what another would get.
    """

    subject: str
    kind: Kind
    attributes: Mapping[str, Claim]
    valid_until: float
    scope: Scope = WHOLE
    behalf: Principal | None = None
    standin: Literal["delegate", "simulate"] = "delegate"

    def __post_init__(self) -> None:
        frozen = {"role": (), "purpose": (), **self.attributes}
        object.__setattr__(self, "attributes", MappingProxyType(frozen))
        if self.behalf is not None and self.behalf.behalf is not None:
            raise ValueError("who is asked for asks for nobody else")

    @property
    def alone(self) -> Principal:
        """The one who asks, for itself."""
        return self if self.behalf is None else replace(self, behalf=None, standin="delegate")

    @property
    def both(self) -> tuple[Principal, ...]:
        """Everybody who must be allowed what is asked: the one who asks, and on whose behalf."""
        return (self,) if self.behalf is None else (self, self.behalf)

    @property
    def fingerprint(self) -> str:
        """A stable hash of subject, kind, attributes and scope, of both where one asks on behalf of the other."""
        told = [_told(one) for one in self.both]
        told += [[self.standin]] if self.standin != "delegate" else []
        body = json.dumps(told[0] if len(told) == 1 else told, default=str)
        return hashlib.sha256(body.encode()).hexdigest()[:16]


def _told(one: Principal) -> list[object]:
    scope = (one.scope.ports, one.scope.products, one.scope.actions)
    return [one.subject, one.kind, sorted(one.attributes.items()), scope]


@dataclass(frozen=True, slots=True)
class Environment:
    """The circumstances of one question: door, stated purpose, action and time (epoch seconds)."""

    port: str
    purpose: str | None
    action: Action
    now: float
