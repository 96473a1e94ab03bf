"""Texts to prepared statements: a session command, a question about the session, or a query that the gateway plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway import BadQuery, Description, Pin, Query, asks_pg_catalog
from ports.postgres import command_grammar, functions, types, values
from ports.postgres.backend import Field, column_name
from ports.postgres.commands import Command, Commit, Explain, Fetch, Rollback, Run, Show
from ports.postgres.errors import WireError
from ports.postgres.functions import Calls
from ports.postgres.portals import Statement
from ports.postgres.transactions import Transaction
from ports.postgres.variables import canonical


class Statements:
    """The prepared statements of one connection, by name; "" is the unnamed one."""

    def __init__(self, transaction: Transaction, cursor: Callable[[str], tuple[Field, ...] | None]) -> None:
        self._transaction = transaction
        self._cursor = cursor
        self._held: dict[str, Statement] = {}
        self._weight = 0

    def __len__(self) -> int:
        return len(self._held)

    def made(self, name: str, text: str, given: Sequence[int]) -> Statement:
        """`text` prepared, with the parameter types that the client gave (0: none). Raises GatewayErrors, WireError."""
        command = command_grammar.understand(text) if text else None
        if text and not isinstance(command, _ENDS):
            self._transaction.require_usable()
        calls = functions.understand(text) if command is None and text else None
        if not text or command is not None or calls is not None:
            fields = self._columns(command or calls)
            taken = calls.parameters if calls is not None else ()
            return Statement(name, text, command or calls, taken, fields, asker=self._transaction.asker)
        return self.query(name, text, given)

    def query(self, name: str, text: str, given: Sequence[int]) -> Statement:
        """A query as the gateway describes it; nothing runs."""
        catalog = asks_pg_catalog(text)
        pin = self._transaction.pin()
        found = self.described(Query(text, dialect="postgres"), catalog, pin)
        if any(oid not in _UNKNOWN for oid in given):
            # A column may have the type of a parameter: it is described with a value of the type that is given.
            count = len(found.parameter_types)
            samples = tuple(values.sample(oid) for oid in [*given, *([0] * count)][:count])
            found = self.described(Query(text, samples, dialect="postgres"), catalog, pin)
        fields = tuple(field(column, kind) for column, kind in zip(found.schema.names, found.types, strict=True))
        inferred = [types.TEXT.oid if kind is None else types.of(kind).oid for kind in found.parameter_types]
        chosen = [
            given[place] if place < len(given) and given[place] not in _UNKNOWN else oid
            for place, oid in enumerate(inferred)
        ]
        described = None if catalog else pin
        asker = self._transaction.asker
        return Statement(name, text, None, tuple(chosen), fields, catalog, described, asker, tuple(given))

    def described(self, query: Query, catalog: bool, pin: Pin) -> Description:
        """What a query over products, or one over the catalogs, gives and takes."""
        try:
            return self._planned(query, catalog, pin)
        except BadQuery as error:
            if error.reason in {"syntax", "unsupported"} and (what := command_grammar.written(query.text)):
                message = f"{what} is not allowed: products are read-only, ask with SELECT"
                raise BadQuery(message, reason="read_only", position=error.position) from error
            raise

    def _planned(self, query: Query, catalog: bool, pin: Pin) -> Description:
        transaction = self._transaction
        if catalog:
            return transaction.gateway.describe_pg_catalog(transaction.session, query, transaction.backend, pin)
        return transaction.gateway.describe(transaction.session, query, pin)

    def keep(self, statement: Statement) -> None:
        """Remember it under its name. Raises WireError (53400)."""
        settings, before = self._transaction.gateway.settings, self._held.get(statement.name)
        if before is None and len(self._held) >= settings.postgres_statements:
            limit = settings.postgres_statements
            raise WireError("53400", f"a connection keeps at most {limit} prepared statements", "deallocate some")
        weight = self._weight + statement.weight - (before.weight if before is not None else 0)
        if weight > settings.postgres_message_bytes:
            raise WireError("53400", "a connection's prepared statements are too long together", "deallocate some")
        self._held[statement.name], self._weight = statement, weight

    def known(self, name: str) -> bool:
        """Whether there is one of that name."""
        return name in self._held

    def of(self, name: str) -> Statement:
        """The statement of that name. Raises WireError (26000)."""
        if name not in self._held:
            known = f'prepared statement "{name[:63]}"' if name else "unnamed prepared statement"
            raise WireError("26000", f"{known} does not exist")
        held = self._held[name]
        if held.fields is not None and held.asker != self._transaction.asker:
            held = self._held[name] = self._anew(held)
        return held

    def _anew(self, held: Statement) -> Statement:
        """What somebody else has prepared, as it is for who is asked for now: he is not told of the other's columns.

        Raises WireError where it has other columns or parameters, and as `made` does.
        """
        now = self.made(held.name, held.text, held.given)
        told = [(one.name, one.oid) for one in held.fields or ()]
        if [(one.name, one.oid) for one in now.fields or ()] != told or now.parameters != held.parameters:
            raise WireError("0A000", "cached plan must not change result type", "prepare the statement again")
        return now

    def forget(self, name: str | None) -> None:
        """Forget one, or all (None)."""
        if name is None:
            self._held.clear()
            self._weight = 0
        elif (forgotten := self._held.pop(name, None)) is not None:
            self._weight -= forgotten.weight

    def _columns(self, command: Command | Calls | None) -> tuple[Field, ...] | None:
        match command:
            case Show(name="all"):
                return tuple(field(name, "VARCHAR") for name in ("name", "setting", "description"))
            case Show(name=setting):
                return (field(_shown(setting, self._transaction), "VARCHAR"),)
            case Explain():
                return (field("QUERY PLAN", "VARCHAR"),)
            case Calls(items=items):
                return tuple(field(one.column, "VARCHAR") for one in items)
            case Fetch(name=name, move=False):
                return self._cursor(name)
            case Run(name=name):
                return self.of(name).fields
        return None


_UNKNOWN = frozenset({0, types.UNKNOWN.oid})
_ENDS = (Commit, Rollback)


def _shown(setting: str, transaction: Transaction) -> str:
    transaction.variables.show(setting)
    return canonical(setting)


def field(name: str, kind: str, code: int = 0) -> Field:
    """One column of a RowDescription."""
    found = types.of(kind)
    return Field(column_name(name), found.oid, found.size, found.modifier, code)
