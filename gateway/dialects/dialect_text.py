"""PostgreSQL's spellings that DuckDB's parser has not, written over by ones that it has, in as many bytes. Pure.

Every place in the text stays what it was, so that errors tell the client's own places; what a spelling meant is kept
as a mark at a place, or is an operator that neither system has. One look at each byte. Source: PostgreSQL 15, 4.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.errors import BadQuery

# Operators of PostgreSQL under names that no system gives a meaning; each is as long as what it stands for.
JSON_GET, JSON_PATH, JSON_PATH_TEXT, XOR, HAS_KEY, OVERLAPS = "^^", "|&", "@-@", "&|", "=@", "@="
_OWN = frozenset({JSON_GET, JSON_PATH, JSON_PATH_TEXT, XOR, HAS_KEY, OVERLAPS})
_TRIGGER = re.compile(
    rb"(?:like|[~*])\s*+(?:any|all|some)\b|#|\?|->|\btime(?:stamp)?(?:tz)?\s*+\(|with\s++ties|overlaps|u&['\"]|e'"
    rb"|\^\^|\|&|@-@|&\||=@|@=",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    rb"(?P<escaped>[eE]'(?:[^'\\]++|\\.|'')*+')"
    rb"|(?P<unicode>[uU]&'(?:[^']++|'')*+')"
    rb"|(?P<string>'(?:[^']++|'')*+'|[uU]&\"(?:[^\"]++|\"\")*+\"|\"(?:[^\"]++|\"\")*+\")"
    rb"|(?P<comment>--[^\n]*+)|(?P<block>/\*)|(?P<dollar>\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*+)?\$)"
    rb"|(?P<word>[A-Za-z_\x80-\xff][\w$\x80-\xff]*+)|(?P<number>[0-9][\w.]*+|\$[0-9]++)"
    rb"|(?P<operator>(?:(?!--|/\*)[-+*/<>=~!@#%^&|`?:])++)|(?P<other>[^\s])",
    re.DOTALL,
)
_QUANTIFIERS = frozenset({b"any", b"all", b"some"})
_LIKES: Mapping[bytes, str] = {
    b"like": "~~",
    b"ilike": "~~*",
    b"~~": "~~",
    b"~~*": "~~*",
    b"!~~": "!~~",
    b"!~~*": "!~~*",
    b"~": "~",
    b"~*": "~*",
    b"!~": "!~",
    b"!~*": "!~*",
}
_TIMES = frozenset({b"time", b"timetz", b"timestamp", b"timestamptz"})
_DIGITS = re.compile(rb"\s*+\(\s*+([0-6])\s*+\)")
_ESCAPES: Mapping[bytes, bytes] = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass
class Spelling:
    """A text that DuckDB's parser can read, and by places of it what PostgreSQL means there.

    `quantified`: where the argument of ANY or ALL begins, to the operator and whether it is ALL; `digits`: where the
    type of a time stands, to the digits that it keeps; `ties`: where the count of a FETCH ... WITH TIES stands.
    """

    text: str
    quantified: dict[int, tuple[str, bool]] = field(default_factory=dict)
    digits: dict[int, int] = field(default_factory=dict)
    ties: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Token:
    kind: str
    start: int
    end: int
    text: bytes


def spelled(text: str) -> Spelling:
    """`text` as DuckDB's parser reads it: itself, where it needs nothing else. Raises BadQuery (function)."""
    data = text.encode()
    if _TRIGGER.search(data) is None:
        return Spelling(text)
    tokens = _tokens(data)
    made, found = bytearray(data), Spelling(text)
    for place, token in enumerate(tokens):
        rule = _RULES.get(token.kind)
        if rule is not None:
            rule(tokens, place, made, found)
    found.text = made.decode()
    return found


def _tokens(data: bytes) -> list[_Token]:
    """The tokens of a text, up to where it cannot be read any more."""
    found, place = list[_Token](), 0
    while (token := _TOKEN.search(data, place)) is not None:
        kind, end = str(token.lastgroup), token.end()
        if token[0] in {b"'", b'"'}:  # a text without an end
            break
        if kind in {"dollar", "block"}:
            close = token[0] if kind == "dollar" else b"*/"
            end = data.find(close, end) + len(close)
            if end < token.end():
                break
        if kind not in {"comment", "block"}:
            found.append(_Token(kind, token.start(), end, data[token.start() : end]))
        place = end
    return found


def _written(made: bytearray, start: int, end: int, text: bytes) -> None:
    """Put `text` there, with blanks behind it."""
    if len(text) <= end - start:
        made[start:end] = text.ljust(end - start)


def _word(tokens: list[_Token], place: int, made: bytearray, found: Spelling) -> None:
    token = tokens[place]
    word = token.text.lower()
    if word in {b"like", b"ilike"}:
        _quantified(tokens, place, made, found)
    elif word in _TIMES and (digits := _DIGITS.match(made, token.end)) is not None:
        found.digits[token.start] = int(digits[1])
        _written(made, token.end, digits.end(), b"")
    elif word == b"ties" and _at(tokens, place - 1) == b"with":
        _ties(tokens, place, made, found)
    elif word == b"overlaps" and _at(tokens, place - 1) == b")" and _at(tokens, place + 1) == b"(":
        _written(made, token.start, token.end, OVERLAPS.encode())


def _at(tokens: list[_Token], place: int) -> bytes:
    return tokens[place].text.lower() if 0 <= place < len(tokens) else b""


def _quantified(tokens: list[_Token], place: int, made: bytearray, found: Spelling) -> None:
    """`x LIKE ANY (...)` as `x = ANY (...)`: DuckDB quantifies comparisons only."""
    token = tokens[place]
    operator, quantifier = _LIKES[token.text.lower()], _at(tokens, place + 1)
    if quantifier not in _QUANTIFIERS or _at(tokens, place + 2) != b"(":
        return
    start = token.start
    if token.kind == "word" and _at(tokens, place - 1) == b"not":
        operator, start = f"!{operator}", tokens[place - 1].start
    first = place + 3
    while _at(tokens, first) == b"(":
        first += 1
    if first >= len(tokens) or _at(tokens, first) in {b"select", b"values", b"with"}:
        return
    found.quantified[tokens[first].start] = (operator, quantifier == b"all")
    _written(made, start, token.end, b"=")
    _written(made, tokens[place + 1].start, tokens[place + 1].end, b"ANY")


def _ties(tokens: list[_Token], place: int, made: bytearray, found: Spelling) -> None:
    """`FETCH FIRST 3 ROWS WITH TIES` as `... ONLY`."""
    if _at(tokens, place - 2) in {b"row", b"rows"} and _at(tokens, place - 4) in {b"first", b"next"}:
        found.ties.add(tokens[place - 3].start)
        _written(made, tokens[place - 1].start, tokens[place].end, b"ONLY")


def _operator(tokens: list[_Token], place: int, made: bytearray, found: Spelling) -> None:
    token = tokens[place]
    written = token.text.decode()
    if token.text in _LIKES:
        _quantified(tokens, place, made, found)
    elif written in _OWN:
        raise BadQuery(f"operator {written} is not available", reason="function", position=token.start)
    elif written == "->" and _is_value(tokens, place + 1):
        _written(made, token.start, token.end, JSON_GET.encode())
    elif written in {"#>", "#>>"}:
        _written(made, token.start, token.end, (JSON_PATH if written == "#>" else JSON_PATH_TEXT).encode())
    elif written == "#":
        _single(token, made, XOR)
    elif written == "?" and place and _is_value(tokens, place + 1) and tokens[place - 1].kind != "operator":
        _single(token, made, HAS_KEY)


def _is_value(tokens: list[_Token], place: int) -> bool:
    """Whether a constant or a parameter stands there: DuckDB's lambdas have other bodies."""
    place += _at(tokens, place) == b"-"
    return place < len(tokens) and tokens[place].kind in {"string", "escaped", "unicode", "number", "dollar"}


def _single(token: _Token, made: bytearray, name: str) -> None:
    """An operator of one letter, with one of the blanks around it."""
    start, end = token.start, token.end
    if made[end : end + 1].isspace():
        _written(made, start, end + 1, name.encode())
    elif start and made[start - 1 : start].isspace():
        _written(made, start - 1, end, name.encode())


def _escaped(tokens: list[_Token], place: int, made: bytearray, _: Spelling) -> None:
    """`E'\\u00e9'`: backslashes that DuckDB does not know; any other such text stays."""
    token = tokens[place]
    if re.search(rb"\\[uU0-7]", token.text) is not None:
        _constant(token, made, re.sub(rb"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", _letter,
                                      token.text[2:-1], flags=re.DOTALL))  # fmt: skip


def _letter(escape: re.Match[bytes]) -> bytes:
    body = escape[1]
    if body[:1] in b"uU" and len(body) > 1:
        return _quoted(int(body[1:], 16))
    if body[:1] == b"x" and len(body) > 1:
        return _byte(int(body[1:], 16))
    if body.isdigit() and body[0] < ord("8"):
        return _byte(int(body, 8))
    return b"''" if body == b"'" else _ESCAPES.get(body, body)


def _byte(value: int) -> bytes:
    return b"''" if value == ord("'") else bytes((value & 0xFF,))


def _quoted(code: int) -> bytes:
    return b"''" if code == ord("'") else chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b"\xff"


def _unicode(tokens: list[_Token], place: int, made: bytearray, _: Spelling) -> None:
    """`U&'d\\0061t'`."""
    token = tokens[place]
    if _at(tokens, place + 1) != b"uescape":
        _constant(token, made, re.sub(rb"\\(\\|[0-9a-fA-F]{4}|\+[0-9a-fA-F]{6})", _point, token.text[3:-1]))


def _point(escape: re.Match[bytes]) -> bytes:
    return b"\\" if escape[1] == b"\\" else _quoted(int(escape[1].lstrip(b"+"), 16))


def _constant(token: _Token, made: bytearray, body: bytes) -> None:
    if b"\0" in body:
        raise BadQuery("a text holds no NUL character", reason="encoding", position=token.start)
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BadQuery("invalid Unicode in a text", reason="encoding", position=token.start) from error
    _written(made, token.start, token.end, b"'" + body + b"'")


_RULES: Mapping[str, Callable[[list[_Token], int, bytearray, Spelling], None]] = {
    "word": _word,
    "operator": _operator,
    "escaped": _escaped,
    "unicode": _unicode,
}
