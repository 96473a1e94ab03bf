"""One connection after its sign-in: messages in, bytes out, as one table of states. Knows no socket.

Simple and extended protocol run the same statements; an error in the extended one is followed by nothing until Sync.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from buenavista.core import Session as WireSession
from buenavista.postgres import TransactionStatus

from gateway import Gateway, Session
from ports.postgres import backend, errors, frontend, split, values
from ports.postgres.decode import BadEncoding
from ports.postgres.errors import WireError
from ports.postgres.portals import Portal, Wait
from ports.postgres.transactions import Transaction
from ports.postgres.variables import REPORTED, Variables
from ports.postgres.work import Answer, Work

TEXT_LIMIT = 400_000


class State(Enum):
    """What the connection waits for: any message, or, behind an error of the extended protocol, only Sync."""

    READY = "ready"
    SKIPPING = "skipping"
    ENDED = "ended"


class Conversation(WireSession):  # type: ignore[misc]
    """The session of one connection. One thread speaks; `cancel` may come from any."""

    def __init__(self, gateway: Gateway, session: Session, process: int, options: Mapping[str, str]) -> None:
        super().__init__()
        self.process = process
        self.subject = session.principal.subject
        self.state = State.READY
        self._said = ""  # the statement that is dealt with
        self.variables = Variables(
            self.subject,
            lambda subject: self.transaction.stand(subject),
            lambda purpose: self.transaction.state(purpose),
        )
        self.transaction = Transaction(gateway, session, self.variables, process)
        for name, value in options.items():
            self.variables.set(name, value)
        self.transaction.rest()
        self._work = Work(self.transaction, process)
        self._statements = self._work.statements
        self._table: Mapping[tuple[State, type[Any]], Callable[[Any], Answer]] = {
            (State.READY, frontend.Query): self._query,
            (State.READY, frontend.Parse): self._parse,
            (State.READY, frontend.Bind): self._bind,
            (State.READY, frontend.Describe): self._describe,
            (State.READY, frontend.Execute): self._execute,
            (State.READY, frontend.Close): self._close,
            (State.READY, frontend.Flush): self._nothing,
            (State.READY, frontend.CopyInput): self._nothing,
            (State.READY, frontend.FunctionCall): self._function,
            **{(state, frontend.Sync): self._sync for state in (State.READY, State.SKIPPING)},
            **{(state, frontend.Terminate): self._terminate for state in State},
        }

    def greeting(self, process: int, key: int) -> bytes:
        """What follows a successful sign-in."""
        told = [backend.parameter_status(name, self.variables.show(name)) for name in REPORTED]
        return b"".join([backend.AUTHENTICATION_OK, *told, backend.key_data(process, key), self._ready()])

    def receive(self, message: frontend.Message | BadEncoding) -> Answer:
        """The answer to one message, with a Wait wherever it may take long; an error becomes its ErrorResponse."""
        self._said = ""
        extended = not (message.simple if isinstance(message, BadEncoding) else isinstance(message, frontend.Query))
        try:
            if isinstance(message, BadEncoding) and self.state is State.READY:
                raise WireError("22021", str(message))
            act = self._table.get((self.state, type(message)))
            if act is not None:
                yield from act(message)
            elif self.state is State.READY:
                raise WireError("08P01", "this message is not expected here")
        except Exception as error:
            yield from self._failed(error)
            if extended:
                self.state = State.SKIPPING
            else:
                yield from self._finish()

    def patience(self) -> tuple[float, WireError]:
        """The seconds that the client may say nothing now, and what it is told after that."""
        settings, own = self.transaction.gateway.settings, self.variables.timeout_s
        if self.transaction.open:
            idle_s = min(settings.postgres_idle_transaction_s, own("idle_in_transaction_session_timeout"))
            return idle_s, WireError("25P03", "terminating connection due to idle-in-transaction timeout")
        idle_s = min(settings.postgres_idle_session_s, own("idle_session_timeout"))
        return idle_s, WireError("57P05", "terminating connection due to idle-session timeout")

    @property
    def portals(self) -> int:
        """How many are open."""
        return self._work.portals

    def cancel(self) -> None:
        """Stop what is running now, if anything is."""
        self._work.cancel()

    def close(self) -> None:
        """Free everything."""
        self.state = State.ENDED
        self._work.close_all()

    def in_transaction(self) -> bool:
        """Whether BEGIN has been said."""
        return self.transaction.open

    def _failed(self, error: Exception) -> Answer:
        self.transaction.fail()
        self._work.rest()
        told = errors.told(self.transaction.gateway, self.transaction.standing, self._said, error)
        yield backend.error(errors.fields(told))

    def _ready(self) -> bytes:
        status = TransactionStatus.IDLE
        if self.transaction.open:
            failed = self.transaction.failed
            status = TransactionStatus.IN_FAILED_TRANSACTION if failed else TransactionStatus.IN_TRANSACTION
        return backend.ready(status)

    def _finish(self) -> Answer:
        """The end of a simple query or of an extended series: an implicit transaction ends with it."""
        if not self.transaction.open:
            self.transaction.rest()
            self._work.close_portals()
        yield from self._told()
        yield self._ready()

    def _told(self) -> Answer:
        """The settings that a client is told of when they change."""
        for name, value in self._work.changed():
            yield backend.parameter_status(name, value)

    def _query(self, message: frontend.Query) -> Answer:
        texts = _statements(message.text)
        if not texts:
            yield backend.EMPTY_QUERY
        for text in texts:
            self._said = text
            statement = self._statements.made("", text, ())
            portal = self._work.portal(statement, (), ())
            try:
                yield from self._answered(portal)
            finally:
                portal.close()
            yield from self._told()
        yield from self._finish()

    def _answered(self, portal: Portal) -> Answer:
        """The columns, told once the statement is known to begin, and what it gives."""
        given = self._work.run(portal, 0)
        while isinstance(begun := next(given, None), Wait):
            yield begun
        if portal.fields is not None:
            yield backend.row_description(portal.fields)
        if begun is not None:
            yield begun
            yield from given

    def _parse(self, message: frontend.Parse) -> Answer:
        texts = _statements(message.text)
        self._said = texts[0] if texts else ""
        if len(texts) > 1:
            raise WireError("42601", "cannot insert multiple commands into a prepared statement")
        if message.name and self._statements.known(message.name):
            raise WireError("42P05", f'prepared statement "{message.name[:63]}" already exists')
        self._statements.keep(self._statements.made(message.name, texts[0] if texts else "", message.types))
        yield backend.PARSE_COMPLETE

    def _bind(self, message: frontend.Bind) -> Answer:
        statement = self._statements.of(message.statement)
        self._said = statement.text
        codes = message.formats
        wanted = len(statement.parameters)
        if len(message.values) != wanted:
            raise WireError(
                "08P01",
                f"bind message supplies {len(message.values)} parameters, but the prepared statement requires {wanted}",
            )
        if len(codes) not in {0, 1, wanted}:
            raise WireError("08P01", f"bind message has {len(codes)} parameter formats but {wanted} parameters")
        every = (codes or (0,)) * wanted if len(codes) < 2 else codes
        given = tuple(
            values.read(data, code, oid, place, self.variables.zone)
            for place, (data, code, oid) in enumerate(zip(message.values, every, statement.parameters, strict=True), 1)
        )
        weight = sum(len(value) for value in message.values if value is not None)
        self._work.keep(message.portal, self._work.portal(statement, given, message.result_formats, weight))
        yield backend.BIND_COMPLETE

    def _describe(self, message: frontend.Describe) -> Answer:
        if message.target == "S":
            statement = self._statements.of(message.name)
            yield backend.parameter_description(statement.parameters)
            fields = statement.fields
        else:
            fields = self._work.of(message.name).fields
        yield backend.NO_DATA if fields is None else backend.row_description(fields)

    def _execute(self, message: frontend.Execute) -> Answer:
        portal = self._work.of(message.portal)
        self._said = portal.statement.text
        if not portal.statement.text:
            yield backend.EMPTY_QUERY
            return
        yield from self._work.run(portal, message.limit)

    def _close(self, message: frontend.Close) -> Answer:
        if message.target == "S":
            self._statements.forget(message.name)
        else:
            self._work.forget(message.name)
        yield backend.CLOSE_COMPLETE

    def _sync(self, _: frontend.Sync) -> Answer:
        self.state = State.READY
        yield from self._finish()

    def _terminate(self, _: frontend.Terminate) -> Answer:
        self.close()
        return iter(())

    def _nothing(self, _: frontend.Message) -> Answer:
        return iter(())

    def _function(self, _: frontend.FunctionCall) -> Answer:
        raise WireError("0A000", "the function call message is not supported: use SELECT")


def _statements(text: str) -> tuple[str, ...]:
    """The statements of a text. Raises WireError (54000) for one that takes seconds to look through."""
    if len(text) > TEXT_LIMIT:
        raise WireError(
            "54000", f"a text of statements has at most {TEXT_LIMIT} characters", "send values as parameters"
        )
    return split.statements(text)
