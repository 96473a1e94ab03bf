"""What a principal may and may not name at one door: the words that the corpus's templates are filled with.

Touches the decisions (as explain-access tells them) and the oracle; sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from gateway.contracts.visibility import referenced
from gateway.policies.explain import TableAccess
from gateway.product import Table
from gateway.serving.catalog import Snapshot
from gateway.sql import duck
from ports.command.attack.oracle import Oracle, Secret

Kind = Literal["visible", "hidden", "masked", "filtered", "denied", "used", "joined", "foreign", "behalf", "kept"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_MASKS = frozenset({"partial", "bucket", "constant", "null", "hash"})
_UNKNOWN = "zqxjkvwy"


@dataclass(frozen=True)
class Target:
    """Words by placeholder; `unknown` are names of nothing that stand where `names` name what is kept from sight.

    `secret` is the raw value in `names`, by its text, None where there is none.
    """

    kind: Kind
    names: Mapping[str, str]
    unknown: Mapping[str, str] = field(default_factory=dict)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Seen:
    """One table of the deployment, and what the principal may do with it."""

    snapshot: Snapshot
    table: Table
    access: TableAccess

    @property
    def path(self) -> tuple[str, str]:
        """Product and table."""
        return self.snapshot.product.name, self.table.name

    @property
    def visible(self) -> bool:
        """Whether it exists for the principal."""
        return not self.access.refusal

    def columns(self, *treatments: str) -> tuple[str, ...]:
        """The columns of these treatments that are shown, or hidden."""
        return tuple(one.column for one in self.access.columns if one.treatment in treatments and not one.use)


def targets(
    tables: Sequence[Seen], oracle: Oracle, company: Iterable[Target], limit: int
) -> dict[Kind, tuple[Target, ...]]:
    """At most `limit` targets of each kind; as many tables as that allows. `company` is who else there is."""
    shown = [one for one in tables if one.visible and one.columns("raw")]
    found: dict[Kind, list[Target]] = {kind: [] for kind in KINDS}
    found["visible"] = [Target("visible", _names(one, oracle)) for one in shown]
    for one in shown:
        found["hidden"] += _hidden(one, oracle)
        found["masked"] += _masked(one, oracle)
        found["filtered"] += _filtered(one, oracle)
        for used in _used(one, oracle):
            found[used.kind].append(used)
    found["denied"] = list(_denied(shown, tables, oracle))
    for other in company:
        found[other.kind].append(other)
    return {kind: tuple(_spread(members, limit)) for kind, members in found.items()}


def _spread(members: Sequence[Target], limit: int) -> Iterator[Target]:
    """`limit` of `members`, evenly: the first of them does not stand for all."""
    wanted = min(limit, len(members))
    yield from (members[number * len(members) // wanted] for number in range(wanted))


def _names(one: Seen, oracle: Oracle) -> dict[str, str]:
    raw = one.columns("raw")
    kinds = {column.name: column.type for column in one.table.columns}
    texts = [name for name in raw if kinds[name] == "VARCHAR"]
    numbers = [name for name in raw if kinds[name].startswith(("BIGINT", "INTEGER", "DECIMAL", "DOUBLE", "SMALLINT"))]
    product, table = one.path
    return {
        "table": f"{duck.quote(product)}.{duck.quote(table)}",
        "product": product,
        "bare": table,
        "column": duck.quote(raw[0]),
        "bare_column": raw[0],
        "text": duck.quote(texts[0]) if texts else f"CAST({duck.quote(raw[0])} AS VARCHAR)",
        "number": duck.quote(numbers[0]) if numbers else f"length(CAST({duck.quote(raw[0])} AS VARCHAR))",
        "count": str(oracle.count(one.path, one.access.rows)),
        **_measure(one),
    }


def _measure(one: Seen) -> dict[str, str]:
    """A measure that exists for the principal: all that it is made of is shown as it is."""
    raw = set(one.columns("raw"))
    found = (each.name for each in one.table.semantics if each.kind == "measure" and referenced(each.expression) <= raw)
    name = next(found, None)
    return {} if name is None else {"measure": name}


def _hidden(one: Seen, oracle: Oracle) -> Iterator[Target]:
    for name in one.columns("hidden"):
        secret = oracle.secret(one.path, name, None)
        nothing = unknown(name)
        named = {"hidden": duck.quote(name), "bare_hidden": name, **_value(secret)}
        yield Target(
            "hidden",
            _names(one, oracle) | named,
            {"hidden": duck.quote(nothing), "bare_hidden": nothing},
            secret.text if secret else None,
        )


def _masked(one: Seen, oracle: Oracle) -> Iterator[Target]:
    shown = {access.column: access.expression for access in one.access.columns}
    for name in one.columns(*_MASKS):
        secret = oracle.secret(one.path, name, shown[name], one.access.rows)
        if secret is not None:
            named = {"masked": duck.quote(name), "bare_masked": name, **_value(secret)}
            yield Target("masked", _names(one, oracle) | named, secret=secret.text)


def _filtered(one: Seen, oracle: Oracle) -> Iterator[Target]:
    if one.access.rows is None:
        return
    raw = one.columns("raw")
    key = [name for name in one.table.key if name in raw] if len(one.table.key) == 1 else []
    for name in [*key, *(name for name in raw if name not in key)][:3]:
        secret = oracle.secret(one.path, name, duck.quote(name), one.access.rows, hidden_rows=True)
        if secret is not None:
            named = {"filtered": duck.quote(name), "bare_filtered": name, **_value(secret)}
            yield Target("filtered", _names(one, oracle) | named, secret=secret.text)


def _used(one: Seen, oracle: Oracle) -> Iterator[Target]:
    """Columns that are only for aggregates, or only for joins."""
    for access in one.access.columns:
        if access.use:
            kind: Kind = "joined" if access.use == "joins" else "used"
            secret = oracle.secret(one.path, access.column, None, one.access.rows)
            named = {kind: duck.quote(access.column), f"bare_{kind}": access.column, **_value(secret)}
            yield Target(kind, _names(one, oracle) | named, secret=secret.text if secret else None)


def _denied(shown: Sequence[Seen], tables: Sequence[Seen], oracle: Oracle) -> Iterator[Target]:
    visible = {one.path for one in shown}
    for one in tables:
        if one.visible:
            continue
        (product, table), column = one.path, one.table.columns[0].name
        context = next((_names(other, oracle) for other in shown if (other.path[0], table) not in visible), {})
        named = {"denied": f"{duck.quote(product)}.{duck.quote(table)}", "denied_product": product}
        named |= {"denied_table": table, "denied_column": column}
        gone = {"denied_product": unknown(product), "denied_table": unknown(table)}
        gone["denied"] = f"{duck.quote(gone['denied_product'])}.{duck.quote(gone['denied_table'])}"
        if all(other.path[0] != product for other in shown):
            named["absent_product"], gone["absent_product"] = product, unknown(product)
            identifier = one.snapshot.id
            named["absent_snapshot"] = identifier
            gone["absent_snapshot"] = identifier.replace(product, unknown(product))
        yield Target("denied", context | named, gone)


def _value(secret: Secret | None) -> dict[str, str]:
    return {} if secret is None else {"secret": secret.literal, "value": secret.text}


def unknown(name: str) -> str:
    """A name as long as `name` that names nothing."""
    return (_UNKNOWN * 8)[: len(name)]
