"""Statements, PostgreSQL 15's recorded answers to them, and the committed list of those that differ.

`python -m tests.ports.postgres.semantics.record` writes the answers anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import yaml

HERE = Path(__file__).parent
_STATEMENTS = HERE / "expressions.sql"
_ANSWERS = HERE / "answers.json"
_DIFFERENCES = HERE / "differences.yaml"
Answer = Mapping[str, Any]
# What every client reads alike: name, varchar, bpchar and unknown are text.
_TEXTS = {19: 25, 1043: 25, 1042: 25, 705: 25}


def statements() -> list[str]:
    """One a line, but for comments."""
    return [line for line in _STATEMENTS.read_text().splitlines() if line and not line.startswith("--")]


def asked(conninfo: str) -> dict[str, Answer]:
    """The answer to every statement: names, type oids and rows as texts, or the SQLSTATE of a refusal."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return {text: _answer(connection, text) for text in statements()}


def _answer(connection: psycopg.Connection[Any], text: str) -> Answer:
    cursor = connection.cursor()
    try:
        cursor.execute(text.encode())
    except psycopg.Error as error:
        return {"state": error.sqlstate}
    result = cursor.pgresult
    assert result is not None
    places = range(result.nfields)
    return {
        "names": [(result.fname(place) or b"").decode() for place in places],
        "oids": [result.ftype(place) for place in places],
        "rows": [[_cell(result.get_value(row, place)) for place in places] for row in range(result.ntuples)],
    }


def _cell(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def as_read(answer: Answer) -> Answer:
    """As a client reads it, for which all types of text are one."""
    return {**answer, "oids": [_TEXTS.get(oid, oid) for oid in answer.get("oids", ())]}


def recorded() -> dict[str, Answer]:
    """What PostgreSQL 15 answered."""
    found: dict[str, Answer] = json.loads(_ANSWERS.read_text())
    return found


def write(answers: Mapping[str, Answer], path: Path = _ANSWERS) -> None:
    """Keep answers, a line each."""
    lines = (f"{json.dumps(text, ensure_ascii=False)}: {_json(answer)}" for text, answer in answers.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def differences() -> dict[str, str]:
    """The statements that are known to be answered otherwise, and why."""
    listed: Mapping[str, Iterable[str]] = yaml.safe_load(_DIFFERENCES.read_text())
    return {text: reason for reason, texts in listed.items() for text in texts}
