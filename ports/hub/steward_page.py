"""A product's page for who manages it: who sees what and why, its plan, runs, what was set aside, incidents, the audit.

Touches the gateway's front door only, which asks the right to manage for each of these anew and keeps it on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from gateway import PORTS, Access, BadQuery, Found, GatewayError, Stewardship, Supposed, VisibleProduct, Wanted
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub import talk
from ports.hub.browser import Browser, Form, see_other

# Each is a question to the policies.
SUBJECTS = 16
RUNS = 20
# What is looked for in the audit -> the field of the form that says it.
_FIELDS = {"subject": "who", "outcome": "outcome", "rule": "rule", "since": "since", "until": "until"}


@dataclass(frozen=True)
class Line:
    """One column in the matrix: for each subject what it gets, "" where the column does not exist for it."""

    column: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    """One table: which rows each subject gets, and each column of it."""

    table: str
    subjects: tuple[str, ...]
    rows: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Explained:
    """What one would get, or in `words` why that is not told."""

    access: Access | None
    words: str


@dataclass(frozen=True)
class Searched:
    """A page of the audit, or in `words` what is wrong with what was asked."""

    found: Found
    page: int
    words: str


@dataclass(frozen=True)
class Planned:
    """What publishing the product's folder would change, or in `words` why that is not told."""

    plan: Mapping[str, Any]
    words: str


class StewardPage:
    """The work of this page and its forms."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._gateway = gateway = browser.gateway
        self._stewardship = Stewardship(gateway.settings, gateway.managers, gateway.stewards)

    def page(self, reader: Reader, request: Request, _: Lifeline) -> Answer:
        """All of it; refused to who does not manage the product."""
        visible = self._managed(reader, request)
        name, asked = visible.product.name, dict(reader.asked)
        session = reader.session
        subjects = self._gateway.stewards.subjects(session)
        return self._browser.page(
            "steward.html",
            reader,
            {"Cache-Control": "no-store"},
            visible=visible,
            product=visible.product,
            more=max(0, len(subjects) - SUBJECTS),
            matrices=matrices(visible, self._gateway.stewards.compare(session, name, subjects[:SUBJECTS])),
            subjects=subjects,
            why=self._explained(reader, name, asked),
            doors=PORTS,
            asked=asked,
            planned=self._planned(reader, name, asked),
            refreshes=self._gateway.refreshes.history(session, name, RUNS),
            asides=self._gateway.quarantine.read(session, name),
            incidents=self._gateway.slo.of(session, visible).incidents,
            threads=[one for one in talk.read(self._gateway, reader, visible) if one.open],
            records=self._records(reader, name, asked),
        )

    def refresh(self, reader: Reader, request: Request, _: Form, __: Lifeline) -> Answer:
        """Ask for the product to be made anew."""
        name = self._managed(reader, request).product.name
        self._gateway.refreshes.request(reader.session, name)
        return see_other(reader.link(f"/hub/{name}/-/steward") + "#refreshes")

    def apply(self, reader: Reader, request: Request, _: Form, __: Lifeline) -> Answer:
        """Publish the product's folder as it stands."""
        name = self._managed(reader, request).product.name
        self._stewardship.apply(reader.session, name)
        return see_other(reader.link(f"/hub/{name}/-/steward", plan="1") + "#plan")

    def acknowledge(self, reader: Reader, request: Request, form: Form, _: Lifeline) -> Answer:
        """Keep that an incident was seen, in words."""
        name = self._managed(reader, request).product.name
        self._gateway.slo.acknowledge(reader.session, name, form.get("incident", ""), form.get("words", ""))
        return see_other(reader.link(f"/hub/{name}/-/steward") + "#incidents")

    def _managed(self, reader: Reader, request: Request) -> VisibleProduct:
        return self._gateway.managers.check(reader.session, request.path_params["product"])

    def _planned(self, reader: Reader, product: str, asked: Mapping[str, str]) -> Planned | None:
        """The plan, where it was asked for: to be told who has used what breaks is on record."""
        if "plan" not in asked:
            return None
        try:
            return Planned(self._stewardship.plan(reader.session, product), "")
        except GatewayError as error:
            return Planned({}, error.message)

    def _explained(self, reader: Reader, product: str, asked: Mapping[str, str]) -> Explained:
        """What the form asks for: whom, at which door, stating what."""
        if not asked.get("subject"):
            return Explained(None, "")
        supposed = Supposed(asked["subject"], product, asked.get("door") or "rest", asked.get("stating") or None)
        try:
            return Explained(self._gateway.stewards.explain(reader.session, supposed), "")
        except GatewayError as error:
            return Explained(None, error.message)

    def _records(self, reader: Reader, name: str, asked: Mapping[str, str]) -> Searched | None:
        """What the audit holds, where it was asked for: to look is on record."""
        if "audit" not in asked:
            return None
        given = {field: asked.get(key, "").strip() for field, key in _FIELDS.items()}
        page = int(text) if (text := asked.get("page", "1")).isdecimal() and len(text) < 4 else 0
        try:
            return Searched(self._gateway.audits.find(reader.session, name, Wanted(**given), page), page, "")
        except BadQuery as error:
            return Searched(Found((), more=False), 1, error.message)


def matrices(visible: VisibleProduct, accesses: Iterable[Access]) -> list[Matrix]:
    """Who gets what of each table that the steward sees, and of its columns."""
    every = list(accesses)
    found: list[Matrix] = []
    for one in visible.tables:
        name = one.table.name
        # A publication may have come between what the steward sees and what was explained.
        tables = [next((told for told in access.tables if told.table == name), None) for access in every]
        seen = [{column.column: column for column in told.columns} if told else {} for told in tables]
        rows = tuple(
            "none" if told is None or told.refusal else "all" if told.rows is None else "some" for told in tables
        )
        lines = []
        for column in one.known:
            kept = [columns.get(column.name) for columns in seen]
            lines.append(
                Line(
                    column.name,
                    tuple(
                        "" if cell is None or cell.treatment == "hidden" else cell.use or cell.mask or cell.treatment
                        for cell in kept
                    ),
                )
            )
        found.append(Matrix(name, tuple(access.supposed.subject for access in every), rows, tuple(lines)))
    return found
