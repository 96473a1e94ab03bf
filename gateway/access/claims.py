"""Claims: which attributes of a principal rules may name, of what type, and how a value becomes a typed literal.

Pure: no file, no principal's store. A value of another type, an empty one, and one that is too large are as absent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from gateway.errors import BadQuery
from gateway.principal import Claim, Scalar
from gateway.sql import duck, tree

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
TEXT_LIMIT = 10_000
LIST_LIMIT = 1_000
_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
_PYTHON: dict[str, type] = {"VARCHAR": str, "BOOLEAN": bool, "DATE": date, "TIMESTAMP": datetime, "DOUBLE": float}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
KNOWN_TYPES = "varchar, boolean, tinyint, smallint, integer, bigint, double, decimal(p,s), date, timestamp"


@dataclass(frozen=True, slots=True)
class ClaimType:
    """A declared claim's type: `scalar` is DuckDB's type text; `many` says that the value is a list of such."""

    scalar: str
    many: bool

    def accepts(self, value: Claim | None) -> Claim | None:
        """`value` if it is of this type and not empty, None otherwise."""
        if isinstance(value, tuple):
            fits = self.many and 0 < len(value) <= LIST_LIMIT and all(_fits(item, self.scalar) for item in value)
        else:
            fits = not self.many and value is not None and _fits(value, self.scalar)
        return value if fits else None

    def literal(self, value: Claim | None) -> tree.Node:
        """The tree of `value`, already accepted, as a literal of this type; of a typed NULL for None."""
        if not self.many:
            assert not isinstance(value, tuple)
            return _constant(value, self.scalar)
        if value is None:
            return _constant(None, f"{self.scalar}[]")
        assert isinstance(value, tuple)
        cast = duck.expression(f"CAST(['x'] AS {self.scalar}[])")
        texts = [_constant(item, self.scalar)["child"] for item in value]
        items = [{"name": "", "expression": text} for text in texts]
        return {**cast, "child": {**cast["child"], "arguments": items}}


def claim_type(declared: Any) -> ClaimType | None:
    """The type of one line of claims.yaml (`integer`, or `[varchar]` for a list), None if it is none."""
    many = isinstance(declared, list)
    if many and len(declared) != 1:
        return None
    text = declared[0] if many else declared
    if not isinstance(text, str):
        return None
    try:
        kind = duck.canonical_type(text.upper())
    except BadQuery:
        return None
    known = kind in _BITS or kind in _PYTHON or _DECIMAL.fullmatch(kind)
    return ClaimType(kind, many) if known else None


def accepted(attributes: Mapping[str, Claim], types: Mapping[str, ClaimType]) -> dict[str, Claim]:
    """The claims of `types` that a principal's `attributes` hold with a value of the declared type."""
    found = {name: kind.accepts(attributes.get(name)) for name, kind in types.items()}
    return {name: value for name, value in found.items() if value is not None}


def _fits(value: Scalar, kind: str) -> bool:
    if kind in _BITS:
        limit = 1 << (_BITS[kind] - 1)
        return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return _fits_decimal(value, int(decimal.group(1)), int(decimal.group(2)))
    if type(value) is not _PYTHON[kind]:
        return False
    if isinstance(value, str):
        return 0 < len(value) <= TEXT_LIMIT and "\x00" not in value and _encodes(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not (isinstance(value, datetime) and value.tzinfo is not None)


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fits_decimal(value: Scalar, width: int, scale: int) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    parts = Decimal(value).as_tuple()
    if not isinstance(parts.exponent, int):
        return False
    return -parts.exponent <= scale and len(parts.digits) + parts.exponent <= width - scale


def _constant(value: Scalar | None, kind: str) -> tree.Node:
    """`CAST('text' AS kind)`: the text stands in a constant's node, and DuckDB's own printer writes it."""
    cast = duck.expression(f"CAST('' AS {kind})")
    if value is None:
        literal = {"kind": "NULL_LITERAL", "text": ""}
    else:
        literal = {"kind": "STRING", "text": f"{value:f}" if isinstance(value, Decimal) else str(value)}
    return {**cast, "child": {**cast["child"], "literal": literal}}
