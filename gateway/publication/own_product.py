"""The product `outport`: the ledger as an ordinary product, which the deployment publishes of itself.

Its descriptors and models ship in outport_product/; this room writes them, and the ledger's rows as Parquet, into
<state>/outport, and calls the ordinary publication. A table more is a kind in ledger.odcs.yaml, a model, and an entry
in outport.odcs.yaml. Who sees which rows is own_rows.py's.
"""

from __future__ import annotations

import filecmp
import io
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import json as arrow_json

from gateway import ticking
from gateway.accounting.ledger import ITSELF, Brief, Ledger
from gateway.accounting.observations import KIND as MINUTES
from gateway.contracts import contract
from gateway.errors import Unavailable
from gateway.objective import WINDOW_DAYS
from gateway.policies.policy_file import read_folder
from gateway.policies.policy_rules import PolicyError
from gateway.product import Column, Table
from gateway.publication.publish import publish
from gateway.publication.runs import Cause
from gateway.service_levels.attendance import KIND as ALIVE
from gateway.service_levels.slo_series import HOURS
from gateway.settings import Settings
from gateway.snapshot import Snapshot
from gateway.ticking import Clock

SHIPPED = Path(__file__).parent / "outport_product"
_INPUT = "ledger"
# The ledger's moments carry their zone, the product's columns are UTC without one.
_ARROW = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR[]": pa.list_(pa.string()),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
}
_BLOCK_BYTES = 8 << 20
# Minutes are summed up as hours, and heartbeats are judged once, for the longest window of a promise.
BRIEFS = {MINUTES: Brief(7, HOURS), ALIVE: Brief(WINDOW_DAYS + 5)}
_RECENT = timedelta(days=3)


def publish_itself(settings: Settings, cause: Cause | None = None, clock: Clock = ticking.MACHINE) -> Snapshot:
    """Publish the product as the ledger is now. Raises ContractError, Unavailable."""
    return publish(settings, written(settings), cause=cause, clock=clock)


def written(settings: Settings) -> Path:
    """The product's folder, with the ledger's rows as they are now. Raises Unavailable (state)."""
    folder = settings.state / ITSELF
    try:
        for file in sorted(SHIPPED.rglob("*.*")):
            copy = folder / file.relative_to(SHIPPED)
            copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not copy.exists() or copy.read_bytes() != file.read_bytes():
                shutil.copyfile(file, copy)
        (folder / "data").mkdir(exist_ok=True, mode=0o700)
        ledger = Ledger(settings.state)
        for table in _kinds(folder):
            since = _hours_end(ledger) if table.name == MINUTES else None
            _store(folder / "data" / f"{table.name}.parquet", tables(ledger.lines(table.name, since), table.columns))
    except OSError as error:
        raise Unavailable("the product of the ledger cannot be written now", reason="state") from error
    return folder


def _hours_end(ledger: Ledger) -> datetime | None:
    """The last hour that is on file: of the minutes before it, which are a hundred times as many, nothing is made."""
    hours = ledger.rows(HOURS, ticking.MACHINE.now() - _RECENT)
    return ticking.read(str(hours[-1]["at"])) if hours else None


def wanted(settings: Settings) -> bool:
    """Whether a rule of the deployment grants the product by its name: else nobody has asked for it."""
    try:
        policies, _ = read_folder(settings.policies)
    except PolicyError:
        return False
    return any(ITSELF in rule.target.products for rule in policies.rules)


def _kinds(folder: Path) -> tuple[Table, ...]:
    """The kinds of the ledger that the product reads, as tables of its input."""
    (given,) = (one for one in contract.load(folder).inputs if one.name == _INPUT)
    return given.tables


def tables(lines: Iterable[bytes], columns: tuple[Column, ...], chunk_bytes: int = _BLOCK_BYTES) -> Iterator[pa.Table]:
    """Lines of the ledger as tables of `columns`: an empty one, and one for each `chunk_bytes` of them.

    What a line has beside these columns is left out, what it lacks is NULL.
    """
    schema = pa.schema([(one.name, _ARROW[one.type]) for one in columns])
    yield _unzoned(schema.empty_table())
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size >= chunk_bytes:
            yield _read(chunk, schema)
            chunk, size = [], 0
    if chunk:
        yield _read(chunk, schema)


def _read(chunk: Iterable[bytes], schema: pa.Schema) -> pa.Table:
    parse = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    read = arrow_json.ReadOptions(block_size=2 * _BLOCK_BYTES)
    body = io.BytesIO(b"".join(chunk))
    return _unzoned(arrow_json.read_json(body, read_options=read, parse_options=parse).select(schema.names))


def _unzoned(table: pa.Table) -> pa.Table:
    plain = [
        field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field for field in table.schema
    ]
    return table.cast(pa.schema(plain))


def _store(path: Path, parts: Iterator[pa.Table]) -> None:
    """Where nothing has changed, the file stays as it is: its publication is then no new one."""
    draft = path.with_suffix(".draft")
    first = next(parts)
    with pq.ParquetWriter(draft, first.schema) as writer:
        for part in parts:
            writer.write_table(part)
    if path.exists() and filecmp.cmp(draft, path, shallow=False):
        draft.unlink()
    else:
        draft.replace(path)
