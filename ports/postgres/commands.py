"""Session commands that the door answers itself, as values. Touches nothing. Source: PostgreSQL 15, "SQL Commands"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Begin:
    """BEGIN, START TRANSACTION; `tag` is what it is answered with."""

    tag: str = "BEGIN"


@dataclass(frozen=True)
class Commit:
    """COMMIT, END. `chain`: another transaction begins at once."""

    chain: bool = False


@dataclass(frozen=True)
class Rollback:
    """ROLLBACK, ABORT; to a savepoint if one is named."""

    savepoint: str | None = None
    chain: bool = False


@dataclass(frozen=True)
class Savepoint:
    """SAVEPOINT, or RELEASE of one."""

    name: str
    release: bool = False


@dataclass(frozen=True)
class Set:
    """SET of a setting; None for its default. `local`: until the transaction ends."""

    name: str
    value: str | None
    local: bool = False


@dataclass(frozen=True)
class Show:
    """SHOW of one setting, or of all."""

    name: str


@dataclass(frozen=True)
class Reset:
    """RESET of one setting, or of all."""

    name: str


@dataclass(frozen=True)
class Discard:
    """DISCARD."""

    what: str


@dataclass(frozen=True)
class Deallocate:
    """DEALLOCATE of one prepared statement, None for all."""

    name: str | None


@dataclass(frozen=True)
class Prepare:
    """PREPARE."""

    name: str
    text: str


@dataclass(frozen=True)
class Run:
    """EXECUTE of a prepared statement with literals."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Declare:
    """DECLARE CURSOR."""

    name: str
    query: str
    hold: bool
    binary: bool


@dataclass(frozen=True)
class Fetch:
    """FETCH (or MOVE) forward; `count` None is all."""

    name: str
    count: int | None
    move: bool


@dataclass(frozen=True)
class CloseCursor:
    """CLOSE of one cursor, None for all."""

    name: str | None


@dataclass(frozen=True)
class Copy:
    """COPY (query) TO STDOUT."""

    query: str
    format: Literal["text", "csv", "binary"]
    header: bool
    delimiter: str
    null: str
    quote: str = '"'
    escape: str = '"'
    forced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explain:
    """EXPLAIN of a query."""

    query: str


@dataclass(frozen=True)
class Nothing:
    """A command that has no effect here; `tag` is what it is answered with."""

    tag: str


Command = (
    Begin
    | Commit
    | Rollback
    | Savepoint
    | Set
    | Show
    | Reset
    | Discard
    | Deallocate
    | Prepare
    | Run
    | Declare
    | Fetch
    | CloseCursor
    | Copy
    | Explain
    | Nothing
)
