"""A consumer's projection as it is declared: columns under names of his, or a grain with measures. Pure: reads texts.

A set of them is over one product and is a schema of its own; it says nothing that is computed. What of it exists for
an asker is projected.py's to say.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from gateway.contracts.assembly import RESERVED
from gateway.document import DocumentError, Documents, Finding, Path, Report, read
from gateway.errors import BadQuery
from gateway.sql.scope import CATALOG, IDENTIFIER

KIND = "Projection"
EVERYBODY = "everybody"
ROLE = "role:"
# Before a projection's name among the rules of an answer that has read it.
RULE = "projection:"
TABLES, COLUMNS, CONSUMERS = 50, 500, 50
TEXT_LIMIT = 100_000
# How many characters a text may have; all but a description are of one line.
LENGTHS: Mapping[str, int] = {"title": 200, "description": 4_000, "owner": 500, "consumers": 500}
_OF = re.compile(r"([a-z][a-z0-9_]{0,62})(?:@([1-9][0-9]{0,5}))?")
_MAJOR = re.compile(r"_v[0-9]+$")
# What is no text that can be shown: controls, turns of the direction, halves of a surrogate pair.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_KEYS = ("kind", "name", "owner", "of", "title", "description", "consumers", "tables")
_TABLE_KEYS = ("name", "of", "description", "columns", "grain", "measures")


class ProjectionError(Exception):
    """A projection that cannot be taken: every reason, with its place."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(map(str, self.findings)))

    @property
    def refusal(self) -> BadQuery:
        """The same as a client is told it."""
        shown = [(one.path or one.file, one.problem, one.remedy) for one in self.findings[:20]]
        told = "; ".join(f"{place}: {problem}" + (f" ({remedy})" if remedy else "") for place, problem, remedy in shown)
        # A key of theirs may have been no text.
        return BadQuery(f"the projection is not fit: {told.encode('utf-8', 'replace').decode()}", reason="value")


@dataclass(frozen=True, slots=True)
class Renamed:
    """A column, dimension or measure `name` of the origin, shown `shown`."""

    name: str
    shown: str


@dataclass(frozen=True, slots=True)
class ProjectedTable:
    """One table over the table `of`: its rows with some `columns`, or `measures` for each value of the `grain`."""

    name: str
    of: str
    description: str
    columns: tuple[Renamed, ...]
    grain: tuple[Renamed, ...]
    measures: tuple[Renamed, ...]

    @property
    def names(self) -> tuple[Renamed, ...]:
        """All that its rows could have, in order."""
        return (*self.columns, *self.grain, *self.measures)


@dataclass(frozen=True)
class Projection:
    """One set: the schema `name`, over the `product` at its `major` (None: at its present one).

    `owner` is a subject, or `role:` and a role. `consumers` are those beside him whom it is shown to: subjects, roles,
    or everybody. None of them sees more by it than without.
    """

    name: str
    owner: str
    product: str
    major: int | None
    title: str
    description: str
    consumers: tuple[str, ...]
    tables: tuple[ProjectedTable, ...]

    @property
    def origin(self) -> str:
        """The schema in SQL of the product that it is over."""
        return self.product if self.major is None else f"{self.product}_v{self.major}"

    @property
    def of(self) -> str:
        """The product as a projection names it."""
        return self.product if self.major is None else f"{self.product}@{self.major}"

    @cached_property
    def digest(self) -> str:
        """The hash of all that it says."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def document(self) -> dict[str, Any]:
        """As it would be declared."""
        told: dict[str, Any] = {"kind": KIND, "name": self.name, "owner": self.owner, "of": self.of}
        told |= {"title": self.title} if self.title else {}
        told |= {"description": self.description} if self.description else {}
        told["consumers"] = list(self.consumers)
        told["tables"] = [_told(one) for one in self.tables]
        return told

    def table(self, name: str) -> ProjectedTable | None:
        """The table of that name."""
        return next((one for one in self.tables if one.name == name), None)


def _told(table: ProjectedTable) -> dict[str, Any]:
    parts = {"columns": table.columns, "grain": table.grain, "measures": table.measures}
    named = {
        key: [one.name if one.name == one.shown else {"name": one.name, "as": one.shown} for one in every]
        for key, every in parts.items()
        if every
    }
    described = {"description": table.description} if table.description else {}
    return {"name": table.name, "of": table.of, **described, **named}


def parse(file: str, text: str, owner: str = "") -> tuple[Projection, Documents]:
    """The projection that a text declares (YAML, or JSON, which is YAML), and where what stands in it.

    `owner` is who owns it where it names nobody. Raises ProjectionError with every reason.
    """
    if len(text) > TEXT_LIMIT:
        told = f"the text has more than {TEXT_LIMIT} characters"
        raise ProjectionError([Finding(file, 0, "", told, "several smaller sets")])
    try:
        value, lines = read(file, text)
    except DocumentError as error:
        raise ProjectionError([error.finding]) from error
    documents = Documents({file: value}, {file: lines})
    return _read(file, value, owner, documents), documents


def of_document(value: Mapping[str, Any]) -> Projection:
    """The projection that `Projection.document` has told, however long that is. Raises ProjectionError."""
    return _read("projection", value, "", Documents({}))


def _read(file: str, value: Any, owner: str, documents: Documents) -> Projection:
    report = Report(documents)
    found = _Reader(file, report).projection(value, owner)
    if found is None or report.errors:
        raise ProjectionError(report.errors)
    return found


class _Reader:
    """Reads one document strictly: what it does not know is refused."""

    def __init__(self, file: str, report: Report) -> None:
        self._file, self._report = file, report

    def _error(self, path: Path, problem: str, remedy: str) -> None:
        self._report.error(self._file, path, problem, remedy)

    def projection(self, value: Any, owner: str) -> Projection | None:
        if not isinstance(value, dict):
            self._error((), "a projection is a mapping", f"kind: {KIND}, name, of, tables")
            return None
        self._known(value, _KEYS, ())
        if value.get("kind") != KIND:
            self._error(("kind",), f"this is no {KIND}", f"kind: {KIND}")
        product, major = self._product(value.get("of"))
        tables = self._tables(value.get("tables"))
        return Projection(
            name=self._schema(value.get("name")),
            owner=self._text(value, "owner", ()) or owner,
            product=product,
            major=major,
            title=self._text(value, "title", ()),
            description=self._text(value, "description", ()),
            consumers=self._consumers(value.get("consumers", [])),
            tables=tables,
        )

    def _known(self, value: Mapping[str, Any], keys: tuple[str, ...], path: Path) -> None:
        for key in value:
            if key not in keys:
                told = "filters and expressions are the product's: it knows " if path else "it knows "
                self._error((*path, key), f'"{key[:63]}" is nothing that a projection says', told + ", ".join(keys))

    def _text(self, value: Mapping[str, Any], key: str, path: Path) -> str:
        found = value.get(key, "")
        if not isinstance(found, str):
            self._error((*path, key), f"{key} is a text", "")
            return ""
        return self._plain(found, key, (*path, key))

    def _plain(self, text: str, key: str, path: Path) -> str:
        # JSON may write a character as a pair of escapes, of which YAML makes two halves.
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        whole = whole.replace("\r\n", "\n").strip()
        one_line = key != "description"
        if len(whole) > LENGTHS[key] or _CONTROLS.search(whole) or (one_line and "\n" in whole):
            told = f"{key} is a text of at most {LENGTHS[key]} characters" + (", in one line" if one_line else "")
            self._error(path, told, "without controls")
            return ""
        return whole

    def _schema(self, name: Any) -> str:
        found = self._identifier(name, ("name",))
        if found in {*RESERVED, CATALOG} or _MAJOR.search(found):
            self._error(
                ("name",), f'a schema cannot be called "{found}"', "no name of the gateway's, no _v1 at its end"
            )
        return found

    def _identifier(self, name: Any, path: Path) -> str:
        if isinstance(name, str) and IDENTIFIER.fullmatch(name):
            return name
        self._error(path, "a name is needed here", "match [a-z][a-z0-9_]{0,62}")
        return ""

    def _product(self, of: Any) -> tuple[str, int | None]:
        found = _OF.fullmatch(of) if isinstance(of, str) else None
        if found is None:
            self._error(
                ("of",), "of names the product that this is over", "customer_360, or customer_360@1 for a major"
            )
            return "", None
        return found[1], None if found[2] is None else int(found[2])

    def _consumers(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            self._error(("consumers",), "consumers is a list of names", f"[subject, {ROLE}NAME], or [{EVERYBODY}]")
            return ()
        if len(value) > CONSUMERS:
            self._error(("consumers",), f"there are at most {CONSUMERS} consumers", f"[{ROLE}NAME]")
            return ()
        every = (self._plain(one, "consumers", ("consumers", place)) for place, one in enumerate(value))
        return tuple(dict.fromkeys(every))

    def _tables(self, value: Any) -> tuple[ProjectedTable, ...]:
        if not isinstance(value, list) or not 0 < len(value) <= TABLES:
            self._error(("tables",), f"tables is a list of 1 to {TABLES} tables", "name, of, and columns or a grain")
            return ()
        found = [one for place, body in enumerate(value) if (one := self._table(body, ("tables", place))) is not None]
        names = [one.name for one in found]
        for place, name in enumerate(names):
            if name in names[:place]:
                self._error(("tables", place, "name"), f'"{name}" stands twice', "each table has a name of its own")
        return tuple(found)

    def _table(self, value: Any, path: Path) -> ProjectedTable | None:
        if not isinstance(value, dict):
            self._error(path, "a table is a mapping", "name, of, and columns or a grain")
            return None
        self._known(value, _TABLE_KEYS, path)
        name = self._identifier(value.get("name"), (*path, "name"))
        of = self._identifier(value["of"], (*path, "of")) if "of" in value else name
        parts = {key: self._names(value, key, path) for key in ("columns", "grain", "measures")}
        if bool(parts["columns"]) == bool(parts["grain"]):
            self._error(path, "a table has columns, or a grain and measures", "columns: [...]; or grain and measures")
        elif bool(parts["grain"]) != bool(parts["measures"]):
            self._error(path, "a grain and measures stand together", "grain: [...] and measures: [...]")
        described = self._text(value, "description", path)
        table = ProjectedTable(name, of, described, parts["columns"], parts["grain"], parts["measures"])
        self._once(table, path)
        return table

    def _names(self, value: Mapping[str, Any], key: str, path: Path) -> tuple[Renamed, ...]:
        every = value.get(key, [])
        if not isinstance(every, list) or len(every) > COLUMNS:
            self._error((*path, key), f"{key} is a list of at most {COLUMNS} names", "[a, {name: b, as: c}]")
            return ()
        return tuple(self._renamed(one, (*path, key, place)) for place, one in enumerate(every))

    def _renamed(self, value: Any, path: Path) -> Renamed:
        if isinstance(value, dict):
            self._known(value, ("name", "as"), path)
            name = self._identifier(value.get("name"), (*path, "name"))
            return Renamed(name, self._identifier(value["as"], (*path, "as")) if "as" in value else name)
        name = self._identifier(value, path)
        return Renamed(name, name)

    def _once(self, table: ProjectedTable, path: Path) -> None:
        for told, names in (
            ("is taken", [one.name for one in table.names]),
            ("is given", [n.shown for n in table.names]),
        ):
            for name in sorted({one for one in names if one and names.count(one) > 1}):
                self._error(path, f'"{name}" {told} twice', "each once")
