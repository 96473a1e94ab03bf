"""Tables of a lake within the product's folder: their logs read to the Parquet files of one version.

Starts a process of its own for that, bounded in time and memory: logs are others' files, however long they claim to be.
What plain Parquet files do not tell is refused: rows that are deleted beside them, columns under other names.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

LakeFormat = Literal["delta", "iceberg"]
# Of one version. Each has a place in the text of the scan, and of an Iceberg table its footer is looked at.
FILES = 20_000
MEMORY_BYTES = 1 << 30
COMPUTING_S = 90
_WHOLE_S = 180.0
_COMMAND = (sys.executable, "-P", "-m", "gateway.inputs.lake_reader")
_log = logging.getLogger("outport.publish")


class LakeError(Exception):
    """A table that is not read here; the message is for the product's owner."""


@dataclass(frozen=True, slots=True)
class LakeColumn:
    """A column by the `field` of its data files, whatever their name for it; `odd` says why it is not read, or ""."""

    name: str
    type: str
    field: int
    odd: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one version of a table; `columns` where they are told by their fields, () where by their names.

    Where it is `partitioned`, paths of files tell some of the columns.
    """

    version: str
    files: tuple[str, ...]
    columns: tuple[LakeColumn, ...] = ()
    partitioned: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no listing."""

    refused: str


Answer = Listing | Refusal
ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def listed(form: LakeFormat, folder: Path, metadata: Path | None) -> Listing:
    """The version of the table in `folder` that `metadata` names, else the newest one. Raises LakeError."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUTPORT_")}
    asked = json.dumps([form, str(folder), None if metadata is None else str(metadata)])
    said = b""
    try:
        ended = subprocess.run(  # noqa: S603  our own interpreter and module
            _COMMAND, input=asked.encode(), capture_output=True, timeout=_WHOLE_S, check=False, env=environment
        )
        said = ended.stderr
        answer = ANSWER.validate_json(ended.stdout)
    except (subprocess.TimeoutExpired, ValidationError) as error:
        _log.error("%s %s: %s", form, folder, said.decode(errors="replace") or type(error).__name__)
        bounds = f"{COMPUTING_S} s and {MEMORY_BYTES >> 20} MB"
        raise LakeError(f"the log of the table cannot be read to its end within {bounds}") from error
    if isinstance(answer, Refusal):
        raise LakeError(answer.refused)
    return answer


def inside(path: Path, folder: Path) -> Path:
    """The file at `path`, links followed. Raises LakeError where it is not there, or not within `folder`."""
    found = path.resolve()
    if not found.is_relative_to(folder.resolve()) or not found.is_file():
        raise LakeError("a file of the table is not there, or lies outside of its folder")
    return found
