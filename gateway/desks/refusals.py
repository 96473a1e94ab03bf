"""Every refusal that a client is told is on record, once: what the pipeline refused, what a door did, and defects.

Touches the audit by asking it. A refusal that cannot be on record is not told: nobody tries names unseen.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from gateway.accounting.observe import Observer, QueryAnswered
from gateway.desks.sign_in import SignIn
from gateway.desks.tracing import Trace, Tracing
from gateway.errors import Cancelled, GatewayError, Internal, NotFound
from gateway.reach.evidence import refusal
from gateway.serving.stream import Late, Summary
from gateway.session import Session

_log = logging.getLogger("outport.refusals")


class Refusals:
    """What the doors of one process refuse. Thread-safe."""

    def __init__(self, audit: Observer, sign_in: SignIn, tracing: Tracing) -> None:
        self._audit, self._sign_in, self._tracing = audit, sign_in, tracing

    @contextmanager
    def during(self, session: Session, text: str, query_id: str, on_behalf_of: str | None = None) -> Iterator[Trace]:
        """Keep that a query was refused, or to ask on another's behalf, within; its trace begins here."""
        trace = self._tracing.begin(session.port, session.trace, query_id)
        try:
            yield trace
        except GatewayError as error:
            trace.refused(error)
            self.keep(session, text, error, query_id, on_behalf_of)
            raise

    def keep(
        self, session: Session, text: str, error: GatewayError, query_id: str = "", on_behalf_of: str | None = None
    ) -> None:
        """Keep that the session was refused, unless that is on record. Raises Unavailable."""
        if not error.on_record:
            self._audit.record(refusal(session, text, query_id or uuid.uuid4().hex, on_behalf_of, error))
            error.on_record = True

    def ended(self, record: QueryAnswered, summary: Summary) -> Late:
        """Keep how an answer ended, with the error that ended it; what takes what a door sends. Raises Unavailable."""
        self._audit.record(record)
        if summary.error is not None:
            summary.error.on_record = True
        return partial(self._audit.sent, record)

    def told(self, port: str, session: Session | None, text: str, error: Exception) -> GatewayError:
        """`error` as a door may tell it, kept; of a defect its id only. Without a session nobody has signed in yet."""
        known = error if isinstance(error, GatewayError) else _defect(error)
        try:
            if session is not None:
                self.keep(session, text, known)
            elif not isinstance(known, Cancelled | NotFound):
                self._sign_in.turned_away(port, known)
        except GatewayError as unrecorded:
            return unrecorded
        return known


def _defect(error: BaseException) -> Internal:
    """What a client is told of a defect: an id, under which the log has it."""
    made = Internal("an unexpected error; the server's log has it")
    _log.error("unexpected error %s", made.error_id, exc_info=error)
    return made
