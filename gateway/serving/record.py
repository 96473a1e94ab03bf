"""snapshot.json to Snapshot and back: the memory of one published state. Touches that file and the size of its core.

The record holds the descriptors and models themselves, so that a snapshot is served by the contract that it was
audited against, whatever has become of the product's folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.files import durable
from gateway.policies.inheritance import applied
from gateway.product import Inherited, Pseudonym
from gateway.snapshot import Arrived, Mocked, RuleOutcome, Snapshot

NAME = "snapshot.json"
CORE = "core.duckdb"


class RecordError(Exception):
    """A snapshot's folder is incomplete or damaged; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A RuleOutcome in JSON: `value` is null where the rule gave none."""

    rule: str
    table: str
    dimension: str
    severity: str
    holds: bool
    value: float | None
    expected: str


@dataclass(frozen=True, slots=True)
class Record:
    """What snapshot.json says. `fingerprint` covers all that the build depended on; `size_bytes` is the core's.

    `made_of` are the ids of the snapshots of other products that it was built from, and of those that they were.
    """

    id: str
    product: str
    major: int
    published_at: datetime
    data_time: datetime | None
    row_counts: Mapping[str, int]
    outcomes: tuple[Outcome, ...]
    pseudonyms: tuple[Pseudonym, ...]
    size_bytes: int
    build_s: float
    fingerprint: str
    documents: Mapping[str, Any]
    models: Mapping[str, str]
    inherited: tuple[Inherited, ...] = ()
    mock: Mocked | None = None
    arrived: tuple[Arrived, ...] = ()
    checked: tuple[Outcome, ...] = ()
    made_of: tuple[str, ...] = ()
    generated: bool = False
    format: Literal[1] = 1


_FORM = TypeAdapter(Record)


def outcomes(found: tuple[RuleOutcome, ...]) -> tuple[Outcome, ...]:
    """Rule outcomes as the record holds them."""
    return tuple(Outcome(**{**asdict(one), "value": None if math.isnan(one.value) else one.value}) for one in found)


def write(folder: Path, record: Record) -> None:
    """Write snapshot.json into a snapshot's folder, durably."""
    durable.replace(folder / NAME, _FORM.dump_json(record, indent=1), 0o644)


def read(folder: Path) -> Record:
    """The record of a snapshot's folder. Raises RecordError if it or its core is incomplete."""
    try:
        record = _FORM.validate_json((folder / NAME).read_bytes())
        size_bytes = (folder / CORE).stat().st_size
    except OSError as error:
        raise RecordError(f"{folder.name}: {Path(error.filename or NAME).name} is not there") from error
    except (ValidationError, json.JSONDecodeError) as error:
        raise RecordError(f"{folder.name}: {NAME} is damaged") from error
    if record.id != folder.name or size_bytes != record.size_bytes:
        raise RecordError(f"{folder.name}: {CORE} is not what was published")
    return record


def load(folder: Path) -> Snapshot:
    """The snapshot that a folder holds. Raises RecordError."""
    record = read(folder)
    try:
        product = applied(contract.from_documents(record.documents, record.models), record.inherited)
    except ContractError as error:
        raise RecordError(f"{folder.name}: its contract is no longer understood; publish the product anew") from error
    return Snapshot(
        id=record.id,
        product=product,
        path=folder / CORE,
        published_at=record.published_at,
        data_time=record.data_time,
        row_counts=dict(record.row_counts),
        outcomes=tuple(_outcome(one) for one in record.outcomes),
        pseudonyms=frozenset(record.pseudonyms),
        inherited=record.inherited,
        mock=record.mock,
        arrived=record.arrived,
        checked=tuple(_outcome(one) for one in record.checked),
        made_of=record.made_of,
        generated=record.generated,
    )


def _outcome(stored: Outcome) -> RuleOutcome:
    return RuleOutcome(**{**asdict(stored), "value": math.nan if stored.value is None else stored.value})
