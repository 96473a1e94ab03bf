"""Keyed pseudonyms, computed at publication: HMAC-SHA256 of a value's text, in the column's own type.

Pure but for the file that notes which mask key they were made with.

DuckDB has no HMAC, and a hash within a query costs 26x (FACTS); so the values stand in the snapshot, and no key ever
stands in SQL. One key for each (deployment, link domain, key version): pseudonyms join within a link, nowhere else.
"""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from gateway.access.keys import Keys
from gateway.files import durable
from gateway.settings import SettingsError

# Frequencies tell who is who in a column of few values: POLICY, "Masks".
DISTINCT_LEAST = 10_000
# Of 63 bits each, so that a BIGINT here and a UBIGINT there still join.
_INTEGERS = frozenset({"BIGINT", "UBIGINT", "HUGEINT"})
TYPES = _INTEGERS | {"VARCHAR", "UUID"}


def key(keys: Keys, link: str) -> bytes:
    """The key of one link domain, derived from the deployment's mask key and its version."""
    return keys.lasting(f"pseudonym:{keys.mask_version}:{link}")


def pin(file: Path, keys: Keys) -> None:
    """Note the mask key of this version, by a digest; raise SettingsError where another one was noted before.

    So pseudonyms change where somebody says so, by the version, and never because a key was lost or mixed up.
    """
    known = json.loads(file.read_text()) if file.exists() else {}
    version, digest = str(keys.mask_version), keys.lasting("mask key digest").hex()[:16]
    if known.setdefault(version, digest) != digest:
        told = f"this is not the mask key of version {version}, by which pseudonyms stand in snapshots: give that one"
        raise SettingsError((f"mask_key: {told}, or raise mask_key_version to change every pseudonym",))
    durable.replace(file, json.dumps(known).encode(), 0o644)


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
