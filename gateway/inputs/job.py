"""What the publishing process and its child say to each other: one Job in, Messages out, as JSON lines. Pure.

A Job is complete: SQL that was checked, files by path, keys by value. The child decides nothing about rights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from gateway.document import Finding
from gateway.product import Arrival, QualityRule
from gateway.snapshot import Arrived, RuleOutcome

CORE_CATALOG = "build"
CORE_SCHEMA = "core"
STAGE_CATALOG = "stage"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A published snapshot that the build reads, under the catalog name that its views use."""

    alias: str
    path: str


@dataclass(frozen=True, slots=True)
class Replica:
    """What is kept of a table that is read by its watermark: `column` as `kind`, less `lookback` seconds or steps.

    `files` are its segments in order of time, `stale` those that one of them has replaced; `target` is where the next
    one goes, `whole` where it goes if it is of all rows.
    """

    column: str
    kind: str
    lookback: int
    key: tuple[str, ...]
    files: tuple[str, ...]
    stale: tuple[str, ...]
    target: str
    whole: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """A table of another database: `uri` refers to secrets by name, "" is the schema of a database without any.

    `replica` is what is kept of it, None where all of it is read each time.
    """

    driver: str
    uri: str
    schema: str
    table: str
    where: str
    replica: Replica | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A view that models read: one decision on an input product's table, or one file.

    `columns` are (name, type) to cast a file's columns to; none where `select` gives the declared types already.
    An input's `arrival` is checked first; `scan` is then all of it as it comes, `file` its path where it is Parquet,
    `fetch` where it is first read from, `version` the source's own name of what is read. Of rows that came one after
    the other, its column `turn` tells in which order, "" where all came at once; `replaces` is the key of which the
    last row stands.
    """

    schema: str
    name: str
    select: str
    columns: tuple[tuple[str, str], ...]
    arrival: Arrival | None = None
    scan: str = ""
    file: str = ""
    fetch: Fetch | None = None
    version: str = ""
    turn: str = ""
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PseudonymJob:
    """A keyed hash of `column` to be stored as `physical`; `one_to_one` where the column is unique or refers to one.

    `link` names the domain, `key` is its HMAC key in hexadecimal.
    """

    column: str
    physical: str
    link: str
    key: str
    one_to_one: bool


@dataclass(frozen=True, slots=True)
class TableJob:
    """One table of the core: `select` gives at least the columns' names; `columns` are (name, type) as declared.

    `order` are the columns that its rows are ordered by, none: at random; None leaves the order of `select`. `python`
    is the model that fills what `select` reads, "" where there is none, with its `inputs` (name, schema, view).
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    select: str
    order: tuple[str, ...] | None
    pseudonyms: tuple[PseudonymJob, ...]
    python: str = ""
    inputs: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One build. `rules` are (table, rule); `data_time` is a SELECT of one TIMESTAMP; tables stand in build order.

    `mocked`: made-up rows, `lenient`: rows of which some had to go; their broken rules are told and stop nothing.
    `measures` are (table, SELECT of one row of numbers) to be told of. `checks` are the rules of inputs' contracts,
    (input, table, rule), by the names that relations have.
    """

    product: str
    files: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    relations: tuple[Relation, ...]
    tables: tuple[TableJob, ...]
    rules: tuple[tuple[str, QualityRule], ...]
    data_time: str | None
    mocked: bool = False
    lenient: bool = False
    measures: tuple[tuple[str, str], ...] = ()
    checks: tuple[tuple[str, str, QualityRule], ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A job and where to do it: the folder to fill, and what the build may use. `before` is what arrived last time.

    `now` is the publication's moment: by it age is measured where there is no data clock. `secrets` are those that the
    job's fetches name, by value; a fetch may take `source_s` seconds, all of it `build_s`.
    """

    job: Job
    folder: str
    threads: int
    memory_limit: str
    now: datetime
    before: tuple[Arrived, ...] = ()
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    source_s: float = 600.0
    build_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Progressed:
    """The build does `step` on `subject`; `fraction` is of that step, None where unknown."""

    step: Literal["arrive", "write", "pseudonym", "audit"]
    subject: str
    fraction: float | None
    event: Literal["progressed"] = "progressed"


@dataclass(frozen=True, slots=True)
class Built:
    """The core is complete, audited and closed. `pseudonyms` are (table, column, link) as stored.

    `measures` maps `table.measure` to its value over all rows, for what the job asked. `checked` are outcomes of
    its checks, each at the table `input.table`.
    """

    row_counts: dict[str, int]
    outcomes: tuple[RuleOutcome, ...]
    pseudonyms: tuple[tuple[str, str, str], ...]
    data_time: datetime | None
    findings: tuple[Finding, ...]
    measures: dict[str, float | None] = field(default_factory=dict)
    arrived: tuple[Arrived, ...] = ()
    checked: tuple[RuleOutcome, ...] = ()
    event: Literal["built"] = "built"


@dataclass(frozen=True, slots=True)
class Failed:
    """The core is not fit to be served, by these findings; `outcomes` are of its rules, where it came to them."""

    findings: tuple[Finding, ...]
    outcomes: tuple[RuleOutcome, ...] = ()
    event: Literal["failed"] = "failed"


Message = Progressed | Built | Failed
_ORDER = TypeAdapter(Order)
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


def written(value: Order | Message) -> bytes:
    """One JSON line."""
    return json.dumps(asdict(value), default=str).encode() + b"\n"


def order(line: bytes) -> Order:
    """The order that a line holds. Raises ValueError."""
    return _ORDER.validate_json(line)


def messages(lines: Iterator[bytes]) -> Iterator[Message]:
    """The messages that lines hold; a last line that a killed child left unfinished is dropped."""
    for line in lines:
        if line.endswith(b"\n"):
            yield _MESSAGE.validate_json(line)
