"""Statements that ask the session about itself, such as SELECT version(): answered here, by a closed list. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway import Value
from ports.postgres import split, types
from ports.postgres.variables import SESSION, VERSION_TEXT, Variables


@dataclass(frozen=True)
class Call:
    """One function of the list with its literals (of a parameter its place, from 1), and the name of its column."""

    function: str
    arguments: tuple[str | int, ...]
    column: str


@dataclass(frozen=True)
class Calls:
    """SELECT of such functions and nothing else."""

    items: tuple[Call, ...]

    @property
    def parameters(self) -> tuple[int, ...]:
        """The types of the parameters that they name: texts, but for whether a setting is local or may be missing."""
        places = {one: (call.function, place) for call in self.items for place, one in enumerate(call.arguments)
                  if isinstance(one, int)}  # fmt: skip
        return tuple((types.BOOL if places.get(place) in _TRUTHS else types.TEXT).oid
                     for place in range(1, max(places, default=0) + 1))  # fmt: skip

    def bound(self, given: Sequence[Value]) -> Calls:
        """The same with the parameters' values, as texts."""
        return Calls(tuple(replace(call, arguments=tuple(_bound(one, given) for one in call.arguments))
                           for call in self.items))  # fmt: skip


def _bound(argument: str | int, given: Sequence[Value]) -> str:
    if isinstance(argument, str):
        return argument
    value = given[argument - 1]
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


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
    arguments: list[str | int] = []
    if words[place : place + 1] == ("(",):
        place += 1
        while place < len(words) and words[place] != ")":
            if words[place] == "$" and re.fullmatch(r"[1-9]\d?", words[place + 1] if place + 1 < len(words) else ""):
                place += 1
                arguments.append(int(words[place]))
            elif words[place] != ",":
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
    return ANSWERS[call.function](tuple(str(one) for one in call.arguments), variables, process)


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
_TRUTHS = frozenset({("set_config", 2), ("current_setting", 1)})
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
