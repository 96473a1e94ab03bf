"""The rules of a policy as frozen values: who, on what, with which effect. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gateway.access.claims import ClaimType
from gateway.decision import UseKind
from gateway.document import Documents, Finding, Path
from gateway.limits import Limits
from gateway.policies.masks import Mask
from gateway.principal import Action
from gateway.product import CLASSES, Column, Product, Table

if TYPE_CHECKING:
    from gateway.policies.agreements import Agreement

ALL = "*"
Value = str | int | bool
Clause = tuple[str, tuple[Value, ...]]
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)")


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a rule speaks of: every clause of `every` holds, and no group of `none_of` holds as a whole.

    A clause is an attribute's name and values, of which one must be there.
    """

    every: tuple[Clause, ...]
    none_of: tuple[tuple[Clause, ...], ...]

    def values(self, key: str) -> tuple[Value, ...]:
        """All that is said about `key`, negated or not."""
        clauses = [*self.every, *(clause for group in self.none_of for clause in group)]
        return tuple(value for name, values in clauses if name == key for value in values)


@dataclass(frozen=True, slots=True)
class Target:
    """On which products, versions and tables a rule bears; `*` is any. A version covers those that it begins."""

    products: tuple[str, ...]
    versions: tuple[str, ...]
    tables: tuple[str, ...]

    def covers(self, product: Product) -> bool:
        """Whether the rule bears on tables of `product`."""
        return (ALL in self.products or product.name in self.products) and (
            ALL in self.versions
            or any(product.version == known or product.version.startswith(f"{known}.") for known in self.versions)
        )

    def covers_table(self, name: str) -> bool:
        """Whether the rule bears on the table of that name, in a product that it covers."""
        return ALL in self.tables or name in self.tables


@dataclass(frozen=True, slots=True)
class Grant:
    """Shows `columns` of the rows where `rows` is true (None: all), for `actions`."""

    columns: tuple[str, ...]
    rows: str | None
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Restrict:
    """Leaves only rows where `rows` is true."""

    rows: str


@dataclass(frozen=True, slots=True)
class Masked:
    """Puts the mask `mask` over `columns`, unless `condition` is false for the row; `link` is a pseudonym's domain."""

    columns: tuple[str, ...]
    mask: str
    condition: str | None
    link: str | None


@dataclass(frozen=True, slots=True)
class Hide:
    """Makes `columns` absent."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deny:
    """Makes the table not exist. `reason` is for governance, never for the client."""

    reason: str


@dataclass(frozen=True, slots=True)
class Used:
    """Lets `columns` be used and not shown: in aggregates of at least `least` of `entity`, or in joins (0 and "").

    The `measures` over them exist, under the same conditions.
    """

    columns: tuple[str, ...]
    kind: UseKind
    least: int
    entity: str
    measures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declassified:
    """Lets `columns` of models keep their contract's class and tags, where the contract names the rule."""

    columns: tuple[str, ...]


Standin = Literal["delegate", "simulate"]
Effect = Grant | Restrict | Masked | Hide | Used | Declassified | Deny


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `uses` are further tables that its expressions may read by EXISTS; `file` and `path`: its place."""

    id: str
    target: Target
    to: Who
    unless: Who | None
    uses: tuple[str, ...]
    effect: Effect
    file: str
    path: Path

    @property
    def columns(self) -> tuple[str, ...]:
        """The selectors of columns that the effect names."""
        return self.effect.columns if isinstance(self.effect, Grant | Masked | Hide | Used | Declassified) else ()

    def selects(self, column: Column) -> bool:
        """Whether the effect is about `column`: each selector is read the stricter way.

        A grant's `*` shows no unclassified column and its `class:` one class; any other rule's `*` is all columns, and
        its `class:` also every higher one.
        """
        widens = isinstance(self.effect, Grant)
        return any(_selects(selector, column, widens) for selector in self.columns)


def _selects(selector: str, column: Column, widens: bool) -> bool:
    if selector == ALL:
        return column.classification is not None or not widens
    if selector.startswith("tag:"):
        return selector.removeprefix("tag:") in column.tags
    if selector.startswith("class:"):
        named = selector.removeprefix("class:")
        if widens:
            return column.effective_class == named
        classes: tuple[str, ...] = CLASSES
        return classes.index(column.effective_class) >= classes.index(named)
    return selector == column.name


@dataclass(frozen=True, slots=True)
class Delegation:
    """Whoever `to` speaks of, and `unless` does not, may ask on behalf of whom `behalf` speaks of, and `spared` not.

    `kind` says what for: to pass on their questions (delegate), or to see what they would get (simulate).
    """

    id: str
    kind: Standin
    to: Who
    unless: Who | None
    behalf: Who
    spared: Who | None

    @property
    def hours(self) -> tuple[str, ...]:
        """The spans of time that it speaks of."""
        said = (self.to, self.unless, self.behalf, self.spared)
        return tuple(str(span) for one in said if one is not None for span in one.values("hours"))


@dataclass(frozen=True, slots=True)
class Limit:
    """What whoever `to` speaks of, and `unless` does not, may use."""

    id: str
    to: Who
    unless: Who | None
    limits: Limits


Right = Literal["manage", "push", "accept"]


@dataclass(frozen=True, slots=True)
class Management:
    """Whoever `to` speaks of, and `unless` does not, has a `right` on the products of `target`.

    To manage them, to push rows to their inputs, or to accept them as their owner does: none implies another.
    """

    id: str
    right: Right
    target: Target
    to: Who
    unless: Who | None
    file: str
    path: Path


@dataclass(frozen=True)
class Policies:
    """What a folder of policies says, each rule by itself valid. `version` is the hash of its texts."""

    rules: tuple[Rule, ...]
    masks: Mapping[str, Mask]
    roles: Mapping[str, tuple[str, ...]]
    claims: Mapping[str, ClaimType]
    version: str
    documents: Documents
    delegations: tuple[Delegation, ...]
    agreements: tuple[Agreement, ...]
    limits: tuple[Limit, ...] = ()
    managements: tuple[Management, ...] = ()

    def covering(self, product: Product) -> tuple[Rule, ...]:
        """The rules that bear on some table of `product`."""
        return tuple(
            rule
            for rule in self.rules
            if rule.target.covers(product) and any(rule.target.covers_table(table.name) for table in product.tables)
        )


class PolicyError(Exception):
    """Policies that cannot be used; `findings` are all the reasons, for their author."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


def tables_of(rule: Rule, product: Product) -> tuple[Table, ...]:
    """The tables of `product` on which `rule` bears."""
    return tuple(table for table in product.tables if rule.target.covers_table(table.name))
