"""A client of the Flight SQL door by pyarrow, which the gateway installs: statements, tickets, metadata."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.flight as fl

from gateway.access.credentials import Bearer, Login, Password
from ports.command.attack.reply import CannotConnect, Reply
from ports.command.attack.trust import Files
from ports.command.doors import Reach
from ports.flight import messages

_ID = re.compile(r"\[[0-9a-f]{6,}\].*", re.DOTALL)
_ROWS_LIMIT = 5000
_HEADERS = "X-Outport-"
Headers = Sequence[tuple[bytes, bytes]]
_FAILED = (fl.FlightInternalError, fl.FlightServerError)


class FlightClient:
    """Calls as one principal."""

    def __init__(self, at: Reach, credentials: Login, patience_s: float, files: Files) -> None:
        self._client = fl.connect(at.flight, **files.of_flight())
        self._patience_s = patience_s
        match credentials:
            case Password(subject, secret):
                try:
                    self._proof = self._client.authenticate_basic_token(subject, secret)
                except (fl.FlightError, pa.ArrowException) as error:
                    self.close()
                    raise CannotConnect("the Flight door does not take the credentials") from error
            case Bearer(token):
                self._proof = (b"authorization", f"Bearer {token}".encode())
        if self.ask("SELECT 1").outcome != "answered":
            self.close()
            raise CannotConnect("the Flight door does not answer, or does not take the credentials")

    def ask(self, text: str) -> Reply:
        """The answer to one statement; headers may stand before it, a line each, with an empty line behind them.

        `COMMAND Name {members}` is that command, `ACTION Name body` that action, its body a message where it is JSON.
        """
        verb, _, rest = text.partition(" ")
        if verb in {"COMMAND", "ACTION"}:
            name, _, body = rest.partition(" ")
            return self.command(_packed(name, body)) if verb == "COMMAND" else self.action(name, body)
        head, _, statement = text.partition("\n\n") if text.startswith(_HEADERS) else ("", "", text)
        headers = [
            (name.strip().lower().encode(), value.strip().encode())
            for name, _, value in (line.partition(":") for line in head.splitlines())
        ]
        return self.command(messages.pack(messages.CommandStatementQuery(statement)), headers)

    def command(self, packed: bytes, headers: Headers = ()) -> Reply:
        """The answer to a command: its FlightInfo, and then its first endpoint's stream."""
        try:
            info = self._client.get_flight_info(fl.FlightDescriptor.for_command(packed), self._options(headers))
        except (fl.FlightError, pa.ArrowException) as error:
            return refusal(error)
        return self.redeem(info.endpoints[0].ticket.ticket, str(info.schema).encode(), headers)

    def action(self, name: str, body: str) -> Reply:
        """The results of an action."""
        content = _packed(f"Action{name}Request", body) if body.startswith("{") else body.encode()
        try:
            found = [bytes(one.body) for one in self._client.do_action(fl.Action(name, content), self._options())]
        except (fl.FlightError, pa.ArrowException) as error:
            return refusal(error)
        return Reply("answered", b"\n".join(found), "", len(found))

    def ticket(self, text: str) -> bytes | None:
        """A ticket for the statement, not redeemed; None where it is refused."""
        packed = messages.pack(messages.CommandStatementQuery(text))
        try:
            info = self._client.get_flight_info(fl.FlightDescriptor.for_command(packed), self._options())
        except (fl.FlightError, pa.ArrowException):
            return None
        return bytes(info.endpoints[0].ticket.ticket)

    def redeem(self, ticket: bytes, said: bytes = b"", headers: Headers = ()) -> Reply:
        """The stream of a ticket, its first rows; `said` is what was received for it before."""
        try:
            reader = self._client.do_get(fl.Ticket(ticket), self._options(headers))
            data, rows, first = [said, str(reader.schema).encode()], 0, None
            for chunk in reader:
                batch = chunk.data
                if batch is None or rows >= _ROWS_LIMIT:
                    break
                if rows == 0 and batch.num_rows and batch.num_columns:
                    first = batch.column(0)[0].as_py()
                rows += batch.num_rows
                data += [repr(batch.to_pylist()).encode(), *_buffers(batch)]
            reader.cancel()
        except (fl.FlightError, pa.ArrowException) as error:
            return refusal(error)
        return Reply("answered", b"\n".join(data), "", rows, None if first is None else str(first))

    def close(self) -> None:
        """End it."""
        self._client.close()

    def _options(self, headers: Headers = ()) -> fl.FlightCallOptions:
        return fl.FlightCallOptions(headers=[self._proof, *headers], timeout=self._patience_s)


def _packed(name: str, members: str) -> bytes:
    """A message of the protocol by its name; its members are JSON, of which texts stand for bytes too."""
    made = getattr(messages, name)
    kinds = {one.name: str(one.type) for one in dataclasses.fields(made)}
    given = {
        key: value.encode() if "bytes" in kinds[key] else tuple(value) if isinstance(value, list) else value
        for key, value in json.loads(members or "{}").items()
    }
    return messages.pack(made(**given))


def refusal(error: Exception) -> Reply:
    """What the door said in place of an answer."""
    told = str(error)
    # The door says DEADLINE_EXCEEDED of its own clock too, and then with the refusal's id.
    silent = isinstance(error, fl.FlightTimedOutError) and not _ID.search(told)
    code = "failed" if isinstance(error, _FAILED) else "gone" if silent else "refused"
    return Reply(code, told.encode(), f"{type(error).__name__} {_ID.sub('', told).partition('; ')[0]}")  # type: ignore[arg-type]


def _buffers(batch: pa.RecordBatch) -> list[bytes]:
    """Every buffer of the batch, what stands under NULLs included."""
    return [buffer.to_pybytes() for column in batch.columns for buffer in column.buffers() if buffer is not None]
