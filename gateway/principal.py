"""Who asks, from where and for what: frozen values that a decision is made of. Touches nothing else."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

Scalar = str | int | float | bool | Decimal | date | datetime
Claim = Scalar | tuple[Scalar, ...]
Kind = Literal["person", "application", "agent", "product"]
Action = Literal["query", "metadata"]

NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated subject with its attributes (ABAC, NIST SP 800-162).

    `attributes` is read-only; "role" and "purpose" are always there, as tuples of str (purposes *granted* to it).
    `valid_until` is the credential's expiry in epoch seconds, `NEVER` for none.
    """

    subject: str
    kind: Kind
    attributes: Mapping[str, Claim]
    valid_until: float

    def __post_init__(self) -> None:
        frozen = {"role": (), "purpose": (), **self.attributes}
        object.__setattr__(self, "attributes", MappingProxyType(frozen))

    @property
    def fingerprint(self) -> str:
        """A stable hash of subject, kind and attributes."""
        body = json.dumps([self.subject, self.kind, sorted(self.attributes.items())], default=str)
        return hashlib.sha256(body.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Environment:
    """The circumstances of one question: door, stated purpose, action and time (epoch seconds)."""

    port: str
    purpose: str | None
    action: Action
    now: float
