"""The Prefer header (RFC 7240) to the preferences that a request has. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway import BadQuery

Count = Literal["exact", "planned", "estimated"]
_VALUES: Mapping[str, tuple[str, ...]] = {
    "count": ("exact", "planned", "estimated"),
    "handling": ("strict", "lenient"),
}
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# preference = token [ BWS "=" BWS word ] *( OWS ";" [ OWS parameter ] ); a parameter of one does not matter here.
_PREFERENCE = re.compile(
    rf'\s*({_WORD})(?:\s*=\s*(?:({_WORD})|"((?:[^"\\]|\\.)*)"))?'
    rf'(?:\s*;\s*(?:{_WORD}(?:\s*=\s*(?:{_WORD}|"(?:[^"\\]|\\.)*"))?)?)*\s*(?:,|$)'
)
_NOTHING = re.compile(r"\s*(?:,|$)")


@dataclass(frozen=True)
class Preferences:
    """What is preferred: `count` None for no count; `strict` means that what cannot be met is refused."""

    count: Count | None = None
    strict: bool = False


def read(headers: Sequence[str], known: Sequence[str]) -> Preferences:
    """The preferences in `headers`; `known` names those that mean something for this address, beside handling.

    What is unknown, or has another value, is passed over; under handling=strict it is refused (BadQuery).
    """
    found: dict[str, str] = {}
    unmet: list[str] = []
    for name, value in _preferences(",".join(headers)):
        if name in found:
            continue  # the first of several counts (RFC 7240, 2)
        found[name] = value
        if name not in (*known, "handling") or value not in _VALUES[name]:
            unmet.append(f"{name}={value}" if value else name)
            found[name] = ""
    if found.get("handling") == "strict" and unmet:
        allowed = "; ".join(f"{name}={'|'.join(_VALUES[name])}" for name in (*known, "handling"))
        raise BadQuery(
            f"preferences that cannot be met here: {', '.join(unmet)[:200]}",
            reason="parameter",
            hint=f"Prefer takes {allowed}",
        )
    return Preferences(count(found.get("count", "")), found.get("handling") == "strict")


def count(value: str) -> Count | None:
    """The kind of count that `value` asks for, None for anything else."""
    match value:
        case "exact" | "planned" | "estimated":
            return value
    return None


def _preferences(text: str) -> list[tuple[str, str]]:
    """Names, in lower case, and values; what is none by RFC 7240's grammar is passed over to the next comma."""
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(text):
        written = _PREFERENCE.match(text, place)
        if written is not None:
            value = written[2] if written[3] is None else re.sub(r"\\(.)", r"\1", written[3])
            found.append((written[1].lower(), value or ""))
            place = written.end()
        else:
            if not _NOTHING.match(text, place):
                found.append((text[place:].partition(",")[0].strip(), ""))
            comma = text.find(",", place)
            place = len(text) if comma < 0 else comma + 1
    return found
