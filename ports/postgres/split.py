"""One text to its statements, by PostgreSQL's lexical rules: quotes, dollar quotes, comments, E'' strings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway import BadQuery

# A quoted name. No quantifier that holds a group may be possessive: Python 3.11.2, Debian's, then loses what it took.
QUOTED = r'"(?=[^"]|"")[^"]*(?:""[^"]*)*"(?!")'
# What a semicolon does not end: each alternative runs to its own end, or to the end of the text. Quantifiers are
# possessive: what they have taken they do not give back, so that no text costs more than one look at each character.
_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<quoted>[eE]'(?:[^'\\]++|\\.|'')*+(?:'|\Z) | '(?:[^']++|'')*+(?:'|\Z) | "(?:[^"]++|"")*+(?:"|\Z)
        | \$(?P<tag>[A-Za-z_\x80-\uffff][\w\x80-\uffff]*|)\$.*?(?:\$(?P=tag)\$|\Z))
    | (?P<end>;)
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$]*|\d+|.)
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str, place: int = 0) -> Iterator[re.Match[str]]:
    """The tokens of `text` from `place` on, without space and comments."""
    while place < len(text):
        token = _TOKEN.match(text, place)
        assert token is not None
        place = _comment_end(text, token.end()) if token["comment"] else token.end()
        if not token["space"] and not token["comment"]:
            yield token


def statements(text: str) -> tuple[str, ...]:
    """The statements of `text`, without the space and comments around them; empty ones are left out."""
    found: list[str] = []
    start: int | None = None
    last = 0
    for token in tokens(text):
        if not token["end"]:
            start = token.start() if start is None else start
            last = token.end()
        elif start is not None:
            found.append(text[start:last])
            start = None
    return (*found, text[start:last]) if start is not None else tuple(found)


def words(statement: str) -> tuple[str, ...]:
    """The tokens of a statement; unquoted ones in lower case."""
    return tuple(one.group() if one["quoted"] else one.group().lower() for one in tokens(statement))


def _comment_end(text: str, place: int) -> int:
    """Behind the comment that began before `place`; comments nest."""
    depth = 1
    while depth:
        mark = re.compile(r"/\*|\*/").search(text, place)
        if mark is None:
            return len(text)
        depth += 1 if mark.group() == "/*" else -1
        place = mark.end()
    return place


def syntax(words: tuple[str, ...], place: int) -> BadQuery:
    """The refusal of the word at `place`."""
    near = words[place] if place < len(words) else "end of input"
    return BadQuery(f'syntax error at or near "{near[:63]}"', reason="syntax")


def name(word: str) -> str:
    """An identifier as it is meant: folded to lower case, or what its quotes hold."""
    return word[1:-1].replace('""', '"') if word.startswith('"') else word


def literal(word: str) -> str:
    """What a quoted literal says; any other word as it is."""
    if word[:1] in "eE" and word[1:2] == "'":
        return re.sub(r"\\(.)|''", lambda found: found[1] or "'", word[2:-1], flags=re.DOTALL)
    return word[1:-1].replace("''", "'") if word.startswith("'") else name(word)
