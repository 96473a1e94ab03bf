"""Another database's table, read by its watermark: what is kept here of it, and the rows that are new.

In the build only. What was read stands in segments, as pushes do; a refresh reads rows from the newest kept watermark
on, less the lookback, and the last row of a key stands. A segment is written whole and never again; when there are
many, one of all takes their place. Rows that the source deletes, or changes without its watermark, are not met, unless
the newest of all is gone: then the source is read anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from gateway.files import durable
from gateway.inputs.duck_writer import Writer
from gateway.inputs.job import STAGE_CATALOG, Replica
from gateway.sql.duck import quote

MANY = 16
_FILE = "$file"
# After every path.
_LAST = "~"


def mark(parts: Sequence[object]) -> str:
    """What a replica is of, as names of its segments have it: other parts begin another one."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:32]


def newest(writer: Writer, replica: Replica) -> str | None:
    """The watermark from which on rows are read, as text; None for all of them. Raises WriteError."""
    if not replica.files:
        return None
    # One that is of the future would keep all others away until then.
    present = f"least({_max(replica)}, CAST(now() AS {replica.kind}))" if _timed(replica) else _max(replica)
    return writer.text(f"SELECT {present}{_back(replica)} FROM {_segments(replica.files)}")


def went_back(writer: Writer, replica: Replica, fresh: str) -> bool:
    """Whether the source no longer has the newest watermark that is kept, as one that was restored. Raises WriteError.

    Rows are read from there on, that one included: where the staged table `fresh` has it not, the source has it not.
    """
    now = f"(SELECT {_max(replica)} FROM {STAGE_CATALOG}.main.{quote(fresh)})"
    kept = f"(SELECT {_max(replica)} FROM {_segments(replica.files)})"
    return bool(replica.files) and bool(writer.number(f"SELECT CAST(coalesce({now} < {kept}, true) AS INTEGER)"))


def merge(writer: Writer, replica: Replica, staged: str, fresh: str, *, anew: bool = False) -> None:
    """Stage as `staged` what is known with the rows of the staged table `fresh`, and keep these where they change it.

    With `anew` they are all that is known. Raises WriteError, OSError.
    """
    for file in replica.stale:
        Path(file).unlink(missing_ok=True)
    table = f"{STAGE_CATALOG}.main.{quote(fresh)}"
    added = f"SELECT *, '{_LAST}' AS {quote(_FILE)} FROM {table}"
    if not replica.files or anew:
        writer.stage_select(staged, _latest(replica, added))
        _keep(writer, f"FROM {table}", Path(replica.whole if anew else replica.target))
        return
    kept = f"SELECT * FROM {_segments(replica.files)}"
    writer.stage_select(staged, _latest(replica, f"{kept} UNION ALL BY NAME {added}"))
    whole = f"{STAGE_CATALOG}.main.{quote(staged)}"
    if not writer.number(f"SELECT count(*) FROM (FROM {whole} EXCEPT {_latest(replica, kept)}) AS one"):
        return
    if len(replica.files) >= MANY:
        _keep(writer, f"FROM {whole}", Path(replica.whole))
    else:
        _keep(writer, f"FROM {table}", Path(replica.target))


def _keep(writer: Writer, query: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = part_of(target)
    writer.export(query, part)
    durable.place(part, target)


def part_of(target: Path) -> Path:
    """Where a segment is written before it has its name."""
    return target.with_suffix(".part")


def _segments(files: Sequence[str]) -> str:
    """The kept rows, each with its segment: names are in order of time."""
    paths = ", ".join(map(_text, files))
    return f"(FROM read_parquet([{paths}], union_by_name = true, filename = '{_FILE}')) AS kept"


def _latest(replica: Replica, rows: str) -> str:
    """Of each key the row of the last segment, and within that of the newest watermark.

    Where a source gives several of these, all: the contract's key tells what becomes of them, as where all is read.
    """
    key = ", ".join(quote(name) for name in replica.key)
    newest = f"TRY_CAST({quote(replica.column)} AS {replica.kind}) DESC NULLS LAST"
    latest = f"QUALIFY rank() OVER (PARTITION BY {key} ORDER BY {quote(_FILE)} DESC, {newest}) = 1"
    return f"SELECT * EXCLUDE ({quote(_FILE)}) FROM ({rows}) AS one {latest}"


def _max(replica: Replica) -> str:
    return f"max(TRY_CAST({quote(replica.column)} AS {replica.kind}))"


def _back(replica: Replica) -> str:
    if not replica.lookback:
        return ""
    return f" - INTERVAL {replica.lookback} SECOND" if _timed(replica) else f" - {replica.lookback}"


def _timed(replica: Replica) -> bool:
    return replica.kind.startswith(("TIME", "DATE"))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
