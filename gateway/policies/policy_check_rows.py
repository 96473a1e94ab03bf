"""What is doubtful in the rows and conditions of rules that load: nothing left, nothing taken, nothing added. Pure.

What can be told is certain: conditions are tried at every case that differs (`policy_outcomes`). Claims, functions
and other tables are taken as they stand, so that the same words mean the same; what depends on them is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.policies.policy_compile import Applied
from gateway.policies.policy_outcomes import implies, outcome
from gateway.policies.policy_rules import Grant, Masked, Restrict, Rule
from gateway.product import Product, Table
from gateway.sql.tree import Node

# Whether the second rule matches wherever the first one does.
Always = Callable[[Rule, Rule], bool]
Doubt = tuple[str, str]


@dataclass(frozen=True)
class RowDoubts:
    """Doubts by rule, and the rules of which something could not be told, with what it depends on."""

    by_rule: Mapping[str, tuple[Doubt, ...]]
    undecided: Mapping[str, tuple[str, ...]]


def row_doubts(products: Iterable[tuple[Product, Mapping[str, Mapping[str, Applied]]]], always: Always) -> RowDoubts:
    """The doubts about every rule of `products`, each with its rules by table and id."""
    found: dict[str, dict[Doubt, None]] = {}
    undecided: dict[str, dict[str, None]] = {}
    for product, tables in products:
        for table in product.tables:
            looked = _Table(table, list(tables.get(table.name, {}).values()), always)
            for rule, doubt in looked.doubts():
                found.setdefault(rule.id, {})[doubt] = None
            for rule, words in looked.free():
                undecided.setdefault(rule.id, {})[words] = None
    return RowDoubts(
        {rule: tuple(doubts) for rule, doubts in found.items()},
        {rule: tuple(words) for rule, words in undecided.items()},
    )


class _Table:
    """The rules of one table."""

    def __init__(self, table: Table, rules: Sequence[Applied], always: Always) -> None:
        self._name = table.name
        self._columns = {column.name: column.type for column in table.columns}
        self._rules = rules
        self._always = always

    def free(self) -> Iterable[tuple[Rule, str]]:
        """What each rule's condition holds that is taken as it stands."""
        for one in self._rules:
            for words in outcome(_condition(one), self._columns).free:
                yield one.rule, words

    def doubts(self) -> Iterable[tuple[Rule, Doubt]]:
        """Every doubt with the rule that it is about."""
        for one in self._rules:
            effect = one.rule.effect
            if isinstance(effect, Grant) and one.columns:
                yield from ((one.rule, doubt) for doubt in self._of_grant(one))
            elif isinstance(effect, Restrict):
                yield from ((one.rule, doubt) for doubt in self._of_restriction(one))
            elif isinstance(effect, Masked) and outcome(_condition(one), self._columns).values == {False}:
                yield one.rule, (f"it masks nothing of {self._name}: its condition is always false", "remove it")

    def _of_grant(self, one: Applied) -> Iterable[Doubt]:
        if outcome(_condition(one), self._columns).never:
            yield f"it shows no row of {self._name}: its rows are never true", "remove it, or mend its rows"
            return
        against = [other for other in self._rules if _restricts(other) and self._always(one.rule, other.rule)]
        for other in against:
            if outcome([*_condition(one), *_condition(other)], self._columns).never:
                names = f"{other.rule.id} leaves none of them"
                if not outcome(_condition(other), self._columns).never:
                    yield f"it shows no row of {self._name}: {names}", "mend one of the two"
                return
        if (
            len(against) > 1
            and outcome([node for rule in (one, *against) for node in _condition(rule)], self._columns).never
        ):
            names = " and ".join(other.rule.id for other in against)
            yield f"it shows no row of {self._name}: {names} leave none of them together", "mend one of them"
            return
        yield from self._within(one)

    def _within(self, one: Applied) -> Iterable[Doubt]:
        """Another grant to at least the same that shows at least the same; of two alike the later one is told."""
        place = self._rules.index(one)
        for index, other in enumerate(self._rules):
            if other is one or not self._wider(one, other):
                continue
            if index < place or not self._wider(other, one):
                yield f"it adds nothing on {self._name}: {other.rule.id} shows all of that", "remove one of the two"
                return

    def _wider(self, one: Applied, other: Applied) -> bool:
        mine, theirs = one.rule.effect, other.rule.effect
        if not (isinstance(mine, Grant) and isinstance(theirs, Grant) and self._always(one.rule, other.rule)):
            return False
        if not (set(one.columns) <= set(other.columns) and set(mine.actions) <= set(theirs.actions)):
            return False
        # Where its claim is absent a grant shows nothing: the other one must not need more than this one does.
        if other.rows is None:
            return True
        needs = {name for name, _ in other.rows.claims}
        has = {name for name, _ in one.rows.claims} if one.rows is not None else set[str]()
        return needs <= has and implies(_condition(one), other.rows.node, self._columns)

    def _of_restriction(self, one: Applied) -> Iterable[Doubt]:
        found = outcome(_condition(one), self._columns)
        if found.never:
            yield f"it leaves no row of {self._name} to anybody: its rows are never true", "deny says that plainly"
        # One that names a claim refuses those who lack it: it does something even where it leaves every row.
        elif found.always and one.rows is not None and not one.rows.claims:
            yield f"it changes nothing on {self._name}: its rows are always true", "remove it"


def _condition(one: Applied) -> list[Node]:
    return [] if one.rows is None else [one.rows.node]


def _restricts(one: Applied) -> bool:
    return isinstance(one.rule.effect, Restrict)
