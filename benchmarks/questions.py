"""The same question put to each server in its own language: a record by its key, a page by a filter in an order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.load import Http, Wire, get, post

PAGE = 100
BARE, STEWARD, ANALYST = "bare uvicorn, a constant", "outport, steward", "outport, analyst"
EACH, TOGETHER = "outport, steward, a query each", "outport, steward, no rows kept"
OVER_GRAPHQL = "outport over GraphQL, steward"
# What GraphQL's servers, this one too, call a type of DuckDB in a variable of a query.
GRAPHQL = {"BIGINT": "BigInt", "INTEGER": "Int", "VARCHAR": "String"}

Value = int | str


@dataclass(frozen=True)
class Question:
    """What is asked of one table: rows where `where` has given values (in turn), `order` None where that is a key.

    `columns` are all that the steward sees, with their types. `order` is descending; ties come in the key's order.
    """

    title: str
    product: str
    table: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    where: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    order: str | None


def outport(question: Question, port: int, subject: str) -> Http:
    """Asked of this gateway's REST."""
    rows = f"/products/{question.product}/{question.table}"
    if question.order is None:
        paths = [f"{rows}/{','.join(map(str, values))}" for values in question.values]
    else:
        order = ",".join([f"{question.order}.desc", *question.key])
        paths = [f"{rows}?{_joined(question, values, '{}=eq.{}')}&order={order}" for values in question.values]
        paths = [f"{path}&limit={PAGE}" for path in paths]
    return Http(f"outport, {subject}", port, tuple(get(path, subject) for path in paths))


def graphql(question: Question, port: int) -> Http:
    """Asked of this gateway's GraphQL, as the steward."""
    declared = ", ".join(f"${name}: {GRAPHQL[question.columns[name]]}!" for name in question.where)
    fields = " ".join(question.columns)
    if question.order is None:
        given = ", ".join(f"{name}: ${name}" for name in question.where)
        rows = f"{question.table}ByKey({given})"
    else:
        given = ", ".join(f"{name}: {{_eq: ${name}}}" for name in question.where)
        order = ", ".join([f"{{{question.order}: DESC}}", *(f"{{{name}: ASC}}" for name in question.key)])
        rows = f"{question.table}(where: {{{given}}}, orderBy: [{order}], limit: {PAGE})"
    text = f"query ({declared}) {{ {question.product} {{ {rows} {{ {fields} }} }} }}"
    asked = (dict(zip(question.where, values, strict=True)) for values in question.values)
    return Http(
        OVER_GRAPHQL, port, tuple(post("/graphql", {"query": text, "variables": one}, "steward") for one in asked)
    )


def roapi(question: Question, port: int) -> Http:
    """Asked of ROAPI's REST."""
    form = "filter[{}]={}" if isinstance(question.values[0][0], int) else "filter[{}]='{}'"
    end = ""
    if question.order is not None:
        end = f"&sort={quote(','.join([f'-{question.order}', *question.key]))}&limit={PAGE}"
    rows = f"/api/tables/{question.table}"
    paths = (f"{rows}?{quote(_joined(question, values, form), safe='&=[]')}{end}" for values in question.values)
    return Http("ROAPI", port, tuple(get(path) for path in paths))


def postgraphile(question: Question, port: int) -> Http:
    """Asked of PostGraphile's GraphQL."""
    one = question.table.removesuffix("s")
    declared = ", ".join(f"${_camel(name)}: {GRAPHQL[question.columns[name]]}!" for name in question.where)
    given = ", ".join(f"{_camel(name)}: ${_camel(name)}" for name in question.where)
    fields = " ".join(map(_camel, question.columns))
    if question.order is None:
        by = "And".join(_camel(name)[0].upper() + _camel(name)[1:] for name in question.key)
        text = f"query ({declared}) {{ {one}By{by}({given}) {{ {fields} }} }}"
    else:
        order = ", ".join([f"{question.order.upper()}_DESC", *(f"{name.upper()}_ASC" for name in question.key)])
        rows = f"all{question.table.title()}(condition: {{{given}}}, orderBy: [{order}], first: {PAGE})"
        text = f"query ({declared}) {{ {rows} {{ nodes {{ {fields} }} }} }}"
    requests = (
        post("/graphql", {"query": text, "variables": _variables(question, values)}) for values in question.values
    )
    return Http("PostGraphile 5", port, tuple(requests))


def postgres(question: Question, url: str, python: Path) -> Wire:
    """Asked of PostgreSQL by its own protocol."""
    where = " AND ".join(f"{name} = ${place}" for place, name in enumerate(question.where, 1))
    end = ""
    if question.order is not None:
        end = f" ORDER BY {', '.join([f'{question.order} DESC', *question.key])} LIMIT {PAGE}"
    text = f"SELECT {', '.join(question.columns)} FROM {question.table} WHERE {where}{end}"
    return Wire("PostgreSQL's wire (no web API)", python, url, text, question.values)


def agreed(question: Question, targets: Iterable[object]) -> int:
    """How many rows the web servers answer with. Raises RuntimeError unless all who show the same rows agree."""
    asked = [one for one in targets if isinstance(one, Http) and one.name not in {BARE, ANALYST}]
    answers = {one.name: _rows(question, json.loads(one.first())) for one in asked}
    if len(set(answers.values())) != 1:
        raise RuntimeError(f"{question.title}: the servers do not answer alike: {answers}")
    return len(answers[STEWARD])


def _rows(question: Question, given: object) -> tuple[tuple[Decimal, ...], ...]:
    """Key and order of each row, wherever an answer has its rows."""
    wanted = [*question.key, *([question.order] if question.order else [])]
    answer: Any = given
    while isinstance(answer, dict) and not {wanted[0], _camel(wanted[0])} & answer.keys():
        if "errors" in answer:
            raise RuntimeError(str(answer["errors"]))
        answer = answer.get("data", next(iter(answer.values())))
    rows = answer if isinstance(answer, list) else [answer]
    return tuple(tuple(Decimal(str(row.get(name, row.get(_camel(name))))) for name in wanted) for row in rows)


def _joined(question: Question, values: Sequence[Value], form: str) -> str:
    return "&".join(form.format(name, value) for name, value in zip(question.where, values, strict=True))


def _variables(question: Question, values: Sequence[Value]) -> dict[str, Value]:
    """The values of a GraphQL query; BigInt is text in JSON."""
    pairs = zip(question.where, values, strict=True)
    return {_camel(name): str(value) if question.columns[name] == "BIGINT" else value for name, value in pairs}


def _camel(name: str) -> str:
    return "".join(
        letter.upper() if before == "_" else letter for before, letter in pairwise(f" {name}") if letter != "_"
    )
