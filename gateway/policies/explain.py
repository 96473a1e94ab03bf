"""Why a principal sees what it sees: the whole of every decision on one product, for governance. Pure; shows no data.

Never for a client's request: refusals are told with their reasons, row filters and rules by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.decision import Treatment, TreatmentKind, Use
from gateway.policies.policy import PolicySet
from gateway.policies.policy_reasons import Reason, rows_in_words
from gateway.principal import Environment, Principal
from gateway.product import Inherited, Product, Pseudonym


@dataclass(frozen=True, slots=True)
class ColumnAccess:
    """One column: its treatment, the mask's name ("" for none), the rules that made it so, and the SQL.

    `use` is what it is only for, "" where it is shown. `made_of` are the columns that a model makes it of, whose class
    and tags it has, unless the rule `declassified` lets it keep its contract's ("" where none does).
    """

    column: str
    treatment: TreatmentKind
    mask: str
    rules: tuple[str, ...]
    expression: str
    use: str
    made_of: tuple[str, ...]
    declassified: str


@dataclass(frozen=True, slots=True)
class TableAccess:
    """One table: the rules that match, the row filter (None: every row), the columns; or why it does not exist.

    `reasons` tell of every rule of the table why it matches or does not; `words` say which rule leaves which rows.
    """

    table: str
    refusal: str
    rules: tuple[str, ...]
    rows: str | None
    columns: tuple[ColumnAccess, ...]
    pending: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()
    words: str = ""


def explain(
    policies: PolicySet,
    principal: Principal,
    product: Product,
    environment: Environment,
    pseudonyms: frozenset[Pseudonym],
    inherited: Iterable[Inherited] = (),
) -> tuple[TableAccess, ...]:
    """What `principal` may see of each table of `product`, and by which rule. Raises Unauthenticated."""
    found: list[TableAccess] = []
    lineage = {(one.table, one.column): one for one in inherited}
    for table in product.tables:
        verdict = policies.verdict(principal, product, table, environment, pseudonyms)
        decision = verdict.decision
        reasons = policies.reasons(principal, product, table, environment)
        if decision is None:
            found.append(TableAccess(table.name, verdict.refusal, verdict.matched, None, (), (), reasons))
            continue
        columns = tuple(
            _column(name, one, decision.uses.get(name), lineage.get((table.name, name)))
            for name, one in decision.treatments.items()
        )
        words = rows_in_words(reasons, decision.rules)
        rules, rows, pending = decision.rules, decision.rows, decision.pending
        found.append(TableAccess(table.name, "", rules, rows, columns, pending, reasons, words))
    return tuple(found)


def _column(name: str, treatment: Treatment, use: Use | None, lineage: Inherited | None) -> ColumnAccess:
    rules = (*treatment.rules, *(use.rules if use is not None else ()))
    words = use.words if use is not None else ""
    made_of, rule = (lineage.sources, lineage.rule) if lineage is not None else ((), "")
    return ColumnAccess(name, treatment.kind, treatment.mask, rules, treatment.expression, words, made_of, rule)
