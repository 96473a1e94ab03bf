"""Made-up texts of one column: the contract's format, pattern and lengths. Pure."""

from __future__ import annotations

import random
import re

import rstr

from gateway.publication.mock_shape import ColumnShape
from gateway.sql.duck import literal

POOL = 500
_EXAMPLE = "person00001@example.com"


class Unmockable(Exception):
    """A column of which no value can be made; the message is for the product's owner."""


def free(shape: ColumnShape) -> bool:
    """Whether a text by format and name is right: no pattern is declared, or it matches that."""
    pattern = shape.options.get("pattern")
    try:
        return pattern is None or re.search(str(pattern), _EXAMPLE if _format(shape) == "email" else "") is not None
    except re.error:
        return False


def plain(shape: ColumnShape, number: str) -> str:
    """SQL of the `number`-th text of a column without a pattern; far numbers may give a text again."""
    return _fitted(_formatted(shape, number), shape)


def distinct(shape: ColumnShape, number: str) -> str:
    """SQL of the `number`-th of the distinct texts of a column without a pattern."""
    most = shape.options.get("maxLength")
    least = int(shape.options.get("minLength") or 0)
    if isinstance(most, int) and most < len(_stem(shape)) + 10:
        return f"lpad(CAST({number} AS VARCHAR), {max(least, min(most, 9))}, '0')"
    return _fitted(_formatted(shape, number), shape)


def _formatted(shape: ColumnShape, number: str) -> str:
    """The `number`-th text of the contract's format, else the column's name with the number."""
    name = shape.column.name
    shown = f"lpad(CAST({number} AS VARCHAR), 5, '0')"
    match _format(shape):
        case "email":
            return f"concat('person', {shown}, '@example.com')"
        case "uuid":
            return f"CAST(CAST(md5(concat({literal(name)}, {number})) AS UUID) AS VARCHAR)"
        case "uri":
            return f"concat('https://example.com/', {shown})"
        case "hostname":
            return f"concat('host', {shown}, '.example.com')"
        case "ipv4":
            return f"concat('192.0.2.', CAST({number} % 256 AS VARCHAR))"
        case "ipv6":
            return f"concat('2001:db8::', printf('%x', {number} % 65536))"
        case "byte" | "binary":
            return f"base64(encode(CAST({number} AS VARCHAR)))"
    return f"concat({literal(_stem(shape))}, ' ', CAST({number} + 1 AS VARCHAR))"


def _format(shape: ColumnShape) -> str:
    """The format that the contract declares, or the column's name tells."""
    return str(shape.options.get("format") or ("email" if re.search(r"e_?mail", shape.column.name) else ""))


def _stem(shape: ColumnShape) -> str:
    return shape.column.name.replace("_", " ")


def _fitted(text: str, shape: ColumnShape) -> str:
    least, most = shape.options.get("minLength"), shape.options.get("maxLength")
    if isinstance(least, int) and least > 0:
        text = f"CASE WHEN length({text}) < {least} THEN rpad({text}, {least}, 'x') ELSE {text} END"
    return f"left({text}, {most})" if isinstance(most, int) else text


def matching(shape: ColumnShape, generator: random.Random, most: int = POOL) -> list[str]:
    """Distinct texts that match the column's pattern and lengths, at most `most`. Raises Unmockable."""
    pattern = str(shape.options["pattern"])
    low, high = int(shape.options.get("minLength") or 0), int(shape.options.get("maxLength") or 10_000)
    source = rstr.Rstr(generator)
    found: dict[str, None] = {}
    missed = 0
    try:
        while len(found) < most and missed < 2 * POOL:
            text = source.xeger(pattern)
            fits = low <= len(text) <= high and text not in found and text.isprintable()
            missed = 0 if fits else missed + 1
            if fits:
                found[text] = None
    except (re.error, ValueError, IndexError, KeyError, NotImplementedError) as error:
        raise Unmockable(f"{shape.column.name}: no text can be made of the pattern") from error
    if not found:
        raise Unmockable(f"{shape.column.name}: no text of its lengths matches the pattern")
    return list(found)
