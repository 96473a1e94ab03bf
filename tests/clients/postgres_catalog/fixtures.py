"""Catalog queries as tools send them, one file a tool: names, parameters, and what cannot be alike in two servers.

A fixture is a run of comment lines (`-- name: ...`, then `-- parameters: [...]`, `-- search_path: ...`,
`-- differs: column, ...` and, for an order with ties, `-- unordered: yes` where needed) and one statement.
`${customer_360.customers}` stands for the oid of that relation, `${customer_360}` for that of the schema; `$1` is a
parameter, given as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "queries"
_OID = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Fixture:
    """One query of a tool, asked under `search_path` ("": the session's own).

    `differs` are result columns whose values are each server's own.
    """

    tool: str
    name: str
    text: str
    parameters: tuple[str | None, ...]
    differs: frozenset[str]
    search_path: str
    unordered: bool

    @property
    def key(self) -> str:
        """How it is called in reports and in the list of differences."""
        return f"{self.tool}/{self.name}"

    @property
    def ordered(self) -> bool:
        """Whether the answer's order is said by the query, and not by oids, which are each server's own."""
        if self.unordered:
            return False
        last = _outermost(self.text).lower().rpartition("order by")
        return bool(last[1]) and not re.search(r"oid|relid|typarray|\bindexrelid\b", last[2])

    def asked(self, oids: Mapping[str, int]) -> tuple[str, tuple[bytes | None, ...]]:
        """The text and the parameters for a server where names have these oids. Raises KeyError for an unknown name."""

        def oid(found: re.Match[str]) -> str:
            return str(oids[found[1]])

        given = [None if one is None else _OID.sub(oid, one).encode() for one in self.parameters]
        return _OID.sub(oid, self.text), tuple(given)


def fixtures() -> list[Fixture]:
    """All of them, in the order of their files."""
    return [one for path in sorted(FOLDER.glob("*.sql")) for one in read(path)]


def read(path: Path) -> Iterator[Fixture]:
    """The fixtures of one tool."""
    for part in re.split(r"^(?=-- name: )", path.read_text(), flags=re.MULTILINE)[1:]:
        told = dict(re.findall(r"^-- (\w+): (.*)$", part, flags=re.MULTILINE))
        text = "\n".join(line for line in part.splitlines() if not line.startswith("-- ")).strip().removesuffix(";")
        differs = frozenset(one.strip() for one in told.get("differs", "").split(",") if one.strip())
        parameters = tuple(json.loads(told.get("parameters", "[]")))
        path_set, unordered = told.get("search_path", ""), "unordered" in told
        yield Fixture(path.stem, told["name"], text, parameters, differs, path_set, unordered)


def _outermost(text: str) -> str:
    """`text` without what stands in quotes and in parentheses."""
    plain = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "''", text)
    depth, kept = 0, []
    for letter in plain:
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            kept.append(letter)
    return "".join(kept)
