"""Every type as a parameter, in text and in binary, and read back in both; what PostgreSQL 15 said is recorded."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml

from tests.ports.postgres.conftest import Raw

HERE = Path(__file__).parent
_ANSWERS = HERE / "parameters.json"
# Oids of a type and of its array.
OIDS: Mapping[str, tuple[int, int]] = {
    "bool": (16, 1000), "int2": (21, 1005), "int4": (23, 1007), "int8": (20, 1016), "numeric": (1700, 1231),
    "float4": (700, 1021), "float8": (701, 1022), "text": (25, 1009), "varchar": (1043, 1015), "bpchar": (1042, 1014),
    "bytea": (17, 1001), "date": (1082, 1182), "time": (1083, 1183), "timestamp": (1114, 1115),
    "timestamptz": (1184, 1185), "interval": (1186, 1187), "uuid": (2950, 2951), "json": (114, 199),
    "jsonb": (3802, 3807),
}  # fmt: skip
# What was said to one value: its text and its binary form, both None for NULL, or an SQLSTATE.
Said = tuple[str | None, str | None] | str


def cases() -> Iterator[tuple[str, int, str | None]]:
    """Type, oid and text of every value; arrays hold one value, three and NULL, none, NULL alone, and are NULL."""
    values: Mapping[str, list[str]] = yaml.safe_load((HERE / "parameters.yaml").read_text())
    for name, texts in values.items():
        for text in [*texts, None]:
            yield name, OIDS[name][0], text
        quoted = ["".join(('"', text.replace("\\", "\\\\").replace('"', '\\"'), '"')) for text in texts[:3]]
        for items in ([], [quoted[0]], [*quoted, "NULL"], ["NULL"]):
            yield f"{name}[]", OIDS[name][1], "{" + ",".join(items) + "}"
        yield f"{name}[]", OIDS[name][1], None


def said(connect: Callable[[], Raw], known: Mapping[str, Said]) -> dict[str, Said]:
    """What is said to every value in text, beside the binary form of it that `known` tells.

    A value that is not said alike in both forms is told as `text: ...` and `binary: ...`.
    """
    found: dict[str, Said] = {}
    with connect() as client:
        before = ""
        for name, oid, text in cases():
            if name != before:
                columns = ", ".join(f"${place}::{name}" for place in (1, 1, 2, 2))
                client.parse(f"SELECT {columns}", types=(oid, oid))
            before, form = name, known.get(f"{name} {text}", "")
            binary = None if isinstance(form, str) or form[1] is None else bytes.fromhex(form[1])
            found[f"{name} {text}"] = _asked(client, None if text is None else text.encode(), binary)
    return found


def _asked(client: Raw, text: bytes | None, binary: bytes | None) -> Said:
    client.bind(text, binary, formats=(0, 1), results=(0, 1, 0, 1))
    client.execute()
    for kind, body in client.sync():
        if kind == b"E":
            return next(part[1:].decode() for part in body.split(b"\0") if part[:1] == b"C")
        if kind == b"D":
            first, second = _cells(body)
            return first if binary is None or first == second else f"text: {first} binary: {second}"
    raise AssertionError("neither a row nor an error")


def _cells(body: bytes) -> tuple[tuple[str | None, str | None], tuple[str | None, str | None]]:
    place, cells = 2, list[bytes | None]()
    for _ in range(4):
        (size,) = struct.unpack_from("!i", body, place)
        cells.append(None if size < 0 else body[place + 4 : place + 4 + size])
        place += 4 + max(0, size)
    texts = [None if cell is None else cell.decode() for cell in cells[::2]]
    forms = [None if cell is None else cell.hex() for cell in cells[1::2]]
    return (texts[0], forms[0]), (texts[1], forms[1])


def recorded() -> dict[str, Said]:
    """What PostgreSQL 15 said."""
    found = json.loads(_ANSWERS.read_text())
    return {key: value if isinstance(value, str) else (value[0], value[1]) for key, value in found.items()}


def write(answers: Mapping[str, Said]) -> None:
    """Keep answers, a value a line."""
    lines = (f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(one, ensure_ascii=False)}"
             for key, one in answers.items())  # fmt: skip
    _ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def differences() -> dict[str, str]:
    """The values to which something else is said, and why."""
    listed: Mapping[str, list[str]] = yaml.safe_load((HERE / "parameters_differ.yaml").read_text()) or {}
    return {key: reason for reason, keys in listed.items() for key in keys}
