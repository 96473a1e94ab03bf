"""The process that reads a lake's log: one question on stdin, one Listing or Refusal on stdout. Ends at its bounds."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from gateway.inputs.lakes import (
    ANSWER,
    COMPUTING_S,
    FILES,
    MEMORY_BYTES,
    Answer,
    LakeError,
    LakeFormat,
    Listing,
    Refusal,
)


def main() -> int:
    """Answer; 0 where there is an answer."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (COMPUTING_S, COMPUTING_S))
    form, folder, metadata = json.loads(sys.stdin.buffer.read())
    found = answer(form, Path(folder), None if metadata is None else Path(metadata))
    sys.stdout.buffer.write(ANSWER.dump_json(found))
    return 0


def answer(form: LakeFormat, folder: Path, metadata: Path | None) -> Answer:
    """What the table's log tells."""
    try:
        found = _listing(form, folder, metadata)
    except LakeError as error:
        return Refusal(str(error))
    if len(found.files) > FILES:
        return Refusal(f"the table has more than {FILES} files: compact it")
    return found


def _listing(form: LakeFormat, folder: Path, metadata: Path | None) -> Listing:
    try:
        if form == "delta":
            from gateway.inputs import delta_tables

            return delta_tables.listing(folder)
        from gateway.inputs import iceberg_tables

        return iceberg_tables.listing(folder, metadata)
    except ImportError as error:
        raise LakeError(f"tables of the format {form} need an extra: pip install 'outport[lake]'") from error


if __name__ == "__main__":
    sys.exit(main())
