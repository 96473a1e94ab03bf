"""What a change of a product means for who reads it, by Semantic Versioning 2.0.0. Pure: two compiled products.

SQL is compared as DuckDB writes it: reformatting is nothing, another meaning is a break.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from gateway.contracts.descriptor import PRODUCT_SUFFIX
from gateway.document import Documents, Finding, Path, show
from gateway.product import CLASSES, Column, Product, Semantic, Table

Grade = Literal["patch", "minor", "major"]
GRADES: tuple[Grade, ...] = ("patch", "minor", "major")
# ODPS: what is not yet active.
UNBOUND = frozenset({"proposed", "draft"})
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: how it grades, where and what it is, and whether it keeps more from readers than before."""

    grade: Grade
    place: str
    what: str
    protects: bool = False

    @property
    def breaks(self) -> bool:
        """Whether readers must be told by a major version before it comes."""
        return self.grade == "major" and not self.protects


@dataclass(frozen=True)
class Graded:
    """Every difference of two products; `taken` is the step that the versions say, None where it is none forward.

    `bound` is whether the old one has promised anything: no draft has, and no version 0 (SemVer 2.0.0, item 4).
    """

    changes: tuple[Change, ...]
    taken: Grade | None
    due: str
    bound: bool

    @property
    def grade(self) -> Grade | None:
        """The largest grade of all changes, None where nothing has changed."""
        return max((one.grade for one in self.changes), key=GRADES.index, default=None)

    @property
    def fits(self) -> bool:
        """Whether the versions say at least as much as has changed."""
        return (
            self.grade is None
            or not self.bound
            or (self.taken is not None and GRADES.index(self.taken) >= GRADES.index(self.grade))
        )


def graded(old: Product, new: Product) -> Graded:
    """The differences from `old` to `new`, the gravest first."""
    changes = sorted(_changes(old, new), key=lambda one: (-GRADES.index(one.grade), one.place, one.what))
    grade = max((one.grade for one in changes), key=GRADES.index, default=None)
    bound = old.status not in UNBOUND and old.major > 0
    return Graded(tuple(changes), _step(old.version, new.version), _next(old.version, grade), bound)


def breaks(old: Product, new: Product) -> tuple[Finding, ...]:
    """What breaks who reads `old` though the version does not say so: each an error, where it stands.

    A class that rises is only a warning: to hold it up would show what is not to be shown. So is what is new under a
    version that says nothing is.
    """
    found = graded(old, new)
    if found.fits:
        return ()
    step = f"{new.version} after {old.version}"
    told = []
    for one in found.changes:
        if one.grade == "patch":
            continue
        remedy = f"version: {found.due}{f', served beside {old.version}' if one.breaks else ''}"
        words = f"a {one.grade} change, and {step} is less: {one.place}: {one.what}"
        severity: Literal["error", "warning"] = "error" if one.breaks else "warning"
        told.append(replace(_finding(new, one.place), problem=words, remedy=remedy, severity=severity))
    return tuple(told)


def _finding(product: Product, place: str) -> Finding:
    """Where `place` stands in the contract, or else the version in the descriptor."""
    documents = product.documents if isinstance(product.documents, Documents) else Documents(product.documents)
    table, _, name = place.partition(".")
    path: Path = ("version",)
    where = next((file for file in documents if file.endswith(PRODUCT_SUFFIX)), "")
    for file, document in documents.items():
        for number, schema in enumerate(document.get("schema") or () if file != where else ()):
            if schema.get("name") == table:
                properties = [one.get("name") for one in schema.get("properties") or ()]
                inner = ("properties", properties.index(name)) if name in properties else ()
                where, path = file, ("schema", number, *inner)
    return Finding(where, documents.line(where, path), show(path), "", "")


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in version.split("-")[0].split("+")[0].split("."))
    return major, minor, patch


def _step(old: str, new: str) -> Grade | None:
    before, after = _numbers(old), _numbers(new)
    if after <= before:
        return None
    return "major" if after[0] > before[0] else "minor" if after[1] > before[1] else "patch"


def _next(version: str, grade: Grade | None) -> str:
    """The version that a change of `grade` makes of `version`."""
    major, minor, patch = _numbers(version)
    found = {
        "major": (major + 1, 0, 0) if major else (0, minor + 1, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }
    return ".".join(map(str, found[grade])) if grade is not None else version


def _changes(old: Product, new: Product) -> Iterator[Change]:
    before, after = ({one.name: one for one in product.tables} for product in (old, new))
    yield from _set(before, after, "table")
    for name in before.keys() & after.keys():
        yield from _table(before[name], after[name])
    ports = [{one.name: one for one in product.ports} for product in (old, new)]
    yield from _set(ports[0], ports[1], "output port")
    for name in ports[0].keys() & ports[1].keys():
        if ports[0][name].type != ports[1][name].type:
            yield Change("major", name, f"the port is {ports[1][name].type}, was {ports[0][name].type}")
    if old.data_clock != new.data_clock:
        yield Change("major", new.name, "the data clock is another")
    if old.sla != new.sla:
        yield Change("minor", new.name, "its service levels are others")
    if old.status not in UNBOUND and new.status in UNBOUND:
        yield Change("major", new.name, f"it is {new.status}, which promises nothing, was {old.status or 'not said'}")
    told = [(one.title, one.purpose, one.usage, one.limitations, one.owner, one.tags, one.status) for one in (old, new)]
    if told[0] != told[1]:
        yield Change("patch", new.name, "what is said of it is other")


def _set(before: Mapping[str, T], after: Mapping[str, T], what: str, under: str = "") -> Iterator[Change]:
    """What is gone, which breaks, and what is new, which does not."""
    for name in before.keys() - after.keys():
        yield Change("major", under + name, f"the {what} is gone")
    for name in after.keys() - before.keys():
        yield Change("minor", under + name, f"the {what} is new")


def _table(old: Table, new: Table) -> Iterator[Change]:
    place = f"{new.name}."
    before, after = ({one.name: one for one in table.columns} for table in (old, new))
    yield from _set(before, after, "column", place)
    for name in before.keys() & after.keys():
        yield from _column(place + name, before[name], after[name])
    meant = [{one.name: one for one in table.semantics} for table in (old, new)]
    apart = [{name: one for name, one in found.items() if name not in before | after} for found in meant]
    yield from _set(apart[0], apart[1], "measure or dimension", place)
    for name in meant[0].keys() & meant[1].keys():
        yield from _semantic(place + name, meant[0][name], meant[1][name], stored=name in after)
    if old.key != new.key:
        yield Change(
            "major", new.name, f"its key is {', '.join(new.key) or 'none'}, was {', '.join(old.key) or 'none'}"
        )
    if (old.model, old.python) != (new.model, new.python):
        yield Change("major", new.name, "its rows are made by another model")
    gone, added = (set(one.relationships) - set(other.relationships) for one, other in ((old, new), (new, old)))
    yield from (Change("major", new.name, f"the reference to {one.to_table} is gone") for one in gone)
    yield from (Change("minor", new.name, f"the reference to {one.to_table} is new") for one in added)
    rules = [{(one.id, one.query, one.comparison, one.severity) for one in table.quality} for table in (old, new)]
    if rules[0] != rules[1]:
        yield Change("minor", new.name, "its quality rules are others")
    if (old.description, old.granularity) != (new.description, new.granularity):
        yield Change("patch", new.name, "what is said of the table is other")


def _column(place: str, old: Column, new: Column) -> Iterator[Change]:
    if old.type != new.type:
        yield Change("major", place, f"it is {new.type}, was {old.type}")
    yield from _promise(place, "required", old.required, new.required)
    yield from _promise(place, "unique", old.unique, new.unique)
    before, after = (CLASSES.index(one.effective_class) for one in (old, new))
    if before != after:
        words = f"it is {new.effective_class}, was {old.effective_class}"
        yield Change("major" if after > before else "minor", place, words, protects=after > before)
    if old.tags != new.tags:
        yield Change("minor", place, "its tags are others")
    if (old.description, old.business_name) != (new.description, new.business_name):
        yield Change("patch", place, "what is said of it is other")


def _promise(place: str, what: str, before: bool, after: bool) -> Iterable[Change]:
    if before == after:
        return ()
    return (Change("minor", place, f"it is {what}"),) if after else (Change("major", place, f"it is {what} no more"),)


def _semantic(place: str, old: Semantic, new: Semantic, *, stored: bool) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change("major", place, f"it is a {new.kind}, was a {old.kind}")
    if old.expression != new.expression:
        yield Change("major", place, f"it is {new.expression}, was {old.expression}")
    elif old.type != new.type and not stored:
        yield Change("major", place, f"it is {new.type}, was {old.type}")
    for what, before, after in (("unit", old.unit, new.unit), ("time zone", old.zone, new.zone)):
        if before != after:
            yield Change(
                "major" if before else "minor", place, f"its {what} is {after or 'none'}, was {before or 'none'}"
            )
    if old.grains != new.grains:
        lost = set(old.grains) - set(new.grains) or not old.grains
        yield Change("major" if lost else "minor", place, f"its grains are {', '.join(new.grains) or 'any'}")
    if old.tree != new.tree:
        yield Change("minor", place, "its metric tree is another")
    words = [(one.description, one.title, one.synonyms, one.format, one.alternatives) for one in (old, new)]
    if words[0] != words[1]:
        yield Change("patch", place, "what is said of it is other")
