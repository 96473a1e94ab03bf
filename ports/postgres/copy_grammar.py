"""COPY ... TO STDOUT in both spellings of its options. Pure. Source: PostgreSQL 15, COPY."""

from __future__ import annotations

import itertools
import re

from gateway import BadQuery
from ports.postgres import split
from ports.postgres.commands import Copy
from ports.postgres.errors import WireError
from ports.postgres.split import QUOTED, literal, syntax

NAME_PARTS = 400  # characters, a quoted part being one


def understand(words: tuple[str, ...], text: str) -> Copy:
    """The COPY that `text` is. Raises BadQuery: read_only for any direction but TO STDOUT."""
    source, end = _copied(text)
    rest = split.words(text[end:])
    if rest[:2] != ("to", "stdout"):
        raise BadQuery("products are read-only: COPY goes TO STDOUT only", reason="read_only")
    options = _copy_options(rest[2:])
    kind = options.get("format", "text")
    if kind not in {"text", "csv", "binary"}:
        raise WireError("22023", f'COPY format "{kind[:20]}" not recognized')
    delimiter = options.get("delimiter", "," if kind == "csv" else "\t")
    if len(delimiter.encode()) != 1:
        raise BadQuery("COPY delimiter must be a single one-byte character", reason="value")
    header = options.get("header", "false") in {"true", "on", "1"}
    null = options.get("null", "" if kind == "csv" else "\\N")
    quote = options.get("quote", '"')
    escape = options.get("escape", quote)
    if len(quote.encode()) != 1 or len(escape.encode()) != 1:
        raise BadQuery("COPY quote and escape must be single one-byte characters", reason="value")
    forced = tuple(options["force_quote"].split("\0")) if "force_quote" in options else ()
    return Copy(source, kind, header, delimiter, null, quote, escape, forced)  # type: ignore[arg-type]


def _copied(text: str) -> tuple[str, int]:
    """The query that COPY names, and where it ends: in parentheses, or a table with or without columns."""
    table = re.match(
        rf"\s*+copy\s++((?:{QUOTED}|[\w$.]){{1,{NAME_PARTS}}})(?![\w$.])\s*+(\([^()]*+\))?\s*+(?=to\b|from\b)",
        text,
        re.I | re.S,
    )
    if table is not None:
        columns = (table[2] or "(*)").strip()[1:-1]
        return f"SELECT {columns} FROM {table[1]}", table.end()
    opened = re.match(r"\s*copy\s*\(", text, re.I)
    if opened is None:
        raise BadQuery("COPY takes a query in parentheses, or a table", reason="syntax")
    depth, place = 1, opened.end()
    for token in split.tokens(text, place):
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth == 0:
            return text[place : token.start()], token.end()
    raise BadQuery("syntax error at end of input", reason="syntax")


def _forced(words: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    """The columns of FORCE_QUOTE (a, b) or FORCE QUOTE a, b, and the other words."""
    if "force_quote" in words:
        place, after = words.index("force_quote"), 1
    elif ("force", "quote") in set(itertools.pairwise(words)):
        place, after = words.index("force"), 2
    else:
        return [], words
    end = place + after
    if words[end : end + 1] == ("(",):
        closing = words.index(")", end) if ")" in words[end:] else len(words)
        return [split.name(word) for word in words[end + 1 : closing] if word != ","], (
            *words[:place],
            *words[closing + 1 :],
        )
    names = [words[end]] if end < len(words) else []
    while words[end + 1 : end + 2] == (",",) and after == 2 and end + 2 < len(words):
        end += 2
        names.append(words[end])
    return [split.name(word) for word in names], (*words[:place], *words[end + 1 :])


def _copy_options(words: tuple[str, ...]) -> dict[str, str]:
    """The options of either spelling: `WITH (FORMAT csv, HEADER)` or `WITH CSV HEADER`."""
    forced, words = _forced(words)
    rest = [word for word in (words[1:] if words[:1] == ("with",) else words) if word not in {"(", ")"}]
    options: dict[str, str] = {"force_quote": "\0".join(forced)} if forced else {}
    place = 0
    while place < len(rest):
        word = rest[place]
        following = literal(rest[place + 1]) if place + 1 < len(rest) else ""
        if word in {"csv", "binary"}:
            options["format"] = word
        elif word in {"format", "delimiter", "null", "encoding", "quote", "escape"}:
            options[word], place = following, place + 1
        elif word == "header":
            given = following in {"true", "false", "on", "off", "0", "1"}
            options[word], place = following if given else "true", place + given
        elif word not in {",", "as"}:
            raise syntax(tuple(rest), place)
        place += 1
    return options
