"""SQL expressions of policies: parsed alone, checked, bound, made canonical; claims enter the tree as typed literals.

Pure but for DuckDB's parser and binder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gateway.access.claims import ClaimType
from gateway.errors import BadQuery
from gateway.policies.policy_grammar import ALLOWANCE, Inner, Scope, Walk
from gateway.policies.policy_types import UNTYPED, refuse_mixture
from gateway.principal import Claim
from gateway.sql import duck, duck_check, tree
from gateway.sql.tree import Node


@dataclass(frozen=True)
class Expression:
    """A checked, canonical expression. `claims` are the names that it needs, with their types."""

    node: Node
    claims: tuple[tuple[str, ClaimType], ...]

    def text(self, values: Mapping[str, Claim]) -> str:
        """SQL text with the claims' `values` as literals. Every name in `claims` must be there."""
        if not self.claims:
            return self._plain
        return duck.write_expression(
            _with_claims(self.node, {name: kind.literal(values[name]) for name, kind in self.claims})
        )

    @cached_property
    def _plain(self) -> str:
        return duck.write_expression(self.node)


def condition(text: str, names: Scope) -> Expression:
    """The row filter or condition `text`. Raises BadQuery, in words for the policy's author."""
    compiled = _compiled(text, names)
    samples = {name: kind.literal(None) for name, kind in compiled.claims}
    kind = _types([_with_claims(compiled.node, samples)], names, None)[0]
    if kind != "BOOLEAN":
        raise BadQuery(f"the expression gives {kind}, a condition gives BOOLEAN", reason="type")
    return compiled


def mask(template: str, column: str, kind: str) -> Expression:
    """The mask `template` over `column`, for which `$column` stands. Raises BadQuery if its type is not `kind`."""
    duck.parse(f"SELECT {template}")
    node = duck.expression(template)
    for parameter in tree.nodes(node):
        if parameter.get("class") == "COLUMN_REF":
            raise BadQuery("a mask names no column: $column stands for the masked one", reason="column")
        if parameter.get("class") == "PARAMETER" and parameter["identifier"] != "column":
            raise BadQuery("a mask's one parameter is $column", reason="parameter")
    reference = duck.expression(duck.quote(column))
    text = duck.write_expression(_with_claims(node, {"column": reference}))
    names = Scope("t", {column: kind}, {}, {})
    compiled = _compiled(text, names)
    found = _types([compiled.node], names, None)[0]
    if found == UNTYPED:
        return Expression(duck.expression(f"CAST(NULL AS {kind})"), ())
    if found != kind:
        raise BadQuery(f"the mask gives {found} for a column of type {kind}: a mask keeps the type", reason="type")
    return compiled


def typed_null(kind: str) -> str:
    """The text of a NULL of type `kind`."""
    return duck.write_expression(duck.expression(f"CAST(NULL AS {kind})"))


def _compiled(text: str, names: Scope) -> Expression:
    node = duck.expression(text)
    # Without the brackets that `expression` puts around: `a) OR (b` must not pass for one expression.
    tree.check(duck.parse(f"SELECT {text}"), ALLOWANCE)
    walk = Walk(names)
    walk.visit(node, None, guarded=False)
    for inner, meetings in walk.meetings:
        samples = {name: names.claims[name].literal(None) for name in walk.claims}
        operands = [_with_claims(operand, samples) for meeting in meetings for operand in meeting.nodes]
        kinds = iter(_types(operands, names, inner)) if operands else iter(())
        for meeting in meetings:
            refuse_mixture(meeting, [next(kinds) for _ in meeting.nodes])
    return Expression(node, tuple((name, names.claims[name]) for name in sorted(walk.claims)))


def _with_claims(node: Any, literals: Mapping[str, Node]) -> Any:
    """A copy of `node` with each parameter replaced by its literal's tree."""
    if isinstance(node, list):
        return [_with_claims(child, literals) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("class") == "PARAMETER":
        return literals[str(node["identifier"])]
    return {key: _with_claims(child, literals) for key, child in node.items()}


def _types(nodes: list[Node], names: Scope, inner: Inner | None) -> tuple[str, ...]:
    """The types of `nodes` over the table, and over the inner one where they stand in its EXISTS."""
    relations = f"{duck.quote(names.table)}"
    if inner is not None:
        relations += f", {duck.quote(inner.table)} AS {duck.quote(inner.alias)}"
    tables = {name: tuple(columns.items()) for name, columns in {**names.others, names.table: names.columns}.items()}
    items = ", ".join(f"({duck.write_expression(node)})" for node in nodes)
    return duck_check.check(f"SELECT {items} FROM {relations}", {"": tables}).types
