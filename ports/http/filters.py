"""The filter grammar of an address: PostgREST's text to a tree. Pure; knows no column and no type.

Source: PostgREST documentation, "Tables and Views", and its QueryParams grammar: a value beside `column=` is taken as
it stands; inside `in.(...)`, `or=(...)` and `and=(...)` it may be double-quoted, with a backslash before `"` and `\\`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gateway import BadQuery

COMPARISONS = ("eq", "neq", "gt", "gte", "lt", "lte", "isdistinct")
PATTERNS = ("like", "ilike", "match", "imatch")
COLLECTIONS = ("cs", "cd", "ov")
OPERATORS = (*COMPARISONS, *PATTERNS, "in", "is", *COLLECTIONS)
QUANTIFIED = ("eq", "gt", "gte", "lt", "lte", *PATTERNS)
# PostgREST's operators that mean nothing here, with what comes nearest.
ELSEWHERE = {
    **dict.fromkeys(("fts", "plfts", "phfts", "wfts"), "text is searched by ilike.*word* or imatch.word"),
    **dict.fromkeys(
        ("sl", "sr", "nxl", "nxr", "adj"), "there are no ranges here: compare both ends by gt, gte, lt, lte"
    ),
}
IS_VALUES = ("null", "not_null", "true", "false", "unknown")
CONDITION_LIMIT = 200
DEPTH_LIMIT = 20
LIST_LIMIT = 10_000
QUANTIFIED_LIMIT = 100


@dataclass(frozen=True)
class Comparison:
    """`column` `operator` `value`, the operator being one of COMPARISONS or PATTERNS."""

    column: str
    operator: str
    value: str
    negated: bool


@dataclass(frozen=True)
class Membership:
    """`column` is one of `values`."""

    column: str
    values: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class Quantified:
    """`column` `operator` any or all of `values`, the operator being one of QUANTIFIED."""

    column: str
    operator: str
    quantifier: Literal["any", "all"]
    values: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class Collection:
    """The list in `column` contains `values` (cs), is contained in them (cd), or shares one with them (ov)."""

    column: str
    operator: str
    values: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class Is:
    """`column` IS one of IS_VALUES."""

    column: str
    what: str
    negated: bool


@dataclass(frozen=True)
class Logic:
    """Conditions joined by one connective."""

    connective: Literal["and", "or"]
    terms: tuple[Filter, ...]
    negated: bool


Filter = Comparison | Membership | Quantified | Collection | Is | Logic


def condition(column: str, text: str) -> Filter:
    """The filter that `column=text` means. Raises BadQuery (syntax, value, limit)."""
    scanner = _Scanner(text, column)
    found = scanner.operation(column, lambda: scanner.take(r"(?s:.*)"))
    scanner.end()
    return found


def logic(connective: Literal["and", "or"], text: str, negated: bool) -> Logic:
    """The filter that `or=text` or `and=text` means. Raises BadQuery (syntax, value, limit)."""
    scanner = _Scanner(text, connective)
    terms = scanner.terms(1)
    scanner.end()
    return Logic(connective, terms, negated)


class _Scanner:
    """A reader over one parameter's text; `parameter` is its name, for refusals."""

    def __init__(self, text: str, parameter: str) -> None:
        self._text = text
        self._parameter = parameter
        self._place = 0
        self._conditions = 0

    def operation(self, column: str, value: Callable[[], str]) -> Filter:
        """`[not.]operator.value`, the value of comparisons being read by `value`."""
        self._conditions += 1
        if self._conditions > CONDITION_LIMIT:
            raise BadQuery(f"a filter has at most {CONDITION_LIMIT} conditions", reason="limit")
        negated = self.skip("not.")
        operator, quantifier = self._operator(column)
        if operator == "in":
            return Membership(column, self._list("(", ")", LIST_LIMIT), negated)
        if operator == "is":
            return Is(column, self._is_value(column), negated)
        if operator in COLLECTIONS:
            return Collection(column, operator, self._list("{", "}", LIST_LIMIT), negated)
        if quantifier is not None:
            return Quantified(column, operator, quantifier, self._list("{", "}", QUANTIFIED_LIMIT), negated)
        return Comparison(column, operator, value(), negated)

    def terms(self, depth: int) -> tuple[Filter, ...]:
        """`(term,term,...)`."""
        if depth > DEPTH_LIMIT:
            raise BadQuery(f"a filter nests at most {DEPTH_LIMIT} deep", reason="limit")
        self._expect("(")
        found = [self._term(depth)]
        while self._lexeme(","):
            found.append(self._term(depth))
        self._expect(")")
        return tuple(found)

    def end(self) -> None:
        """Nothing may follow."""
        if self._place < len(self._text):
            raise self._refusal("the end")

    def skip(self, text: str) -> bool:
        """Take `text` if it stands here."""
        if self._text.startswith(text, self._place):
            self._place += len(text)
            return True
        return False

    def take(self, pattern: str) -> str:
        """Take what `pattern` matches here, "" if it does not."""
        found = re.compile(pattern).match(self._text, self._place)
        self._place = found.end() if found else self._place
        return found.group() if found else ""

    def _term(self, depth: int) -> Filter:
        self.take(" *")
        nested = re.compile(r"(not\.)?(and|or) *(?=\()").match(self._text, self._place)
        if nested:
            self._place = nested.end()
            connective: Literal["and", "or"] = "and" if nested[2] == "and" else "or"
            return Logic(connective, self.terms(depth + 1), nested[1] is not None)
        column = self._quoted(r"(?=\.)")
        if column is None:
            column = self.take(r"[^.,()\"]+")
        if not column or not self.skip("."):
            raise self._refusal("column.operator.value, and(...) or or(...)")
        return self.operation(column, self._nested_value)

    def _nested_value(self) -> str:
        quoted = self._quoted(r"(?=[,)])")
        return self.take(r"[^,)]*") if quoted is None else quoted

    def _operator(self, column: str) -> tuple[str, Literal["any", "all"] | None]:
        """An operator with its quantifier, and the dot behind them."""
        place = self._place
        name = self.take(r"[a-z]+")
        modifier = self.take(r"\([a-z]*\)")[1:-1] if name in QUANTIFIED else ""
        if name in OPERATORS and modifier in {"", "any", "all"} and self.skip("."):
            return name, "any" if modifier == "any" else "all" if modifier == "all" else None
        self._place = place
        raise self._no_operator(column, self.take(r"[^.,]{0,20}"), place)

    def _no_operator(self, column: str, written: str, place: int) -> BadQuery:
        name, modified, _ = written.partition("(")
        nearest = difflib.get_close_matches(name, OPERATORS, n=1)
        advice = f"did you mean {nearest[0]}? " if nearest and nearest[0] != name else ""
        allowed = ", ".join(OPERATORS)
        if name in ELSEWHERE:
            advice = f"{ELSEWHERE[name]}; "
        elif modified and name in OPERATORS:
            advice = f"(any) and (all) stand behind {', '.join(QUANTIFIED)} only; "
        return BadQuery(
            f'"{written}" is not an operator for column "{column[:63]}"',
            reason="syntax",
            hint=f"{advice}write [not.]operator.value with one of {allowed}",
            position=place,
        )

    def _list(self, opening: str, closing: str, limit: int) -> tuple[str, ...]:
        """`(a,"b,c")` or `{a,"b,c"}`; nothing between the marks is an empty list."""
        self._expect(opening)
        start = self._place
        bare = rf"[^,{re.escape(closing)}]*"
        values = [self._item(closing, bare)]
        while self.skip(","):
            values.append(self._item(closing, bare))
            if len(values) > limit:
                raise BadQuery(f"a list in a filter takes at most {limit} values", reason="limit")
        empty = values == [""] and self._text[start : self._place] == ""
        self._expect(closing)
        return () if empty or (values == [""] and opening == "(") else tuple(values)

    def _item(self, closing: str, bare: str) -> str:
        quoted = self._quoted(rf"(?=[,{re.escape(closing)}])")
        return self.take(bare) if quoted is None else quoted

    def _is_value(self, column: str) -> str:
        place = self._place
        word = self.take(r"[A-Za-z_]+").lower()
        if word not in IS_VALUES:
            raise BadQuery(f'is takes {", ".join(IS_VALUES)} (column "{column[:63]}")', reason="value", position=place)
        return word

    def _quoted(self, follow: str) -> str | None:
        """A double-quoted text that `follow` matches behind; None (and nothing taken) for anything else."""
        found = re.compile(r'"((?:[^"\\]|\\["\\])*)"' + follow, re.DOTALL).match(self._text, self._place)
        if found is None:
            return None
        self._place = found.end()
        return re.sub(r'\\(["\\])', r"\1", found[1])

    def _lexeme(self, mark: str) -> bool:
        self.take(" *")
        return self.skip(mark)

    def _expect(self, mark: str) -> None:
        if not self._lexeme(mark):
            raise self._refusal(f'"{mark}"')

    def _refusal(self, expected: str) -> BadQuery:
        return BadQuery(
            f'the filter "{self._parameter[:63]}" is not understood at character {self._place}: expected {expected}',
            reason="syntax",
            position=self._place,
        )
