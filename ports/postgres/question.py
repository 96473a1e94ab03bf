"""What one portal asks of the gateway: started once, and decided upon anew whenever more of its rows are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from gateway import Limits, Pin, Query, Result, Value, Wire
from ports.postgres.backend import Field, column_name
from ports.postgres.errors import WireError
from ports.postgres.portals import BATCH_ROWS, Statement
from ports.postgres.transactions import Transaction


class Question:
    """A statement with its parameters' values, in one transaction's state."""

    def __init__(self, transaction: Transaction, statement: Statement, given: Sequence[Value]) -> None:
        self._transaction = transaction
        self._statement = statement
        self._query = Query(statement.text, tuple(given), dialect="postgres")
        self._session, self._asker = transaction.session, transaction.asker
        self._pin: Pin | None = None

    def answer(self, fields: Sequence[Field]) -> Result:
        """The answer in these fields' formats. Raises GatewayErrors; WireError where its columns have changed."""
        self.require_own()
        transaction = self._transaction
        gateway, settings = transaction.gateway, transaction.gateway.settings
        self._session, self._pin = transaction.session, transaction.pin()
        self._require_described(self._pin)
        gateway.asked_again(self._session)
        compute_s = min(transaction.variables.timeout_s("statement_timeout"), settings.compute_s)
        ask = partial(gateway.pg_catalog, backend=transaction.backend) if self._statement.catalog else gateway.answer
        return ask(
            self._session,
            self._query,
            form=Wire(tuple([field.format for field in fields]), transaction.variables.zone),
            limits=Limits(compute_s, settings.idle_s, None),
            batch_rows=BATCH_ROWS,
            pin=self._pin,
        )

    def require_own(self) -> None:
        """Raises WireError where it was asked on behalf of somebody else than is asked for now: these are not his."""
        if self._transaction.asker != self._asker:
            hint = "it goes on under the role and the purpose that it was opened under"
            raise WireError("42501", "this portal was opened on behalf of another principal or purpose", hint)

    def confirm(self, result: Result) -> None:
        """Whether the policies of now would give the same answer. Raises GatewayErrors, WireError if not."""
        assert self._pin is not None
        present = self._transaction.gateway.pin()
        if present.policies is not self._pin.policies:
            if self._statement.catalog:
                raise WireError("42501", "the permission for this answer has ended")
            now = replace(present, deployment=self._pin.deployment)
            self._transaction.gateway.confirm(self._session, self._query, now, result.provenance)

    def _require_described(self, pin: Pin) -> None:
        """A client was told of the columns once, and reads rows by them."""
        before = self._statement.pin
        if before is None or (before.policies is pin.policies and before.deployment is pin.deployment):
            return
        found = self._transaction.gateway.describe(self._session, Query(self._statement.text, dialect="postgres"), pin)
        told = [field.name for field in self._statement.fields or ()]
        if [column_name(name) for name in found.schema.names] != told:
            raise WireError("0A000", "cached plan must not change result type", "prepare the statement again")
