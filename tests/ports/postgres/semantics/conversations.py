"""Conversations in the protocol's messages, with the recorded answers of PostgreSQL 15, message by message.

A message of an answer is a short text: its letter, and what a client acts upon. Texts of errors, lengths and places
are left out: SQLSTATE and severity say what happened.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.ports.postgres.conftest import Raw

HERE = Path(__file__).parent
_ANSWERS = HERE / "conversations.json"
Said = Sequence[Sequence[str]]


def conversations() -> dict[str, list[list[Any]]]:
    """The steps of every conversation, by name."""
    found: dict[str, list[list[Any]]] = yaml.safe_load((HERE / "conversations.yaml").read_text())
    return found


def held(connect: Callable[[], Raw]) -> dict[str, Said]:
    """Every conversation on a connection of its own: what was answered up to each ReadyForQuery."""
    found: dict[str, Said] = {}
    for name, steps in conversations().items():
        with connect() as client:
            found[name] = _held(client, steps)
    return found


def _held(client: Raw, steps: Sequence[Sequence[Any]]) -> Said:
    told = []
    for kind, *rest in steps:
        _say(client, kind, rest)
        if kind in {"Q", "S"}:
            told.append([shown(letter, body) for letter, body in client.until_ready()])
    return told


def _say(client: Raw, kind: str, rest: Sequence[Any]) -> None:
    match kind:
        case "Q":
            client.send(b"Q", rest[0].encode() + b"\0")
        case "P":
            client.parse(rest[1], rest[0], tuple(rest[2]))
        case "B":
            values = [None if value is None else value.encode() for value in rest[2]]
            client.bind(*values, portal=rest[0], name=rest[1], formats=rest[3], results=rest[4])
        case "D" | "C":
            client.send(kind.encode(), f"{rest[0]}{rest[1]}\0".encode())
        case "E":
            client.execute(rest[1], rest[0])
        case _:
            client.send(kind.encode())


def shown(kind: bytes, body: bytes) -> str:
    """One message of a server as a short text."""
    return f"{kind.decode()} {_SHOWN[kind](body) if kind in _SHOWN else ''}".rstrip()


def _fields(body: bytes) -> str:
    (count,) = struct.unpack_from("!h", body)
    place, found = 2, []
    for _ in range(count):
        end = body.index(b"\0", place)
        _, _, oid, _, _, code = struct.unpack_from("!IhIhih", body, end + 1)
        found.append(f"{body[place:end].decode()}:{_TEXTS.get(oid, oid)}:{code}")
        place = end + 19
    return " ".join(found)


# What every client reads alike: name, varchar, bpchar and unknown are text.
_TEXTS = {19: 25, 1043: 25, 1042: 25, 705: 25}


def _cells(body: bytes) -> str:
    (count,) = struct.unpack_from("!h", body)
    place, found = 2, []
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, place)
        place += 4
        found.append("NULL" if size < 0 else repr(body[place : place + size])[1:])
        place += max(0, size)
    return " ".join(found)


def _report(body: bytes) -> str:
    told = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
    return f"{told[b'V']} {told[b'C']}"


_SHOWN: Mapping[bytes, Callable[[bytes], str]] = {
    b"T": _fields,
    b"D": _cells,
    b"C": lambda body: body[:-1].decode(),
    b"E": _report,
    b"N": _report,
    b"Z": lambda body: body.decode(),
    b"S": lambda body: "=".join(body.decode().split("\0")[:2]),
    b"t": lambda body: " ".join(str(_TEXTS.get(oid, oid)) for (oid,) in struct.iter_unpack("!I", body[2:])),
    b"H": lambda body: f"{body[0]} {int.from_bytes(body[1:3], 'big')}",
    b"d": lambda body: repr(body)[1:],
}


def recorded() -> dict[str, Said]:
    """What PostgreSQL 15 answered."""
    found: dict[str, Said] = json.loads(_ANSWERS.read_text())
    return found


def write(answers: Mapping[str, Said]) -> None:
    """Keep answers, a conversation a line."""
    lines = (f"{json.dumps(name)}: {json.dumps(told, ensure_ascii=False)}" for name, told in answers.items())
    _ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def differences() -> dict[str, str]:
    """The conversations that are known to go otherwise, and why."""
    found: dict[str, str] = yaml.safe_load((HERE / "conversations_differ.yaml").read_text())
    return found
