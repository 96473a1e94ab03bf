"""Keyed pseudonyms, computed at publication: HMAC-SHA256 of a value's text, in the column's own type. Pure.

DuckDB has no HMAC, and a hash within a query costs 26x (FACTS); so the values stand in the snapshot, and no key ever
stands in SQL. One key for each (deployment, link domain, key version): pseudonyms join within a link, nowhere else.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable, Iterable
from hashlib import sha256

KEY_VERSION = 1
# Frequencies tell who is who in a column of few values: POLICY, "Masks".
DISTINCT_LEAST = 10_000
# Of 63 bits each, so that a BIGINT here and a UBIGINT there still join.
_INTEGERS = frozenset({"BIGINT", "UBIGINT", "HUGEINT"})
TYPES = _INTEGERS | {"VARCHAR", "UUID"}


def key(derive: Callable[[str], bytes], link: str) -> bytes:
    """The key of one link domain, derived from the deployment's secret."""
    return derive(f"pseudonym:{KEY_VERSION}:{link}")


def pseudonyms(texts: Iterable[str], kind: str, secret: bytes) -> list[str]:
    """The pseudonym of each value, both as DuckDB's text of the type `kind`, one of TYPES.

    Integers get 63 bits of the MAC, a UUID 122 (version 8 of RFC 9562), a VARCHAR 128 in hexadecimal.
    """
    form = _form(kind)
    return [form(hmac.digest(secret, text.encode(), sha256)) for text in texts]


def _form(kind: str) -> Callable[[bytes], str]:
    if kind in _INTEGERS:
        return lambda mac: str(int.from_bytes(mac[:8]) >> 1)
    if kind == "UUID":
        return _uuid
    return lambda mac: mac[:16].hex()


def _uuid(mac: bytes) -> str:
    bits = int.from_bytes(mac[:16])
    bits = bits & ~(0xF << 76) | 8 << 76
    return str(uuid.UUID(int=bits & ~(0x3 << 62) | 0x2 << 62))
