"""What a publication tells while it goes on: steps, and findings that do not stop it. Touches nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gateway.document import Finding


@dataclass(frozen=True, slots=True)
class Step:
    """Publication of `product` does `step` on `subject` (a table, a rule, a snapshot); `fraction` None: unknown."""

    product: str
    step: Literal["contract", "arrive", "write", "pseudonym", "audit", "published", "unchanged"]
    subject: str
    fraction: float | None


@dataclass(frozen=True, slots=True)
class Warned:
    """A finding that does not stop the publication."""

    product: str
    finding: Finding


Progress = Step | Warned
Listener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The default listener."""
