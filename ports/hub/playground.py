"""The playground: governed SQL, GraphQL and measures, asked as who looks. Touches the gateway's front door only.

What is asked comes by a form and runs here, by the same way as behind every door; no answer may be kept.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from fastapi import Request
from starlette.exceptions import HTTPException

from gateway import BadQuery, Bearer, GatewayError, Password, Query, Session, VisibleProduct
from ports.http import asked, asking, errors, measured, pages, provenance, snippets_web
from ports.http.comparing import STEPS
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub import answers
from ports.hub.answers import Table
from ports.hub.browser import Browser, Form
from ports.hub.connecting import TOKEN

PATH = "/hub/-/playground"
KINDS = ("sql", "measures", "graphql")
TEXT_LIMIT = 100_000
ANSWER_LIMIT = 200_000
Ask = Callable[[Session, str, Lifeline], bytes]


@dataclass(frozen=True)
class Question:
    """What the form holds: `kind` is one of KINDS; the rest is that of the kind."""

    kind: str
    text: str = ""
    product: str = ""
    measure: str = ""
    by: str = ""
    grain: str = ""


@dataclass(frozen=True)
class Place:
    """Where a refused text is wrong: the line, its number and the column, from 1."""

    line: str
    number: int
    column: int


@dataclass(frozen=True)
class Told:
    """What came of it: a table, or JSON, or a refusal with its place in the text."""

    table: Table | None = None
    json: str = ""
    error: GatewayError | None = None
    place: Place | None = None


class Playground:
    """The work of its pages."""

    def __init__(self, browser: Browser, graphql: Ask) -> None:
        self._browser, self._graphql = browser, graphql
        self._gateway = browser.gateway

    def form(self, reader: Reader, request: Request, _: Lifeline) -> Answer:
        """The form, with a first question that works."""
        return self._page(reader, request, _question(dict(reader.asked)), None, {}, 200)

    def ask(self, reader: Reader, request: Request, form: Form, lifeline: Lifeline) -> Answer:
        """The form as it was sent, with what came of it; a refusal is shown beside the question."""
        given = _question(form)
        try:
            told, headers = self._told(reader, given, lifeline)
        except GatewayError as error:
            kept = asked.told(self._gateway, request.scope, error)
            assert not isinstance(kept, HTTPException)
            status, _ = errors.status(kept)
            return self._page(reader, request, given, Told(error=kept, place=_place(given, kept)), {}, status)
        return self._page(reader, request, given, told, headers, 200)

    def _told(self, reader: Reader, given: Question, lifeline: Lifeline) -> tuple[Told, Mapping[str, str]]:
        if len(given.text) > TEXT_LIMIT:
            raise BadQuery(f"the playground takes at most {TEXT_LIMIT} characters", reason="limit")
        if given.kind == "graphql":
            content = self._graphql(reader.session, given.text, lifeline)
            return Told(json=json.dumps(json.loads(content), indent=2, ensure_ascii=False)[:ANSWER_LIMIT]), {}
        pin = self._gateway.pin(reader.session)
        if given.kind == "measures":
            visible = self._gateway.product(reader.session, given.product)
            found = asking.named(visible, given.measure)
            tables = asking.tables(self._gateway, reader.session, pin, visible.product.name, found)
            query = measured.compose(measured.understand(_pairs(given), tables))
        else:
            query = Query(given.text)
        with lifeline.hold(self._gateway.answer(reader.session, query, form="text", pin=pin)) as result:
            return Told(table=answers.table(result)), provenance.headers(result.provenance)

    def _page(
        self,
        reader: Reader,
        request: Request,
        given: Question,
        told: Told | None,
        headers: Mapping[str, str],
        status: int,
    ) -> Answer:
        products = self._gateway.products(reader.session)
        asking_of = [
            one for one in products if any(item.kind == "measure" for of in one.tables for item in of.semantics)
        ]
        given = given if given.text or told is not None else _first(given, products, asking_of)
        of = next((one for one in asking_of if one.product.name == given.product), None)
        return self._browser.page(
            "playground.html",
            reader,
            {**headers, "Cache-Control": "no-store"},
            status,
            given=given,
            told=told,
            kinds=KINDS,
            products=asking_of,
            measures=[
                (table.table.name, one) for table in of.tables for one in table.semantics if one.kind == "measure"
            ]
            if of is not None
            else [],
            dimensions=_dimensions(of) if of is not None else [],
            grains=STEPS,
            line=_line(given, reader, f"{request.url.scheme}://{pages.host(self._gateway, request)}"),
            rows_limit=answers.ROWS_LIMIT,
        )


def _question(form: Mapping[str, str]) -> Question:
    """What a form or an address asks; an unknown kind is the first."""
    kind = form.get("kind", "")
    take = partial(form.get)
    return Question(
        kind if kind in KINDS else KINDS[0],
        (take("text") or "").replace("\r\n", "\n"),
        (take("product") or "").lower(),
        (take("measure") or "").lower(),
        (take("by") or "").lower(),
        (take("grain") or "").lower(),
    )


def _first(given: Question, products: tuple[VisibleProduct, ...], asking_of: list[VisibleProduct]) -> Question:
    """A question that the reader may ask, in place of none."""
    wanted = next((one for one in products if one.product.name == given.product), None)
    if given.kind == "measures":
        of = wanted if wanted in asking_of else next(iter(asking_of), None)
        return given if of is None else Question("measures", product=of.product.name)
    of = wanted or next(iter(products), None)
    if of is None:
        return given
    name, table = of.product.name, of.tables[0]
    columns = [column.name for column in table.columns[:5]]
    if given.kind == "graphql":
        text = f"{{\n  {name} {{\n    {table.table.name}(limit: 5) {{ {' '.join(columns)} }}\n  }}\n}}"
        return Question("graphql", text)
    return Question("sql", f"SELECT {', '.join(columns)}\nFROM {name}.{table.table.name}\nLIMIT 20")


def _dimensions(of: VisibleProduct) -> list[str]:
    """What measures may be grouped by, of their own tables."""
    names: dict[str, None] = {}
    for table in of.tables:
        if any(one.kind == "measure" for one in table.semantics):
            names |= dict.fromkeys(one.name for one in table.semantics if one.kind == "dimension")
    return list(names)


def _pairs(given: Question) -> list[tuple[str, str]]:
    pairs = (("by", given.by), ("grain", given.grain), ("order", given.by))
    return [(name, value) for name, value in pairs if value]


def _line(given: Question, reader: Reader, base: str) -> str:
    """The same question as a line for curl."""
    login = Bearer(TOKEN) if reader.password is None else Password(reader.subject, reader.password)
    if given.kind == "sql":
        return snippets_web.curl(login, {"sql": given.text}, f"{base}/sql", None)
    if given.kind == "graphql":
        return snippets_web.curl(login, {"query": given.text}, f"{base}/graphql", None)
    if not given.measure:
        return ""
    proof = f"--user {login.subject}:{login.secret}" if isinstance(login, Password) else f"--oauth2-bearer {TOKEN}"
    address = f"{base}/products/{given.product}/-/measures/{given.measure}?{urlencode(_pairs(given))}"
    return f"curl -s {proof} {shlex.quote(address.rstrip('?'))}"


def _place(given: Question, error: GatewayError) -> Place | None:
    """Where in the text an error is; None where it is about no place in it."""
    if error.position is None or not given.text or error.position > len(given.text):
        return None
    before = given.text[: error.position]
    number, column = before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1
    return Place(given.text.split("\n")[number - 1], number, column)
