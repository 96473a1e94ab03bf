"""The deployment's manifest: which snapshot serves each product. Touches <state>/manifest.json and retired.json only.

It changes by one atomic rename. A reader sees the old one or the new one, never a part of one. What is retired stands
beside it once more, since no snapshot tells that: where the manifest is lost, nothing that was retired comes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from gateway.files import durable

NAME = "manifest.json"
RETIRED = "retired.json"
# Ids of removed snapshots that are remembered, so that an old cursor hears "expired", not "unknown".
EXPIRED_KEPT = 1_000


class ManifestError(Exception):
    """The manifest is absent or cannot be read; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Served:
    """The snapshot that serves one major version of one product."""

    product: str
    major: int
    snapshot: str


@dataclass(frozen=True, slots=True)
class Retained:
    """A replaced snapshot, kept until the epoch second `until` for those who pinned it."""

    snapshot: str
    until: float


@dataclass(frozen=True, slots=True)
class Retired:
    """The last snapshot of a major version that is served no more since `at` (epoch s); `successor` may be ""."""

    product: str
    major: int
    snapshot: str
    at: float
    successor: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is served, what is still kept, the ids of what was removed (the newest last), and what is retired."""

    served: tuple[Served, ...] = ()
    retained: tuple[Retained, ...] = ()
    expired: tuple[str, ...] = ()
    retired: tuple[Retired, ...] = ()
    format: Literal[1] = 1

    @property
    def ids(self) -> frozenset[str]:
        """Every snapshot whose folder must be there."""
        served, retained = (one.snapshot for one in self.served), (one.snapshot for one in self.retained)
        return frozenset([*served, *retained, *(one.snapshot for one in self.retired)])

    def serving(self, product: str, major: int) -> str | None:
        """The id of the snapshot that serves this major of the product."""
        return next((one.snapshot for one in self.served if (one.product, one.major) == (product, major)), None)

    def published(self, product: str, major: int, snapshot: str, retain_until: float) -> Manifest:
        """The manifest after `snapshot` has replaced what served this major, which stays until `retain_until`."""
        old = self.serving(product, major)
        others = tuple(one for one in self.served if one.snapshot != old)
        served = sorted((*others, Served(product, major, snapshot)), key=lambda one: (one.product, one.major))
        kept = (*self.retained, Retained(old, retain_until)) if old is not None else self.retained
        back = next((one for one in self.retired if (one.product, one.major) == (product, major)), None)
        kept = (*kept, Retained(back.snapshot, retain_until)) if back is not None else kept
        retired = tuple(one for one in self.retired if one is not back)
        return replace(self, served=tuple(served), retained=kept, retired=retired)

    def without(self, snapshots: Collection[str], retired: Collection[Retired] = ()) -> Manifest:
        """The manifest once those `snapshots` are asked for in vain, and what they served is `retired` or forgotten."""
        mine = frozenset(snapshots)
        ended = {(one.product, one.major) for one in retired}
        before = (one for one in self.retired if one.snapshot not in mine and (one.product, one.major) not in ended)
        return replace(
            self,
            served=tuple(one for one in self.served if one.snapshot not in mine),
            retained=tuple(one for one in self.retained if one.snapshot not in mine),
            expired=(*self.expired, *sorted(mine - set(self.expired)))[-EXPIRED_KEPT:],
            retired=(*before, *retired),
        )

    def erased(self, fresh: Iterable[Served], gone: Callable[[str], bool]) -> Manifest:
        """The manifest once `fresh` serves; what is `gone` of all else, and what `fresh` replaces, has expired."""
        new = {(one.product, one.major): one for one in fresh}
        served = tuple(new.get((one.product, one.major), one) for one in self.served)
        kept = tuple(one for one in self.retained if not gone(one.snapshot))
        retired = tuple(one for one in self.retired if not gone(one.snapshot))
        after = replace(self, served=served, retained=kept, retired=retired)
        return replace(after, expired=(*self.expired, *sorted(self.ids - after.ids))[-EXPIRED_KEPT:])

    def collected(self, now: float) -> Manifest:
        """The manifest without the snapshots whose time is over at `now`."""
        over = tuple(one.snapshot for one in self.retained if one.until <= now)
        kept = tuple(one for one in self.retained if one.until > now)
        return replace(self, retained=kept, expired=(*self.expired, *over)[-EXPIRED_KEPT:])


_FORM = TypeAdapter(Manifest)
_RETIRED = TypeAdapter(tuple[Retired, ...])


def read(state: Path) -> Manifest:
    """The manifest of a state folder. Raises ManifestError."""
    try:
        return _FORM.validate_json((state / NAME).read_bytes())
    except FileNotFoundError as error:
        raise ManifestError(f"{NAME} is missing") from error
    except OSError as error:
        raise ManifestError(f"{NAME} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise ManifestError(f"{NAME} is damaged: publish any product to write it anew") from error


def write(state: Path, manifest: Manifest) -> None:
    """Replace the manifest by one rename, durably."""
    if manifest.retired != retired(state):
        _replaced(state / RETIRED, [asdict(one) for one in manifest.retired])
    _replaced(state / NAME, asdict(manifest))


def retired(state: Path) -> tuple[Retired, ...]:
    """What is retired, as it is told beside the manifest: for when that is lost. Nothing where neither can be read."""
    try:
        return _RETIRED.validate_json((state / RETIRED).read_bytes())
    except (OSError, ValidationError):
        return ()


def _replaced(path: Path, body: object) -> None:
    durable.replace(path, json.dumps(body, indent=1).encode(), 0o644)
