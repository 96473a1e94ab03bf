"""Statements that ask the session about itself, such as SELECT version(): answered here, by a closed list. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ports.postgres import split
from ports.postgres.variables import SESSION, VERSION_TEXT, Variables


@dataclass(frozen=True)
class Call:
    """One function of the list with its literals, and the name of its column."""

    function: str
    arguments: tuple[str, ...]
    column: str


@dataclass(frozen=True)
class Calls:
    """SELECT of such functions and nothing else."""

    items: tuple[Call, ...]


def understand(statement: str) -> Calls | None:
    """The calls that `statement` is made of, None for any other statement."""
    words = split.words(statement)
    if words[:1] != ("select",):
        return None
    found, place = [], 1
    while place < len(words):
        call, place = _call(words, place)
        if call is None or (place < len(words) and words[place] != ","):
            return None
        found.append(call)
        place += 1
    return Calls(tuple(found)) if found else None


def _call(words: tuple[str, ...], place: int) -> tuple[Call | None, int]:
    if words[place : place + 2] == ("pg_catalog", "."):
        place += 2
    function = words[place] if place < len(words) else ""
    if function not in ANSWERS:
        return None, place
    place += 1
    arguments: list[str] = []
    if words[place : place + 1] == ("(",):
        place += 1
        while place < len(words) and words[place] != ")":
            if words[place] != ",":
                arguments.append(split.literal(words[place]))
            place += 1
        place += 1
    elif function not in _WITHOUT_PARENTHESES:
        return None, place
    column = function
    if words[place : place + 1] == ("as",):
        column, place = split.name(words[place + 1]) if place + 1 < len(words) else "", place + 2
    elif place < len(words) and re.fullmatch(r'[a-z_]\w*|"[^"]+"', words[place]):
        column, place = split.name(words[place]), place + 1
    least, most = _ARGUMENTS.get(function, (0, 0))
    fits = least <= len(arguments) <= most and column
    return (Call(function, tuple(arguments), column) if fits else None), place


def answer(call: Call, variables: Variables, process: int) -> str | None:
    """The value of `call` in this session. Raises WireError for an unknown setting."""
    return ANSWERS[call.function](call.arguments, variables, process)


def _set_config(arguments: tuple[str, ...], variables: Variables, _: int) -> str:
    return variables.set(arguments[0], arguments[1], local=arguments[2:] in {("true",), ("t",), ("on",)})[1]


def _setting(arguments: tuple[str, ...], variables: Variables, _: int) -> str | None:
    """NULL for an unknown one, where that is asked for."""
    if arguments[1:] in {("true",), ("t",), ("on",)} and not variables.knows(arguments[0]):
        return None
    return variables.show(arguments[0])


def _schema(_: tuple[str, ...], variables: Variables, __: int) -> str | None:
    path = [name for name in variables.search_path if name not in {"$user", "public"}]
    return path[0] if path else "public"


_Answer = Callable[[tuple[str, ...], Variables, int], str | None]
_WITHOUT_PARENTHESES = frozenset(
    {"current_role", "current_user", "session_user", "user", "current_schema", "current_catalog"}
)
_ARGUMENTS: Mapping[str, tuple[int, int]] = {"current_setting": (1, 2), "set_config": (3, 3)}
ANSWERS: Mapping[str, _Answer] = {
    "version": lambda *_: VERSION_TEXT,
    "current_database": lambda *_: "outport",
    "current_catalog": lambda *_: "outport",
    "current_role": lambda _, variables, __: variables.current,
    "current_user": lambda _, variables, __: variables.current,
    "session_user": lambda _, variables, __: variables.values[SESSION],
    "user": lambda _, variables, __: variables.current,
    "current_schema": _schema,
    "current_setting": _setting,
    "set_config": _set_config,
}
