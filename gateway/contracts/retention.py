"""How long a replaced snapshot stays, as a descriptor or a workspace declares it: `10m`, `24h`, `7d`. Pure."""

from __future__ import annotations

import re

from gateway.contracts.bitol import VENDOR
from gateway.contracts.descriptor import Descriptor
from gateway.document import Report

RETENTION = "snapshotRetention"
LIMIT_S = 3_660 * 86_400
REMEDY = f'a duration such as "10m", "24h" or "7d", or whole seconds, at most {LIMIT_S // 86400}d'
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class RetentionError(Exception):
    """What declares no retention; the message says why."""


def seconds(declared: object) -> int:
    """The seconds of a duration. Raises RetentionError."""
    found = _seconds(declared)
    if found is None:
        raise RetentionError(f"{RETENTION} {declared} is no duration")
    if found > LIMIT_S:
        raise RetentionError(f"{RETENTION} {declared} is too long")
    return found


def declared(descriptor: Descriptor, report: Report) -> int | None:
    """Seconds of the custom property snapshotRetention, None where it is not declared."""
    body = descriptor.product.custom(RETENTION)
    if body is None:
        return None
    try:
        return seconds(body)
    except RetentionError as error:
        own = enumerate(descriptor.product.customProperties)
        index = next(i for i, one in own if (one.vendor, one.property) == (VENDOR, RETENTION))
        report.error(descriptor.file, ("customProperties", index, "value"), str(error), REMEDY)
        return None


def _seconds(declared: object) -> int | None:
    if isinstance(declared, int) and not isinstance(declared, bool) and declared >= 0:
        return declared
    match = _DURATION.fullmatch(declared) if isinstance(declared, str) else None
    return int(match[1]) * _UNITS[match[2]] if match else None
