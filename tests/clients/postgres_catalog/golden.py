"""The recorded answers of PostgreSQL 15, one JSON file a tool; `record.py` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.clients.postgres_catalog.answers import Answer

FOLDER = Path(__file__).parent / "answers"


def write(answers: Mapping[str, Answer], folder: Path = FOLDER) -> None:
    """Keep answers by `tool/name`, one line each."""
    folder.mkdir(exist_ok=True)
    by_tool: dict[str, list[str]] = {}
    for key, answer in answers.items():
        tool, _, name = key.partition("/")
        line = f"{json.dumps(name)}: {json.dumps(_told(answer), separators=(',', ':'), ensure_ascii=False)}"
        by_tool.setdefault(tool, []).append(line)
    for tool, lines in by_tool.items():
        (folder / f"{tool}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def recorded(folder: Path = FOLDER) -> dict[str, Answer]:
    """Every recorded answer by `tool/name`."""
    return {
        f"{path.stem}/{name}": _answer(told)
        for path in sorted(folder.glob("*.json"))
        for name, told in json.loads(path.read_text()).items()
    }


def _told(answer: Answer) -> dict[str, Any]:
    return {"refused": answer.refused} if answer.refused else {"columns": answer.columns, "rows": answer.rows}


def _answer(told: Mapping[str, Any]) -> Answer:
    if "refused" in told:
        return Answer(refused=told["refused"])
    columns = tuple((name, oid) for name, oid in told["columns"])
    return Answer(columns, tuple(tuple(row) for row in told["rows"]))
