"""SQL made at random over two governed tables: every answer is determined by the rows, whatever the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
# A kind of value: i integer, s text, n text that holds a number, d date, l list of integers, t list of texts,
# r struct (a integer, b text).
KINDS = "isdltr"


@dataclass(frozen=True)
class Column:
    """How a column is written here, and its kind."""

    text: str
    kind: str


Columns = tuple[Column, ...]


def _columns(**kinds: str) -> Columns:
    return tuple(Column(name, kind) for kind, names in kinds.items() for name in names.split())


TABLES = {
    "shop.people": _columns(i="id amount", s="region name", n="word", t="tags", d="day", r="info"),
    "sales.orders": _columns(i="order_id person amount", s="note", n="word", d="day", l="parts"),
}
CONSTANTS = {
    "i": "17",
    "s": "'N'",
    "d": "DATE '2024-02-29'",
    "l": "[1, 17]",
    "t": "['N', 'x']",
    "r": "{'a': 17, 'b': 'N'}",
}
# How a value of a kind is composed of others: a template, and the kinds of its parts.
FORMS = {
    "i": [
        ("({} + 17)", "i"), ("({} % 7)", "i"), ("abs({})", "i"), ("length({}::VARCHAR)", "s"), ("coalesce({}, 5)", "i"),
        ("list_sum({})", "l"), ("({}).a", "r"), ("len({})", "t"), ("year({})", "d"), ("TRY_CAST({} AS INTEGER)", "s"),
    ],
    "s": [
        ("({} || '-' || {})", "ss"), ("upper({}::VARCHAR)", "s"), ("left({}::VARCHAR, 2)", "s"), ("{}::VARCHAR", "i"),
        ("replace({}::VARCHAR, '1', 'one')", "s"), ("array_to_string({}, '/')", "t"), ("({}).b::VARCHAR", "r"),
        ("concat_ws('|', {}, {})", "si"), ("regexp_replace({}::VARCHAR, '[0-9]+', '#', 'g')", "s"),
        ("to_json({{'k': {}, 'n': {}}})::VARCHAR", "si"), ("{}[1]", "t"),
    ],
    "d": [
        ("({} + INTERVAL 3 DAY)::DATE", "d"), ("date_trunc('month', {})::DATE", "d"),
        ("greatest({}, DATE '2024-01-05')", "d"),
    ],
    "l": [
        ("[{}, {}]", "ii"), ("list_transform({}, lambda e: e + {})", "li"), ("[e * 2 FOR e IN {} IF e > 1]", "l"),
        ("list_sort(list_concat({}, [{}]))", "li"),
    ],
    "t": [
        ("[{}::VARCHAR, 'S']", "s"), ("list_transform({}, lambda e: e || '!')", "t"),
        ("string_split({}::VARCHAR, '-')", "s"), ("list_sort(list_distinct({}))[1:1]", "t"),
    ],
    "r": [("{{'a': {}, 'b': {}::VARCHAR}}", "is")],
}  # fmt: skip


class Builder:
    """One statement in the making. Each method gives SQL text; `depth` bounds how much may stand below it."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._names = 0
        self._ctes: dict[str, Columns] = {}

    def pick(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))

    def chance(self, of: int) -> bool:
        return self._draw(st.integers(1, of)) == 1

    def fresh(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def statement(self) -> str:
        """A whole statement, with a WITH list or none."""
        entries = []
        for _ in range(self.pick((0, 0, 1, 2))):
            name = self.fresh("w")
            text, columns = self.query(1)
            hint = self.pick(("", "MATERIALIZED ", "NOT MATERIALIZED "))
            entries.append(f"{name} AS {hint}({text})")
            self._ctes[name] = columns
        text, _ = self.query(2)
        if self.chance(4):
            text = f"SELECT * FROM ({text}) z ORDER BY ALL LIMIT {self.pick((1, 3, 20))}"
        return ("WITH " + ", ".join(entries) + " " if entries else "") + text

    def query(self, depth: int, kinds: str | None = None) -> tuple[str, Columns]:
        """A SELECT or a set operation, with its columns, of the kinds given."""
        kinds = kinds or "".join(self.pick("iissdltr") for _ in range(self.pick((1, 2, 3))))
        if depth and self.chance(4):
            left, columns = self.query(depth - 1, kinds)
            right, _ = self.query(depth - 1, kinds)
            operation = self.pick(("UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL"))
            return f"(({left}) {operation} ({right}))", columns
        form = self.pick((self._plain, self._plain, self._grouped, self._window, self._distinct))
        return form(depth, kinds)

    def _outputs(self, kinds: str, texts: list[str]) -> tuple[str, Columns]:
        names = [self.fresh("c") for _ in kinds]
        items = ", ".join(f"{text} AS {name}" for text, name in zip(texts, names, strict=True))
        return items, tuple(Column(name, kind) for name, kind in zip(names, kinds, strict=True))

    def _plain(self, depth: int, kinds: str) -> tuple[str, Columns]:
        source, columns = self.source(depth)
        items, outputs = self._outputs(kinds, [self.value(kind, columns, 2) for kind in kinds])
        return f"SELECT {items} FROM {source}{self._where(columns, depth)}", outputs

    def _distinct(self, depth: int, kinds: str) -> tuple[str, Columns]:
        text, outputs = self._plain(depth, kinds)
        limit = f" ORDER BY ALL LIMIT {self.pick((2, 10))}" if self.chance(3) else ""
        return "SELECT DISTINCT" + text.removeprefix("SELECT") + limit, outputs

    def _grouped(self, depth: int, kinds: str) -> tuple[str, Columns]:
        source, columns = self.source(depth)
        keys = [self.value(self.pick("isd"), columns, 1) for _ in range(self.pick((0, 1, 2)))]
        grouping = self.pick(
            ("GROUP BY {}", "GROUP BY ROLLUP ({})", "GROUP BY CUBE ({})", "GROUP BY GROUPING SETS (({}), ())")
        )
        items, outputs = self._outputs(kinds, [self.aggregate(kind, columns) for kind in kinds])
        having = f" HAVING {self.aggregate('i', columns)} > {self.pick((0, 2, 10))}" if self.chance(3) else ""
        groups = " " + grouping.format(", ".join(keys)) if keys else ""
        return f"SELECT {items} FROM {source}{self._where(columns, depth)}{groups}{having}", outputs

    def _window(self, depth: int, kinds: str) -> tuple[str, Columns]:
        source, columns = self.source(depth)
        key, order = self.value("s", columns, 1), self.value("i", columns, 1)
        window = f"OVER (PARTITION BY {key} ORDER BY {order}{self.pick(('', ' DESC NULLS LAST'))})"
        ranked = self.pick(
            ("rank()", "dense_rank()", "count(*)", f"sum({order})", f"max({self.value('i', columns, 1)})")
        )
        texts = [f"{ranked} {window}" if kind == "i" else self.value(kind, columns, 1) for kind in kinds]
        items, outputs = self._outputs(kinds, texts)
        qualify = f" QUALIFY rank() {window} <= {self.pick((1, 3))}" if self.chance(2) else ""
        return f"SELECT {items} FROM {source}{self._where(columns, depth)}{qualify}", outputs

    def _where(self, columns: Columns, depth: int) -> str:
        return f" WHERE {self.truth(columns, 2, depth)}" if self.chance(2) else ""

    def source(self, depth: int) -> tuple[str, Columns]:
        """What stands in FROM, with the columns it gives."""
        if depth == 0:
            return self._named()
        form = self.pick(
            (self._named, self._named, self._derived, self._joined, self._lateral, self._made, self._pivoted)
        )
        return form() if form == self._named else form(depth)  # type: ignore[call-arg]

    def _known(self, alias: str, columns: Columns) -> Columns:
        return tuple(Column(f"{alias}.{column.text}", column.kind) for column in columns)

    def _named(self) -> tuple[str, Columns]:
        tables = {**TABLES, **self._ctes}
        name, alias = self.pick(sorted(tables)), self.fresh("t")
        return f"{name} AS {alias}", self._known(alias, tables[name])

    def _derived(self, depth: int) -> tuple[str, Columns]:
        text, columns = self.query(depth - 1)
        alias = self.fresh("q")
        star = self.pick(("{}", "SELECT * FROM ({}) z", "SELECT COLUMNS(*) FROM ({}) z", "FROM ({}) z SELECT z.*"))
        return f"({star.format(text)}) AS {alias}", self._known(alias, columns)

    def _joined(self, depth: int) -> tuple[str, Columns]:
        (left, ours), (right, theirs) = self.source(depth - 1), self.source(depth - 1)
        kind = self.pick(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN"))
        on = f"{self.value('i', ours, 0)} = {self.value('i', theirs, 0)}"
        if self.chance(3):
            on += f" AND {self.truth(ours + theirs, 1, 0)}"
        return f"({left} {kind} {right} ON {on})", ours if kind in {"SEMI JOIN", "ANTI JOIN"} else ours + theirs

    def _lateral(self, depth: int) -> tuple[str, Columns]:
        left, ours = self.source(depth - 1)
        alias = self.fresh("x")
        if self.chance(2):
            kind = self.pick("lt")
            made = f"({left} CROSS JOIN unnest({self.value(kind, ours, 1)}) AS {alias}(u))"
            return made, (*ours, Column(f"{alias}.u", "i" if kind == "l" else "s"))
        inner, theirs = self._named()
        items, outputs = self._outputs(
            "is", [self.aggregate("i", ours + theirs, inner=theirs), self.aggregate("s", theirs)]
        )
        on = f"{self.value('i', theirs, 0)} = {self.value('i', ours, 0)}"
        joined = f"({left} CROSS JOIN LATERAL (SELECT {items} FROM {inner} WHERE {on}) AS {alias})"
        return joined, ours + self._known(alias, outputs)

    def _made(self, depth: int) -> tuple[str, Columns]:
        alias = self.fresh("v")
        if self.chance(2):
            return f"range({self.pick((1, 5, 40))}) AS {alias}(i)", (Column(f"{alias}.i", "i"),)
        rows = ", ".join(f"({self.pick((1, 2, 17))}, '{self.pick(('N', 'S', '17'))}')" for _ in range(depth + 1))
        return f"(VALUES {rows}) AS {alias}(i, s)", (Column(f"{alias}.i", "i"), Column(f"{alias}.s", "s"))

    def _pivoted(self, depth: int) -> tuple[str, Columns]:
        text, columns = self.query(depth - 1, "isi")
        alias, (first, second, third) = self.fresh("p"), (column.text for column in columns)
        if self.chance(2):
            made = f"SELECT {first}::HUGEINT AS k, {second}::VARCHAR AS m, {third}::HUGEINT AS o FROM ({text}) z"
            unpivoted = f"(UNPIVOT ({made}) ON k, o INTO NAME n VALUE v)"
            return f"{unpivoted} AS {alias}", self._known(alias, (Column("m", "s"), Column("n", "s"), Column("v", "i")))
        values = "('N' AS n, 'S' AS s, '17' AS x)"
        pivot = f"(PIVOT (SELECT {second} AS m, {third} AS o FROM ({text}) z) ON m IN {values} USING count(o))"
        return f"{pivot} AS {alias}", self._known(alias, (Column("n", "i"), Column("s", "i"), Column("x", "i")))

    def aggregate(self, kind: str, columns: Columns, inner: Columns | None = None) -> str:
        """An aggregate of that kind over `columns`, or over `inner` of them."""
        number, text = self.value("i", inner or columns, 1), self.value("s", inner or columns, 1)
        only = f" FILTER (WHERE {self.truth(inner or columns, 1, 0)})" if self.chance(4) else ""
        forms = {
            "i": (
                "count(*)",
                f"sum({number})",
                f"max({number})",
                f"count(DISTINCT {text})",
                f"list_count(list({number}))",
            ),
            "s": (f"min({text})", f"string_agg({text}, ',' ORDER BY {text})", f"max({text})"),
            "d": (f"max({self.value('d', columns, 1)})",),
            "l": (f"list({number} ORDER BY {number})", f"list(DISTINCT {number} ORDER BY {number})"),
            "t": (f"list({text} ORDER BY {text})",),
            "r": (f"{{'a': count(*), 'b': min({text})}}",),
        }
        made = self.pick(forms[kind])
        return made if made.startswith(("list_count(", "{")) else made + only

    def value(self, kind: str, columns: Columns, depth: int) -> str:
        """An expression of that kind: a column, a constant or, with `depth`, a composed one."""
        known = [column.text for column in columns if column.kind == kind or (kind, column.kind) == ("s", "n")]
        if known and (depth <= 0 or self.chance(2)):
            return self.pick(known)
        return self.pick(self._composed(kind, columns, depth - 1))() if depth > 0 else CONSTANTS[kind]

    def _composed(self, kind: str, columns: Columns, below: int) -> list[Callable[[], str]]:
        def form(template: str, kinds: str) -> Callable[[], str]:
            return lambda: template.format(*(self.value(kind, columns, below) for kind in kinds))

        forms = [form(template, kinds) for template, kinds in FORMS[kind]]
        if kind == "i":
            numeric = [column.text for column in columns if column.kind == "n"]
            forms += [lambda: f"{self.pick(numeric)}::INTEGER"] * (3 * bool(numeric))
            forms.append(
                lambda: f"CASE WHEN {self.truth(columns, below, 0)} THEN {self.value('i', columns, below)} ELSE 2 END"
            )
        return forms

    def truth(self, columns: Columns, depth: int, below: int) -> str:
        """A predicate; with `below` it may hold a subquery."""
        return self.pick(self._truths(columns, depth - 1, below))()

    def _truths(self, columns: Columns, depth: int, below: int) -> list[Callable[[], str]]:
        def value(kind: str) -> str:
            return self.value(kind, columns, depth)

        numeric = [column.text for column in columns if column.kind == "n"]
        comparison = ("<", ">", "=", "<>", "IS DISTINCT FROM")
        forms: list[Callable[[], str]] = [
            lambda: f"{value('i')} {self.pick(comparison)} {self.pick((2, 17, 40))}",
            lambda: f"{value('s')} LIKE '{self.pick(('N%', '%1%', '%-%', '%CANARY%'))}'",
            lambda: f"{value('i')} IN (1, 17, {value('i')})",
            lambda: f"{value('s')} IS NOT NULL",
            lambda: f"{value('i')} BETWEEN 1 AND 30",
            lambda: f"list_contains({value('t')}, {value('s')}::VARCHAR)",
        ]
        forms += [lambda: f"{self.pick(numeric)}::INTEGER > 3"] * (4 * bool(numeric))
        if depth > 0:
            for template in ("({} AND {})", "({} OR {})", "NOT ({})"):
                forms.append(
                    lambda template=template: template.format(*(self.truth(columns, depth, 0) for _ in range(2)))
                )  # type: ignore[misc]
        return forms + [lambda: self._subquery(columns)] * (3 * bool(below))

    def _subquery(self, columns: Columns) -> str:
        number = self.value("i", columns, 1)
        inner, theirs = self._named()
        on = f"{self.value('i', theirs, 0)} = {number}"
        form = self.pick((1, 2, 3))
        if form == 1:
            return f"EXISTS (SELECT 1 FROM {inner} WHERE {on} AND {self.truth(theirs, 1, 0)})"
        if form == 2:
            return f"{number} {self.pick(('IN', 'NOT IN'))} (SELECT {self.value('i', theirs, 1)} FROM {inner})"
        return f"(SELECT {self.aggregate('i', theirs)} FROM {inner} WHERE {on}) > 1"


@st.composite
def statements(draw: st.DrawFn) -> str:
    """A SELECT over shop.people and sales.orders."""
    return Builder(draw).statement()
