"""Rules against one product's contract: columns resolved, expressions bound, masks typed. Pure but for DuckDB's binder.

Findings go to a report; a rule with an error makes the whole set unusable, since leaving it out could fail open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.accounting.ledger import ITSELF
from gateway.document import Path, Report
from gateway.errors import BadQuery
from gateway.policies import use_measures
from gateway.policies.masks import HASH
from gateway.policies.policy_expression import Expression, condition
from gateway.policies.policy_grammar import Scope
from gateway.policies.policy_rules import ALL, Grant, Management, Masked, Policies, Restrict, Rule, Used, tables_of
from gateway.policies.pseudonym import TYPES
from gateway.product import Column, Product, Pseudonym, Table


@dataclass(frozen=True)
class Applied:
    """One rule as it bears on one table.

    `columns` are those that it is about, in contract order; `rows` its row filter or condition; `masks` the template
    for each masked column; `pseudonyms` what a hash mask wants instead.
    """

    rule: Rule
    columns: tuple[str, ...]
    rows: Expression | None
    masks: Mapping[str, Expression]
    pseudonyms: Mapping[str, Pseudonym]


@dataclass(frozen=True)
class ProductRules:
    """The rules that bear on one product: by table, then by id."""

    product: Product
    rules: tuple[Rule, ...]
    tables: Mapping[str, Mapping[str, Applied]]

    @property
    def pseudonyms(self) -> tuple[Pseudonym, ...]:
        """The keyed hashes that publication should add to the product's snapshot."""
        found = {
            pseudonym: None
            for applied in self.tables.values()
            for one in applied.values()
            for pseudonym in one.pseudonyms.values()
        }
        return tuple(sorted(found, key=lambda pseudonym: (pseudonym.table, pseudonym.physical)))


def compile_rules(policies: Policies, product: Product, report: Report) -> ProductRules:
    """The rules of `policies` that bear on `product`; what does not fit its contract goes to `report`."""
    rules = policies.covering(product)
    tables: dict[str, dict[str, Applied]] = {table.name: {} for table in product.tables}
    for rule in rules:
        for table in tables_of(rule, product):
            tables[table.name][rule.id] = _Applier(policies, product, table, report).apply(rule)
    return ProductRules(product, rules, tables)


class _Applier:
    """Applies rules to one table."""

    def __init__(self, policies: Policies, product: Product, table: Table, report: Report) -> None:
        self._policies = policies
        self._product = product
        self._table = table
        self._report = report

    def apply(self, rule: Rule) -> Applied:
        """`rule` as it bears on the table; an expression that does not bind is reported, and left out."""
        columns = tuple(column for column in self._table.columns if rule.selects(column))
        names = tuple(column.name for column in columns)
        effect = rule.effect
        rows: Expression | None = None
        if isinstance(effect, Grant) and effect.rows is not None and columns:
            rows = self._condition(rule, effect.rows, ("grant", "rows"))
        elif isinstance(effect, Restrict):
            rows = self._condition(rule, effect.rows, ("restrict", "rows"))
        elif isinstance(effect, Masked) and effect.condition is not None and columns:
            rows = self._condition(rule, effect.condition, ("mask", "if"))
        if isinstance(effect, Used) and effect.kind == "aggregate" and columns:
            self._entity(rule, effect.entity)
            self._measures(rule, effect, names)
        if not isinstance(effect, Masked):
            return Applied(rule, names, rows, {}, {})
        if effect.mask == HASH:
            return Applied(rule, names, rows, {}, self._pseudonyms(rule, effect, columns))
        return Applied(rule, names, rows, self._masks(rule, effect, columns), {})

    def _entity(self, rule: Rule, name: str) -> None:
        known = [column.name for column in self._table.columns]
        if name not in known:
            self._refuse(rule, ("use", "entity"), f"there is no column {name}", f"one of {', '.join(known)}")

    def _measures(self, rule: Rule, effect: Used, columns: Sequence[str]) -> None:
        for name in effect.measures:
            if problem := use_measures.misfit(self._table, name, columns):
                self._refuse(rule, ("use", "measures"), problem, "measures that count, sum or average them as they are")

    def _condition(self, rule: Rule, text: str, place: Path) -> Expression | None:
        tables = {table.name: {column.name: column.type for column in table.columns} for table in self._product.tables}
        others = {name: tables[name] for name in rule.uses if name in tables}
        try:
            return condition(text, Scope(self._table.name, tables[self._table.name], others, self._policies.claims))
        except BadQuery as error:
            self._refuse(rule, place, error.message, "an SQL condition over the table's own columns and $claims")
            return None

    def _masks(self, rule: Rule, effect: Masked, columns: Iterable[Column]) -> dict[str, Expression]:
        found: dict[str, Expression] = {}
        for column in columns:
            try:
                found[column.name] = self._policies.masks[effect.mask].over(column)
            except BadQuery as error:
                self._refuse(rule, ("mask", "with"), f"{column.name}: {error.message}", "another mask for this column")
        return found

    def _pseudonyms(self, rule: Rule, effect: Masked, columns: Iterable[Column]) -> dict[str, Pseudonym]:
        found: dict[str, Pseudonym] = {}
        for column in columns:
            if column.type not in TYPES:
                problem = f"{column.name} is {column.type}: a pseudonym keeps the type"
                self._refuse(rule, ("mask", "with"), problem, f"hash takes {' and '.join(sorted(TYPES))}")
            else:
                found[column.name] = Pseudonym(self._table.name, column.name, effect.link or self._product.name)
        return found

    def _refuse(self, rule: Rule, place: Path, problem: str, remedy: str) -> None:
        where = f"rule {rule.id} on {self._product.name}.{self._table.name}"
        self._report.error(rule.file, (*rule.path, *place), f"{where}: {problem}", remedy)


def check_names(policies: Policies, products: tuple[Product, ...], report: Report) -> None:
    """Note each product, table, column and tag that rules name and no contract has.

    An unknown product may come later: a warning. An unknown table or column of a known one is a mistake that could
    leave something unmasked: an error.
    """
    known = {product.name for product in products} | {ITSELF}  # a rule that names that one is what has it published
    every: tuple[Rule | Management, ...] = (*policies.rules, *policies.managements)
    for one in every:
        for name in one.target.products:
            if name != ALL and name not in known:
                report.warning(one.file, (*one.path, "on"), f"rule {one.id}: no product {name} is served", "publish it")
    for rule in policies.rules:
        covered = [product for product in products if rule.target.covers(product)]
        # Under `*` a name must be there somewhere; of a product named itself, there.
        groups = [covered] if ALL in rule.target.products else [[product] for product in covered]
        for group in groups:
            if group:
                _check_rule(rule, group, report)


def _check_rule(rule: Rule, products: list[Product], report: Report) -> None:
    names = ", ".join(product.name for product in products)
    tables = {table.name for product in products for table in product.tables}
    for name in rule.target.tables:
        if name != ALL and name not in tables:
            place = (*rule.path, "on", "table")
            report.error(rule.file, place, f"rule {rule.id}: no table {name} in {names}", ", ".join(sorted(tables)))
    for name in rule.uses:
        if name not in tables:
            place = (*rule.path, "uses")
            report.error(rule.file, place, f"rule {rule.id}: no table {name} in {names}", "a table of the same product")
    columns = [column for product in products for table in tables_of(rule, product) for column in table.columns]
    if columns:
        _check_columns(rule, columns, report)


def _check_columns(rule: Rule, columns: list[Column], report: Report) -> None:
    known = {column.name for column in columns}
    tags = {tag for column in columns for tag in column.tags}
    for selector in rule.columns:
        if selector.startswith("tag:"):
            if selector.removeprefix("tag:") not in tags:
                report.warning(
                    rule.file, rule.path, f"rule {rule.id}: nothing has the {selector}", ", ".join(sorted(tags))
                )
        elif selector != ALL and not selector.startswith("class:") and selector not in known:
            remedy = ", ".join(sorted(known))
            report.error(rule.file, rule.path, f"rule {rule.id}: there is no column {selector}", remedy)
