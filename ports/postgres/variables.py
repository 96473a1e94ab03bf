"""The settings of one connection: what SHOW shows and SET takes, transaction by transaction. Touches nothing else.

Few have an effect here; the others are kept and shown, as clients set them and expect them back.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway import time_zones
from ports.postgres.errors import WireError

VERSION = "15.18"
VERSION_TEXT = f"PostgreSQL {VERSION} (Outport)"
REPORTED = (
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
)
_DEFAULTS: Mapping[str, str] = {
    "application_name": "",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "client_min_messages": "notice",
    "DateStyle": "ISO, MDY",
    "default_table_access_method": "heap",
    "default_tablespace": "",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "extra_float_digits": "1",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "in_hot_standby": "off",
    "integer_datetimes": "on",
    "IntervalStyle": "postgres",
    "is_superuser": "off",
    "jit": "off",
    "lc_collate": "C.UTF-8",
    "lc_ctype": "C.UTF-8",
    "lock_timeout": "0",
    "max_identifier_length": "63",
    "max_index_keys": "32",
    "outport.purpose": "",
    "outport.snapshot": "",
    "role": "none",
    "search_path": '"$user", public',
    "server_encoding": "UTF8",
    "server_version": VERSION,
    "server_version_num": "150018",
    "session_authorization": "",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "synchronous_commit": "on",
    "TimeZone": "UTC",
    "transaction_isolation": "repeatable read",
    "transaction_read_only": "on",
}
ROLE, SESSION, NONE = "role", "session_authorization", "none"
PURPOSE = "outport.purpose"
_FIXED = frozenset(
    """
    in_hot_standby integer_datetimes is_superuser lc_collate lc_ctype max_identifier_length max_index_keys
    server_encoding server_version server_version_num
    """.split()
)
# What is taken of those settings whose other values this server could not honour.
_ONLY: Mapping[str, frozenset[str]] = {
    "client_encoding": frozenset({"utf8", "unicode"}),
    "standard_conforming_strings": frozenset({"on", "true", "1", "yes"}),
    "bytea_output": frozenset({"hex"}),
    "IntervalStyle": frozenset({"postgres"}),
    "default_transaction_read_only": frozenset({"on", "true", "1", "yes"}),
    "transaction_read_only": frozenset({"on", "true", "1", "yes"}),
}
_NAMES: Mapping[str, str] = {one.lower(): one for one in _DEFAULTS}
_CUSTOM_LIMIT = 100
_VALUE_LIMIT = 1000
_UNITS_MS = {"": 1.0, "us": 0.001, "ms": 1.0, "s": 1000.0, "min": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}


def canonical(name: str) -> str:
    """A setting's name as PostgreSQL spells it, such as TimeZone."""
    return _NAMES.get(name.lower(), name.lower())


@dataclass(frozen=True)
class Marked:
    """The settings at one moment, and those that a transaction's end brings back (None: that it takes away)."""

    values: Mapping[str, str]
    local: Mapping[str, str | None]


class Variables:
    """Present values; `stand` is asked whether the connection may ask on behalf of a subject, `state` whether it may
    for a purpose: they raise if not."""

    def __init__(self, user: str, stand: Callable[[str], None], state: Callable[[str], None]) -> None:
        """The defaults for a connection of `user`."""
        self.user = user
        self._stand, self._state = stand, state
        self.values: Mapping[str, str] = {**_DEFAULTS, SESSION: user}
        self._local: Mapping[str, str | None] = {}
        self._saved: Mapping[str, str] | None = None

    def show(self, name: str) -> str:
        """The value of a setting. Raises WireError (42704)."""
        known = canonical(name)
        if known not in self.values:
            raise WireError("42704", f'unrecognized configuration parameter "{name[:63]}"')
        return self.values[known]

    def reported(self) -> tuple[str, ...]:
        """The values of REPORTED."""
        values = self.values
        return tuple([values[name] for name in REPORTED])

    def knows(self, name: str) -> bool:
        """Whether there is a setting of that name."""
        return _NAMES.get(name.lower(), name.lower()) in self.values

    def all(self) -> list[tuple[str, str]]:
        """Every setting, by name."""
        return sorted(self.values.items(), key=lambda one: one[0].lower())

    @property
    def current(self) -> str:
        """The subject on whose behalf is asked: current_user."""
        role = self.values[ROLE]
        return self.values[SESSION] if role == NONE else role

    @property
    def purpose(self) -> str | None:
        """The purpose that is stated, None where none is."""
        return self.values[PURPOSE] or None

    def set(self, name: str, value: str | None, *, local: bool = False) -> tuple[str, str]:
        """Change a setting (None: to its default); its name and value as they are now. Raises WireError, Forbidden.

        `local`: until the transaction ends, be it the implicit one of a statement.
        """
        known = canonical(name)
        if known in _FIXED and value is not None:
            raise WireError("55P02", f'parameter "{known}" cannot be changed')
        if known not in _DEFAULTS and not re.fullmatch(r"[a-z_][\w$]*(\.[a-z_][\w$]*)+", known):
            raise WireError("42704", f'unrecognized configuration parameter "{name[:63]}"')
        if known not in self.values and len(self.values) > len(_DEFAULTS) + _CUSTOM_LIMIT:
            raise WireError("53400", "too many settings of one's own")
        if value is None:
            chosen = self.user if known == SESSION else _DEFAULTS.get(known, "")
        elif known in {ROLE, SESSION}:
            chosen = self._identity(known, value)
        else:
            chosen = self._taken(known, value)
            if known == PURPOSE and chosen:
                self._state(chosen)
        self._change(known, chosen, local)
        if known == SESSION:
            self._change(ROLE, NONE, local)
        return known, chosen

    def _change(self, known: str, chosen: str, local: bool) -> None:
        if local:
            self._local = {known: self.values.get(known), **self._local}
        else:
            self._local = {name: value for name, value in self._local.items() if name != known}
        self.values = {**self.values, known: chosen}

    def _identity(self, known: str, value: str) -> str:
        """A subject as role or session authorization. Raises Forbidden, WireError.

        It is always the one who has signed in that must be allowed to stand for it: nobody stands for another through
        a third.
        """
        if known == ROLE and value == NONE:
            return NONE
        authorized = self.values[SESSION]
        if known == ROLE and authorized not in {self.user, value}:
            raise WireError("42501", "a role is set by the one who has signed in", "RESET SESSION AUTHORIZATION")
        self._stand(value)
        return value

    def reset(self, *, identity: bool) -> None:
        """All settings to their defaults; those of who asks only if `identity`."""
        names = {"application_name"} if identity else {"application_name", ROLE, SESSION}
        kept = {name: self.values[name] for name in names}
        self.values = {**_DEFAULTS, SESSION: self.user, **kept}
        self._local = {}

    def mark(self) -> Marked:
        """This moment."""
        return Marked(self.values, self._local)

    def back_to(self, marked: Marked) -> None:
        """As it was then."""
        self.values, self._local = marked.values, marked.local

    def begin(self, since: Marked) -> None:
        """A transaction begins: what is set in it, and was set since then, goes with it if it fails."""
        self._saved = since.values

    def end(self, *, committed: bool) -> None:
        """A transaction has ended, an explicit one or a statement's own."""
        if self._saved is not None and not committed:
            self.values = self._saved
        elif self._local:
            there = {**self.values, **self._local}
            self.values = {name: value for name, value in there.items() if value is not None}
        self._local, self._saved = {}, None

    @property
    def search_path(self) -> tuple[str, ...]:
        """The schemas of unqualified names."""
        parts = re.findall(r'"((?:[^"]|"")*)"|([^\s,"]+)', self.values["search_path"])
        return tuple(quoted.replace('""', '"') if quoted else bare.lower() for quoted, bare in parts)

    @property
    def zone(self) -> str:
        """The time zone of the session."""
        return self.values["TimeZone"]

    @property
    def snapshots(self) -> tuple[str, ...]:
        """The ids in `outport.snapshot`: what the connection is pinned to."""
        return tuple(part for part in re.split(r"[\s,]+", self.values["outport.snapshot"]) if part)

    def timeout_s(self, name: str) -> float:
        """The seconds of a timeout, infinity where the client sets none of its own."""
        return _milliseconds(self.values[name]) / 1000 or math.inf

    def _taken(self, name: str, value: str) -> str:
        if len(value) > _VALUE_LIMIT or "\0" in value:
            raise WireError("22023", f'invalid value for parameter "{name}"')
        allowed = _ONLY.get(name)
        plain = re.sub(r"[^a-z0-9]", "", value.lower())
        if allowed is not None and plain not in allowed:
            raise WireError(
                "22023", f'invalid value for parameter "{name}": "{value[:63]}"', f"it stays {_DEFAULTS[name]}"
            )
        if name.endswith("_timeout"):
            return _in_units(round(_milliseconds(value)))
        if name in _CHOSEN:
            return _CHOSEN[name](value)
        return _DEFAULTS[name] if allowed is not None else value


def _zone(value: str) -> str:
    """A time zone by its name, or by the hours that it is ahead of UTC. Raises WireError."""
    written = value.strip()
    if written.lower() in {"local", "z", "0"}:
        return "UTC"
    if re.fullmatch(r"[+-]?\d{1,2}(\.0+)?", written) and -14 <= float(written) <= 12:
        # In the names of Etc the sign is that of POSIX: hours behind.
        return f"Etc/GMT{-int(float(written)):+d}"
    found = time_zones().get(written.lower())
    if found is None:
        raise WireError(
            "22023", f'invalid value for parameter "TimeZone": "{value[:63]}"', "a name such as Europe/Berlin, or UTC"
        )
    return found


def _date_style(value: str) -> str:
    """ISO in any order of day, month and year: dates are read in ISO only. Raises WireError."""
    words = [word.strip().lower() for word in value.split(",")]
    orders = {"mdy": "MDY", "us": "MDY", "dmy": "DMY", "euro": "DMY", "european": "DMY", "ymd": "YMD", "iso": ""}
    if not words[0] or len(words) > 2 or any(word not in orders for word in words):
        hint = "dates are written in ISO style"
        raise WireError("22023", f'invalid value for parameter "DateStyle": "{value[:63]}"', hint)
    order = next((orders[word] for word in words if orders[word]), "MDY")
    return f"ISO, {order}"


def _float_digits(value: str) -> str:
    """Floats are written with as many digits as tell them apart. Raises WireError."""
    if re.fullmatch(r"\s*[123]\s*", value):
        return value.strip()
    if re.fullmatch(r"\s*[+-]?\d{1,9}\s*", value) and -15 <= int(value) <= 3:
        hint = "floats are written exactly: 1, 2 or 3"
        raise WireError("22023", f'invalid value for parameter "extra_float_digits": "{value[:63]}"', hint)
    raise WireError("22023", f'invalid value for parameter "extra_float_digits": "{value[:63]}"')


_CHOSEN: Mapping[str, Callable[[str], str]] = {
    "DateStyle": _date_style,
    "TimeZone": _zone,
    "extra_float_digits": _float_digits,
}


def _in_units(milliseconds: int) -> str:
    """A time as SHOW writes it: in the largest unit that tells it whole."""
    for unit in ("d", "h", "min", "s"):
        if milliseconds and milliseconds % _UNITS_MS[unit] == 0:
            return f"{round(milliseconds / _UNITS_MS[unit])}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0"


@functools.lru_cache(maxsize=256)
def _milliseconds(text: str) -> float:
    found = re.fullmatch(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*(us|ms|s|min|h|d)?\s*", text)
    if found is None:
        raise WireError("22023", f'invalid value for a timeout: "{text[:63]}"', "write milliseconds, or 5s, 2min, 1h")
    return float(found[1]) * _UNITS_MS[found[2] or ""]
