"""A statement to the session command that it is: a closed grammar. Pure. What is none is a query for the gateway."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from gateway import BadQuery
from ports.postgres import copy_grammar, split
from ports.postgres.commands import (
    Begin,
    CloseCursor,
    Command,
    Commit,
    Deallocate,
    Declare,
    Discard,
    Explain,
    Fetch,
    Nothing,
    Prepare,
    Reset,
    Rollback,
    Run,
    Savepoint,
    Set,
    Show,
)
from ports.postgres.errors import WireError
from ports.postgres.split import QUOTED, literal, name, syntax

_NAME = re.compile(r"[a-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*", re.DOTALL)


def understand(statement: str) -> Command | None:
    """The command that `statement` is, None for a query. Raises BadQuery (syntax) for a command that is ill-formed."""
    first = re.match(r"\s*([A-Za-z]+)", statement)
    reader = _COMMANDS.get(first[1].lower()) if first is not None else None
    return None if reader is None else reader(split.words(statement), statement)


def _ended(words: tuple[str, ...], place: int) -> None:
    if place < len(words):
        raise syntax(words, place)


def _transaction(words: tuple[str, ...], _: str) -> Command:
    if words[0] == "start" and words[1:2] != ("transaction",):
        raise syntax(words, 1)
    return Begin("START TRANSACTION" if words[0] == "start" else "BEGIN")


def _chained(rest: tuple[str, ...]) -> bool:
    """What may end COMMIT and ROLLBACK: AND [NO] CHAIN."""
    no = rest[:2] == ("and", "no")
    if rest and rest != (("and", "no", "chain") if no else ("and", "chain")):
        raise syntax(rest, 0)
    return bool(rest) and not no


def _commit(words: tuple[str, ...], _: str) -> Command:
    rest = words[1:]
    if rest[:1] in {("work",), ("transaction",)}:
        rest = rest[1:]
    return Commit(_chained(rest))


def _rollback(words: tuple[str, ...], _: str) -> Command:
    rest = words[1:]
    if rest[:1] in {("work",), ("transaction",)}:
        rest = rest[1:]
    if rest[:1] != ("to",):
        return Rollback(None, _chained(rest))
    rest = rest[2:] if rest[1:2] == ("savepoint",) else rest[1:]
    if len(rest) != 1:
        raise syntax(rest, 1)
    return Rollback(name(rest[0]))


def _savepoint(words: tuple[str, ...], _: str) -> Command:
    release = words[0] == "release"
    rest = words[2:] if release and words[1:2] == ("savepoint",) else words[1:]
    if len(rest) != 1:
        raise syntax(rest, 1)
    return Savepoint(name(rest[0]), release)


def _set(words: tuple[str, ...], _: str) -> Command:
    rest, local = words[1:], False
    if rest[:1] in {("session",), ("local",)} and rest[1:2] not in {("characteristics",), ("authorization",)}:
        local, rest = rest[0] == "local", rest[1:]
    if rest[:1] in {("transaction",), ("constraints",)} or rest[:2] == ("session", "characteristics"):
        return Nothing("SET")
    if rest[:2] == ("time", "zone"):
        rest = ("timezone", "=", *rest[2:])
    if rest[:1] == ("names",):
        rest = ("client_encoding", "=", *rest[1:])
    if (rest[:1] == ("role",) and rest[1:2] not in {("=",), ("to",)}) or rest[:2] == ("session", "authorization"):
        return _identity(rest, local)
    setting, place = _dotted(rest)
    if rest[place : place + 1] not in {("=",), ("to",)} or len(rest) <= place + 1:
        raise syntax(rest, place)
    values = [literal(word) for word in rest[place + 1 :] if word != ","]
    if values == ["default"]:
        return Set(setting, None, local)
    signed = "".join(values) if values[0] == "-" else ", ".join(values)
    return Set(setting, signed, local)


def _identity(words: tuple[str, ...], local: bool) -> Command:
    """SET ROLE and SET SESSION AUTHORIZATION, whose name is a word or a text; NONE is no role, quoted too."""
    setting, default = ("role", "none") if words[0] == "role" else ("session_authorization", "default")
    rest = words[1:] if words[0] == "role" else words[2:]
    if len(rest) != 1 or not (_NAME.fullmatch(rest[0]) or rest[0][-1:] in {'"', "'"}):
        raise syntax(rest, min(len(rest), 1))
    return Set(setting, None if rest[0] == default else literal(rest[0]), local)


def _dotted(words: tuple[str, ...]) -> tuple[str, int]:
    """A setting's name, of parts with dots between them, and the place behind it."""
    if not words or not (_NAME.fullmatch(words[0]) or words[0].startswith('"')):
        raise syntax(words, 0)
    parts, place = [name(words[0])], 1
    while words[place : place + 1] == (".",) and place + 1 < len(words):
        parts.append(name(words[place + 1]))
        place += 2
    return ".".join(parts).lower(), place


def _show(words: tuple[str, ...], _: str) -> Command:
    if words[1:] == ("transaction", "isolation", "level"):
        return Show("transaction_isolation")
    if words[1:] == ("time", "zone"):
        return Show("timezone")
    setting, place = _dotted(words[1:])
    _ended(words[1:], place)
    return Show(setting)


def _reset(words: tuple[str, ...], _: str) -> Command:
    if words[1:] == ("time", "zone"):
        return Reset("timezone")
    if words[1:] == ("session", "authorization"):
        return Reset("session_authorization")
    setting, place = _dotted(words[1:])
    _ended(words[1:], place)
    return Reset(setting)


def _discard(words: tuple[str, ...], _: str) -> Command:
    if len(words) != 2 or words[1] not in {"all", "plans", "sequences", "temp", "temporary"}:
        raise syntax(words, 1)
    return Discard(words[1])


def _deallocate(words: tuple[str, ...], _: str) -> Command:
    rest = words[2:] if words[1:2] == ("prepare",) and len(words) > 2 else words[1:]
    if len(rest) != 1:
        raise syntax(rest, 1)
    return Deallocate(None if rest[0] == "all" else name(rest[0]))


def _prepare(words: tuple[str, ...], text: str) -> Command:
    found = re.match(rf"\s*+prepare\s++({QUOTED}|[\w$]++)\s*+(?:\([^()]*+\)\s*+)?as\s++(.*)\Z", text, re.I | re.S)
    if found is None:
        raise syntax(words, 1)
    return Prepare(name(_folded(found[1])), found[2])


def _folded(word: str) -> str:
    return word if word.startswith('"') else word.lower()


def _run(words: tuple[str, ...], _: str) -> Command:
    if len(words) < 2 or (len(words) > 2 and (words[2], words[-1]) != ("(", ")")):
        raise syntax(words, 2)
    arguments: list[str] = [""] if len(words) > 2 else []
    for word in words[3:-1]:
        if word == ",":
            arguments.append("")
        elif word in {"(", ")"}:
            raise BadQuery("EXECUTE takes literals", reason="unsupported")
        else:
            arguments[-1] += word
    return Run(name(words[1]), tuple(arguments))


def _declare(words: tuple[str, ...], text: str) -> Command:
    found = re.match(
        rf"\s*+declare\s++({QUOTED}|[\w$]++)((?:\s++(?:binary|asensitive|insensitive|no|scroll)\b)*)\s++cursor"
        r"((?:\s++(?:with|without)\s++hold\b)?)\s++for\s++(.*)\Z",
        text,
        re.I | re.S,
    )
    if found is None:
        raise syntax(words, 1)
    options = found[2].lower().split()
    if "scroll" in options and "no" not in options:
        raise BadQuery("a cursor goes forward only", reason="unsupported", hint="declare it NO SCROLL")
    hold = found[3].lower().split() == ["with", "hold"]
    return Declare(name(_folded(found[1])), found[4], hold, "binary" in options)


def _fetch(words: tuple[str, ...], _: str) -> Command:
    rest, count = list(words[1:]), 1
    everything = False
    if rest[:1] in (["next"], ["forward"]):
        rest = rest[1:]
    if rest and rest[0] == "all":
        everything, rest = True, rest[1:]
    elif rest and rest[0].isdigit():
        count, rest = int(rest[0]), rest[1:]
    elif rest[:1] in (["prior"], ["backward"], ["first"], ["last"], ["absolute"], ["relative"], ["-"]):
        raise WireError("55000", "cursor can only scan forward", "declare it anew to read it again")
    if rest[:1] in (["from"], ["in"]):
        rest = rest[1:]
    if len(rest) != 1:
        raise syntax(tuple(rest), 1)
    return Fetch(name(rest[0]), None if everything else count, words[0] == "move")


def _close(words: tuple[str, ...], _: str) -> Command:
    if len(words) != 2:
        raise syntax(words, 1)
    return CloseCursor(None if words[1] == "all" else name(words[1]))


def _unlisten(words: tuple[str, ...], _: str) -> Command:
    return Nothing("UNLISTEN")


def _explain(words: tuple[str, ...], text: str) -> Command:
    found = re.match(r"\s*+explain\b(?:\s*+\([^()]*+\)|(?:\s++(?:analyze|verbose)\b)*)\s*+(\S.*)\Z", text, re.I | re.S)
    if found is None:
        raise syntax(words, 1)
    return Explain(found[1])


_COMMANDS: dict[str, Callable[[tuple[str, ...], str], Command]] = {
    "begin": _transaction,
    "start": _transaction,
    "commit": _commit,
    "end": _commit,
    "rollback": _rollback,
    "abort": _rollback,
    "savepoint": _savepoint,
    "release": _savepoint,
    "set": _set,
    "show": _show,
    "reset": _reset,
    "discard": _discard,
    "deallocate": _deallocate,
    "prepare": _prepare,
    "execute": _run,
    "declare": _declare,
    "fetch": _fetch,
    "move": _fetch,
    "close": _close,
    "unlisten": _unlisten,
    "explain": _explain,
    "copy": copy_grammar.understand,
}
_WRITES = frozenset(
    """
    alter analyze call checkpoint cluster comment create delete do drop grant import insert listen load lock merge
    notify reassign refresh reindex revoke security truncate update vacuum
    """.split()
)


def written(statement: str) -> str | None:
    """What a statement that is no query would do, where it is more than reading: CREATE ROLE, SELECT FOR UPDATE."""
    words = [token.group().lower() for token, _ in zip(split.tokens(statement), range(10_000), strict=False)]
    if words[:1] and words[0] in _WRITES:
        return words[0].upper()
    if words[:1] and words[0] in {"select", "with", "table", "values", "("}:
        pairs = set(itertools.pairwise(words))
        for lock in ("update", "share", "no", "key"):
            if ("for", lock) in pairs:
                return f"SELECT FOR {lock.upper()}"
        if "into" in words:
            return "SELECT INTO"
    return None
