"""Runs bound statements: rows of the gateway as messages, session commands as their effects. Knows no socket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from gateway import Query, Value, Wire, asks_pg_catalog
from ports.postgres import backend, copies, functions, rows
from ports.postgres.backend import Field
from ports.postgres.commands import (
    Begin,
    CloseCursor,
    Commit,
    Copy,
    Deallocate,
    Declare,
    Discard,
    Explain,
    Fetch,
    Nothing,
    Prepare,
    Reset,
    Rollback,
    Run,
    Savepoint,
    Set,
    Show,
)
from ports.postgres.errors import WireError
from ports.postgres.functions import Calls
from ports.postgres.portals import Portal, Statement, Wait
from ports.postgres.question import Question
from ports.postgres.statements import Statements
from ports.postgres.transactions import Transaction
from ports.postgres.variables import REPORTED

Bytes = bytes | memoryview
Answer = Iterator[Bytes | Wait]


class Work:
    """The portals of one connection, and what running them does."""

    def __init__(self, transaction: Transaction, process: int) -> None:
        self._transaction = transaction
        self.statements = Statements(transaction, lambda name: self._cursor(name).fields)
        self._process = process
        self._portals: dict[str, Portal] = {}
        self._running: Portal | None = None
        self._last: tuple[tuple[Field, ...], tuple[int, ...], tuple[Field, ...]] = ((), (), ())
        self._told = transaction.variables.reported()

    @property
    def portals(self) -> int:
        """How many are open."""
        return len(self._portals)

    def portal(self, statement: Statement, given: Sequence[Value], codes: Sequence[int], weight: int = 0) -> Portal:
        """A statement with its parameters of `weight` bytes, in these formats. Raises WireError for their number."""
        fields = statement.fields
        if fields is not None:
            fields = self._formatted(fields, tuple(codes))
        if isinstance(statement.command, Calls) and statement.parameters:
            statement = replace(statement, command=statement.command.bound(given))
        asks = statement.command is None and statement.text
        return Portal(statement, fields, Question(self._transaction, statement, given) if asks else None, weight)

    def _formatted(self, fields: tuple[Field, ...], codes: tuple[int, ...]) -> tuple[Field, ...]:
        """The fields in these formats; what was asked last is asked again most often."""
        known, given, made = self._last
        if known is not fields or given != codes:
            try:
                every = Wire(codes).of(len(fields))
            except ValueError as error:
                raise WireError("08P01", str(error)) from None
            made = tuple(replace(one, format=code) for one, code in zip(fields, every, strict=True))
            self._last = fields, codes, made
        return made

    def keep(self, name: str, portal: Portal) -> None:
        """Remember a portal; the unnamed one gives way to its successor. Raises WireError (42P03, 53400)."""
        settings = self._transaction.gateway.settings
        if name and name in self._portals:
            raise WireError("42P03", f'cursor "{name[:63]}" already exists')
        self.forget(name)
        if len(self._portals) >= settings.postgres_portals:
            raise WireError("53400", f"a connection keeps at most {settings.postgres_portals} portals and cursors")
        if portal.weight + sum(one.weight for one in self._portals.values()) > settings.postgres_message_bytes:
            raise WireError("53400", "the parameters of a connection's portals are too long together", "close some")
        self._portals[name] = portal

    def of(self, name: str) -> Portal:
        """The portal of that name. Raises WireError (34000)."""
        if name not in self._portals:
            raise WireError("34000", f'portal "{name[:63]}" does not exist')
        self._portals[name].require_own()
        return self._portals[name]

    def forget(self, name: str) -> None:
        """Close one."""
        portal = self._portals.pop(name, None)
        if portal is not None:
            portal.close()

    def close_portals(self) -> None:
        """A transaction has ended: its portals end with it, but for those WITH HOLD."""
        for name in [name for name, portal in self._portals.items() if not portal.held]:
            self.forget(name)

    def close_all(self) -> None:
        """Close everything."""
        self.cancel()
        for name in list(self._portals):
            self.forget(name)

    def rest(self) -> None:
        """What ran has failed."""
        self._running = None

    def cancel(self) -> None:
        """Stop what runs now; from any thread."""
        running = self._running
        if running is not None:
            running.cancel()

    def changed(self) -> Iterator[tuple[str, str]]:
        """The reported settings that have changed since the last call."""
        told, present = self._told, self._transaction.variables.reported()
        if told == present:
            return
        self._told = present
        for name, before, value in zip(REPORTED, told, present, strict=True):
            if before != value:
                yield name, value

    def run(self, portal: Portal, limit: int) -> Answer:
        """The rows of a portal, at most `limit` (0: all), and what ends them. Raises GatewayErrors, WireError."""
        command = portal.statement.command
        if not isinstance(command, Commit | Rollback):
            self._transaction.require_usable()
        if command is None:
            yield from self._rows(portal, limit)
        else:
            yield from self._command(portal, limit)

    def _rows(self, portal: Portal, limit: int) -> Answer:
        self._running = portal
        taken = portal.count
        try:
            yield from portal.messages(limit)
        finally:
            self._running = None
        if not portal.done and limit and portal.count - taken == limit:
            yield backend.PORTAL_SUSPENDED
            return
        yield backend.command_complete(f"SELECT {portal.count - taken}")

    def _command(self, portal: Portal, limit: int) -> Answer:
        command = portal.statement.command
        transaction, variables = self._transaction, self._transaction.variables
        match command:
            case Begin(tag=tag):
                if transaction.open:
                    yield _warning("25001", "there is already a transaction in progress")
                transaction.begin()
            case Commit(chain=chain) | Rollback(savepoint=None, chain=chain):
                yield from self._end(isinstance(command, Commit), chain)
                return
            case Rollback(savepoint=str(name)):
                transaction.back_to(name)
                tag = "ROLLBACK"
            case Savepoint(name=name, release=release):
                (transaction.release if release else transaction.save)(name)
                tag = "RELEASE" if release else "SAVEPOINT"
            case Set(name=name, value=value, local=local):
                if local and not transaction.open:
                    yield _warning("25P01", "SET LOCAL can only be used in transaction blocks")
                variables.set(name, value, local=local)
                tag = "SET"
            case Reset(name="all"):
                variables.reset(identity=False)
                tag = "RESET"
            case Reset(name=name):
                variables.set(name, None)
                tag = "RESET"
            case Discard(what=what):
                tag = self._discarded(what)
            case Deallocate(name=name):
                if name is not None:
                    self.statements.of(name)
                self.statements.forget(name)
                tag = "DEALLOCATE" if name is not None else "DEALLOCATE ALL"
            case Prepare(name=name, text=text):
                if self.statements.known(name):
                    raise WireError("42P05", f'prepared statement "{name[:63]}" already exists')
                self.statements.keep(self.statements.made(name, text, ()))
                tag = "PREPARE"
            case CloseCursor(name=name):
                self._close_cursor(name)
                tag = "CLOSE CURSOR" if name is not None else "CLOSE CURSOR ALL"
            case Nothing(tag=said):
                tag = said
            case _:
                yield from self._with_rows(portal, limit)
                return
        yield backend.command_complete(tag)

    def _end(self, commit: bool, chain: bool) -> Answer:
        """COMMIT or ROLLBACK, and the next transaction where one is chained."""
        transaction = self._transaction
        if not transaction.open and chain:
            raise WireError(
                "25P01", f"{'COMMIT' if commit else 'ROLLBACK'} AND CHAIN can only be used in transaction blocks"
            )
        if not transaction.open:
            yield _warning("25P01", "there is no transaction in progress")
        self.close_portals()
        committed = transaction.end(commit=commit)
        if chain:
            transaction.begin()
        yield backend.command_complete("COMMIT" if committed else "ROLLBACK")

    def _with_rows(self, portal: Portal, limit: int) -> Answer:
        """The commands that give rows, or take long."""
        command, variables = portal.statement.command, self._transaction.variables
        match command:
            case Show(name="all"):
                lines = [(name, value, "") for name, value in variables.all()]
                yield from _local(portal, lines, "SHOW")
            case Show(name=name):
                yield from _local(portal, [(variables.show(name),)], "SHOW")
            case Calls(items=items):
                line = tuple(functions.answer(one, variables, self._process) for one in items)
                yield from _local(portal, [line], "SELECT 1")
            case Explain(query=query):
                yield from _local(portal, [(line,) for line in self._explained(query)], "EXPLAIN")
            case Declare():
                yield from self._declared(command)
            case Fetch():
                yield from self._fetched(command, portal)
            case Run(name=name, arguments=arguments):
                statement = self.statements.of(name)
                given = copies.literals(arguments, statement.parameters, variables.zone)
                codes = [field.format for field in portal.fields or ()]
                yield from self._rows(self.portal(replace(statement, command=None), given, codes), limit)
            case Copy():
                yield from self._copied(command)

    def _discarded(self, what: str) -> str:
        if what == "all":
            if self._transaction.open:
                raise WireError("25001", "DISCARD ALL cannot run inside a transaction block")
            self.close_all()
            self.statements.forget(None)
            self._transaction.variables.reset(identity=True)
        return f"DISCARD {what.upper()}"

    def _close_cursor(self, name: str | None) -> None:
        if name is None:
            for one in [one for one in self._portals if one]:
                self.forget(one)
        else:
            if name not in self._portals:
                raise WireError("34000", f'cursor "{name[:63]}" does not exist')
            self.forget(name)

    def _cursor(self, name: str) -> Portal:
        """The cursor of that name. Raises WireError (34000)."""
        if name not in self._portals:
            raise WireError("34000", f'cursor "{name[:63]}" does not exist')
        self._portals[name].require_own()
        return self._portals[name]

    def _declared(self, command: Declare) -> Answer:
        if not (self._transaction.open or command.hold):
            raise WireError("25P01", "DECLARE CURSOR can only be used in transaction blocks")
        statement = self.statements.query("", command.query.rstrip().rstrip(";"), ())
        portal = self.portal(statement, (), (1,) if command.binary else ())
        portal.held = command.hold
        self.keep(command.name, portal)
        yield backend.command_complete("DECLARE CURSOR")

    def _fetched(self, command: Fetch, asked: Portal) -> Answer:
        portal = self._cursor(command.name)
        portal.refit(asked.fields)
        before = portal.count
        if command.count != 0:
            self._running = portal
            try:
                messages = portal.messages(command.count or 0)
                yield from (() if command.move and not [*messages] else messages)
            finally:
                self._running = None
        yield backend.command_complete(f"{'MOVE' if command.move else 'FETCH'} {portal.count - before}")

    def _copied(self, command: Copy) -> Answer:
        statement = self.statements.query("", command.query, ())
        binary = command.format == "binary"
        portal = self.portal(statement, (), (1,) if binary else ())
        self._running = portal
        fields = portal.fields or ()
        try:
            yield from portal.begun()
            yield backend.copy_out(binary, len(fields))
            for data in copies.data(command, fields, portal.batches(0)):
                portal.sent(data)
                yield data
            yield backend.COPY_DONE
        finally:
            self._running = None
            portal.close()
        yield backend.command_complete(f"COPY {portal.count}")

    def _explained(self, text: str) -> Iterator[str]:
        """What is read, and what comes of it; the engine's own plan tells of rows that are hidden."""
        query, pin = Query(text, dialect="postgres"), self._transaction.pin()
        found = self.statements.described(query, asks_pg_catalog(text), pin)
        yield "Outport Scan"
        for one in found.products:
            yield f"  Product: {one.name} {one.version}, snapshot {one.snapshot}, digest {one.digest}"
        for name, kind in zip(found.schema.names, found.types, strict=True):
            yield f"  Output: {name} ({kind.removeprefix('pg.')})"


def _warning(state: str, message: str) -> bytes:
    return backend.notice({"S": "WARNING", "V": "WARNING", "C": state, "M": message})


def _local(portal: Portal, lines: Sequence[Sequence[str | None]], tag: str) -> Answer:
    """Rows of this door's own making, in whatever formats were asked: texts look alike in both."""
    fields = portal.fields or ()
    columns = [pa.array([line[place] for line in lines], pa.string()) for place in range(len(fields))]
    batch = pa.RecordBatch.from_arrays(columns, names=[f"c{place}" for place in range(len(fields))])
    yield rows.data_rows(batch, [replace(field, format=0) for field in fields])
    yield backend.command_complete(tag)
