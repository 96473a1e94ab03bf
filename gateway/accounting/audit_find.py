"""Records of the audit that a question names, from all files, one line at a time. Reads the audit folder only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.accounting import audit_chain, audit_files
from gateway.accounting.audit_chain import Seal

BEGUN = "query_begun"
# What has no outcome of its own, by event.
_ENDINGS = {"query_refused": "refused", BEGUN: "unfinished"}


@dataclass(frozen=True)
class Search:
    """What is looked for: all of what is not None. `column` is product.table.column, or the beginning of one.

    `outcome` is how a query ended, "unfinished", "refused", or the code or reason of a refusal.
    """

    event: str | None = None
    subject: str | None = None
    on_behalf_of: str | None = None
    product: str | None = None
    column: str | None = None
    rule: str | None = None
    outcome: str | None = None
    query_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def filters(self) -> tuple[str, ...]:
        """What is asked for, as `name=value`."""
        return tuple(f"{name}={value}" for name, value in vars(self).items() if value is not None)


@dataclass(frozen=True, slots=True)
class Hit:
    """A record, where it stands, and whether its own seal holds; its place in the chain is for `verify` to tell."""

    file: str
    line: int
    fields: Mapping[str, Any]
    sealed: bool


def find(folder: Path, search: Search, seals: Iterable[Seal]) -> Iterator[Hit]:
    """Every record that `search` names, file after file.

    That an answer has begun is told only where no end of it is on file (at last), unless that event is asked for.
    """
    begun: dict[object, Hit] = {}
    known = {seal.key_id: seal for seal in seals}
    needles = _needles(search)
    since, until = _moment(search.since), _moment(search.until)
    for file in audit_files.chain_files(folder)[0]:
        seal = known.get(str(file.opening.fields.get("key"))) if file.opening is not None else None
        for number, raw in enumerate(audit_files.lines(file.path), 1):
            # Most lines are not looked for: to read each would take three times as long.
            if not all(needle in raw for needle in needles):
                continue
            line = audit_chain.read(raw)
            if line is None:
                continue
            if line.fields.get("event") == "query_answered":
                begun.pop(line.fields.get("query_id"), None)
            if not _matches(search, line.fields, since, until):
                continue
            hit = Hit(file.path.name, number, line.fields, seal is not None and line.holds(seal))
            if line.fields.get("event") == BEGUN and search.event is None:
                begun[line.fields.get("query_id")] = hit
            else:
                yield hit
    yield from begun.values()


def _matches(search: Search, fields: Mapping[str, Any], since: str | None, until: str | None) -> bool:
    time = str(fields.get("time"))
    plain = (
        ("event", search.event),
        ("subject", search.subject),
        ("query_id", search.query_id),
    )
    return (
        all(value is None or fields.get(name) == value for name, value in plain)
        and (search.on_behalf_of is None or search.on_behalf_of in _behalf(fields))
        and (since is None or time >= since)
        and (until is None or time < until)
        and (search.rule is None or search.rule in fields.get("rules", ()))
        and (search.product is None or search.product.lower() in _products(fields))
        and (search.column is None or any(_within(one, search.column.lower()) for one in _columns(fields)))
        and (search.outcome is None or search.outcome in _outcomes(fields))
    )


def _behalf(fields: Mapping[str, Any]) -> set[object]:
    """For whom it was, or who was looked at."""
    return {fields.get("on_behalf_of"), *fields.get("looked_at", ())}


def _products(fields: Mapping[str, Any]) -> set[str]:
    return {str(one).partition("@")[0] for one in (*fields.get("products", ()), fields.get("product", ""))}


def _columns(fields: Mapping[str, Any]) -> Iterator[str]:
    return (str(one["column"]) for one in fields.get("columns", ()))


def _within(column: str, wanted: str) -> bool:
    return column == wanted or column.startswith(f"{wanted}.")


def _outcomes(fields: Mapping[str, Any]) -> set[object]:
    refused = fields.get("refused") or {}
    ending = _ENDINGS.get(str(fields.get("event")), fields.get("outcome"))
    return {ending, refused.get("code"), refused.get("reason"), fields.get("reason")} - {None}


def _needles(search: Search) -> tuple[bytes, ...]:
    """Bytes that every line has that is looked for; none for a text that JSON might write in another way."""
    exact = (search.event, search.subject, search.on_behalf_of, search.rule, search.query_id)
    texts = [f'"{value}"' for value in exact if value is not None]
    texts += [f'"{value.lower()}' for value in (search.product, search.column) if value is not None]
    return tuple(text.encode() for text in texts if text.isascii() and text.isprintable() and "\\" not in text)


def _moment(when: datetime | None) -> str | None:
    """A time as lines have it: in that form, texts are in the order of times."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if when is not None else None
