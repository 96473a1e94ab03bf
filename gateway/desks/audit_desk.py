"""What the audit holds of a product, for who manages it. Reads the audit folder; that it was read is on record.

A record that names another product too is told to who manages that one as well. No record holds a value of a product.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway import ticking
from gateway.access.keys import Keys
from gateway.accounting import audit
from gateway.accounting.audit_find import Search, find
from gateway.accounting.observe import AuditRead, Observer
from gateway.errors import BadQuery, Exhausted, NotFound
from gateway.reach.managers import Managers
from gateway.session import Session
from gateway.settings import Settings

RECORDS_LIMIT = 100
PAGES = 100


@dataclass(frozen=True)
class Recorded:
    """One record: what happened when, by whom and for whom, through which door, and how it ended."""

    time: str
    event: str
    subject: str
    on_behalf_of: str
    port: str
    purpose: str
    outcome: str
    rows: int | None
    rules: tuple[str, ...]
    query_id: str


@dataclass(frozen=True)
class Wanted:
    """What is looked for, as a form brings it: "" is everything; times are ISO, UTC where they name no zone."""

    subject: str = ""
    outcome: str = ""
    rule: str = ""
    since: str = ""
    until: str = ""

    def search(self, product: str) -> Search:
        """The same of a product. Raises BadQuery."""
        return Search(
            product=product,
            subject=self.subject or None,
            outcome=self.outcome or None,
            rule=self.rule or None,
            since=_moment(self.since),
            until=_moment(self.until),
        )


@dataclass(frozen=True)
class Found:
    """One page of records, and whether there are more after it."""

    records: tuple[Recorded, ...]
    more: bool


class AuditDesk:
    """Tells of records at the doors. Thread-safe; one search at a time, since each reads every file."""

    def __init__(self, settings: Settings, keys: Keys, observer: Observer, managers: Managers) -> None:
        self._folder, self._seals = settings.audit, audit.seals(keys)
        self._observer, self._managers = observer, managers
        self._turn = threading.Lock()

    def find(self, session: Session, product: str, wanted: Wanted, page: int = 1) -> Found:
        """Records of a product, the newest first, RECORDS_LIMIT on a page of PAGES.

        Raises NotFound, Forbidden, Unavailable; BadQuery for no such time or page; Exhausted while another search
        goes on.
        """
        name = self._managers.check(session, product).product.name
        if not 1 <= page <= PAGES:
            raise BadQuery(f"there are pages 1 to {PAGES}: look for less", reason="value")
        search = wanted.search(name)
        reader = " for ".join(one for one in session.recorded if one)
        self._observer.record(AuditRead(reader, "find", search.filters))
        if not self._turn.acquire(blocking=False):
            raise Exhausted("another search of the audit goes on: try again", reason="busy", retry_s=1)
        try:
            known = {name: True}
            hits = (hit.fields for hit in find(self._folder, search, self._seals))
            last = deque((one for one in hits if self._managed(session, one, known)), page * RECORDS_LIMIT + 1)
        finally:
            self._turn.release()
        found = sorted(map(_recorded, last), key=lambda one: one.time, reverse=True)
        first = (page - 1) * RECORDS_LIMIT
        more = len(found) > first + RECORDS_LIMIT and page < PAGES
        return Found(tuple(found[first : first + RECORDS_LIMIT]), more)

    def _managed(self, session: Session, fields: Mapping[str, Any], known: dict[str, bool]) -> bool:
        """Whether the session manages every product that a record names."""
        for one in fields.get("products", ()):
            name = str(one).partition("@")[0]
            if name not in known:
                known[name] = self._manages(session, name)
            if not known[name]:
                return False
        return True

    def _manages(self, session: Session, name: str) -> bool:
        try:
            return bool(self._managers.rule(session, self._managers.seen(session, name).product))
        except NotFound:
            return False


def _moment(text: str) -> datetime | None:
    try:
        return ticking.read(text) if text else None
    except (ValueError, OverflowError) as error:
        raise BadQuery("a time is one of ISO 8601, such as 2031-01-31T12:00", reason="value") from error


def _recorded(fields: Mapping[str, Any]) -> Recorded:
    refused = fields.get("refused") or {}
    rows = fields.get("rows")
    return Recorded(
        time=str(fields.get("time", "")),
        event=str(fields.get("event", "")),
        subject=str(fields.get("subject", "")),
        on_behalf_of=str(fields.get("on_behalf_of") or ", ".join(fields.get("looked_at", ()))),
        port=str(fields.get("port") or ""),
        purpose=str(fields.get("purpose") or ""),
        outcome=str(refused.get("code") or fields.get("outcome") or ""),
        rows=rows if isinstance(rows, int) else None,
        rules=tuple(str(one) for one in fields.get("rules", ())),
        query_id=str(fields.get("query_id") or ""),
    )
