"""`outport audit`: what the audit holds, and whether it stands as it was written. Reads it, and says so there."""

from __future__ import annotations

import heapq
import itertools
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Annotated

import typer

from gateway.access import keys
from gateway.accounting import audit, audit_chain, audit_files
from gateway.accounting.audit_chain import Head
from gateway.accounting.audit_find import BEGUN, Hit, Search, find
from gateway.accounting.audit_verify import FileReport, verify
from gateway.accounting.observe import AuditRead
from gateway.errors import Unavailable
from gateway.settings import Settings, SettingsError
from ports.command import account, show
from ports.command.flags import PLACES, with_settings

app = typer.Typer(no_args_is_help=True, help="Who saw what, and whether that record stands as it was written.")
Json = Annotated[bool, typer.Option("--json", help="for machines: one object a line")]
Folder = Annotated[Path | None, typer.Option(help="another folder of audit files, such as a copy")]
_AGO = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@app.command("verify")
@with_settings(*PLACES)
def verify_all(
    *,
    heads: Annotated[list[Path] | None, typer.Option(help="file with exported heads, or a log; - is a pipe")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="the oldest files were moved away")] = False,
    folder: Folder = None,
    as_json: Json = False,
    settings: Settings,
) -> None:
    """Check every chain of the audit; exit code 1 if a line or a file was edited, put in, taken out, moved or cut."""
    exported = _heads(heads or ())
    place = looked(settings, folder, "verify", tuple(map(str, exported)))
    broken = False
    for report in verify(place, audit.seals(keys.load(settings)), exported, archived=archived):
        broken |= not report.whole
        if as_json:
            show.line(json.dumps(asdict(report) | {"whole": report.whole}))
        else:
            _tell(report)
    if broken:
        raise typer.Exit(1)


@app.command("find")
@with_settings(*PLACES)
def find_records(
    *,
    subject: Annotated[str | None, typer.Option(help="who asked")] = None,
    on_behalf_of: Annotated[str | None, typer.Option(help="on whose behalf")] = None,
    product: Annotated[str | None, typer.Option(help="a product that was read")] = None,
    column: Annotated[str | None, typer.Option(help="PRODUCT.TABLE.COLUMN, or PRODUCT.TABLE")] = None,
    rule: Annotated[str | None, typer.Option(help="a rule that decided")] = None,
    outcome: Annotated[str | None, typer.Option(help="answered, refused, unfinished, ..., or an error's code")] = None,
    query_id: Annotated[str | None, typer.Option(help="one query")] = None,
    event: Annotated[str | None, typer.Option(help="a kind of record, such as sign_in_failed")] = None,
    since: Annotated[str | None, typer.Option(help="from this time on (ISO, UTC), or 90m, 24h, 7d ago")] = None,
    until: Annotated[str | None, typer.Option(help="before this time")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="records shown at most, the last ones")] = 50,
    folder: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines: every record, one a line")] = False,
    settings: Settings,
) -> None:
    """Show records of the audit that fit all that is asked; to look at it is itself recorded."""
    search = Search(
        event, subject, on_behalf_of, product, column, rule, outcome, query_id, moment(since), moment(until)
    )
    place = looked(settings, folder, "find", search.filters)
    hits = find(place, search, audit.seals(keys.load(settings)))
    if as_json:
        for hit in hits:
            show.line(json.dumps({**hit.fields, "file": hit.file, "line": hit.line, "sealed": hit.sealed}))
        return
    numbers = itertools.count()
    numbered = ((str(hit.fields.get("time")), next(numbers), hit) for hit in hits)
    # Of all files together: processes write at the same time, each its own.
    last = [hit for *_, hit in sorted(heapq.nlargest(limit, numbered, key=itemgetter(0, 1)), key=itemgetter(0, 1))]
    number = next(numbers)
    columns = ("time", "event", "subject", "port", "products", "outcome", "rows", "query", "place")
    show.console().print(show.table(columns, map(_row, last)))
    show.note(f"{number} records" + (f", the last {limit} shown" if number > limit else ""))


@app.command("head")
@with_settings(*PLACES)
def head(*, folder: Folder = None, settings: Settings) -> None:
    """Print where each chain stands: kept elsewhere, it proves later that no end was cut (verify --heads)."""
    place = looked(settings, folder, "head", ())
    found: dict[str, Head] = {}
    for file in audit_files.chain_files(place)[0]:
        last = audit_files.head(file)
        if last is not None:
            found[last.chain] = last
    for one in found.values():
        show.line(str(one))


def looked(settings: Settings, folder: Path | None, action: str, filters: tuple[str, ...]) -> Path:
    """The folder that may be read now: that it is read is on record."""
    chain = audit.of(settings, keys.load(settings))
    named = filters if folder is None else (f"folder={folder}", *filters)
    try:
        chain.record(AuditRead(account.name(), action, named))
    except Unavailable:
        if settings.audit_required:
            raise
        show.note("warning: the audit cannot be written; this look into it is not recorded")
    finally:
        chain.close()
    if folder is not None and not folder.is_dir():
        raise SettingsError((f"folder: {folder} is no folder",))
    return folder or settings.audit


def _heads(files: Iterable[Path]) -> tuple[Head, ...]:
    texts = [sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8") for file in files]
    found = tuple(dict.fromkeys(one for text in texts for one in audit_chain.heads(text)))
    if texts and not found:
        raise SettingsError(("heads: no head stands there; `outport audit head` prints them",))
    return found


def moment(text: str | None) -> datetime | None:
    """A time, or so long ago. Raises SettingsError."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago:
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError((f"{text:.40} is no time; 2026-11-21T14:00 is, or 24h",)) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _tell(report: FileReport) -> None:
    verdict = "whole " if report.whole else "BROKEN"
    span = f"lines {report.first}-{report.last} of chain {report.chain}" if report.last else f"chain {report.chain}"
    show.line(f"{verdict}  {report.file or '(no file)'}  {span}  {report.state}")
    for finding in report.findings:
        level = "note " if finding.note else "error"
        place = f"{report.file}:{finding.line}: " if finding.line is not None else ""
        show.line(f"  {level}  {place}{finding.message}")


def _row(hit: Hit) -> tuple[object, ...]:
    fields = hit.fields
    refused = fields.get("refused") or {}
    outcome = fields.get("outcome") or ("refused" if refused else fields.get("reason"))
    outcome = "unfinished" if fields.get("event") == BEGUN else outcome
    behalf = fields.get("on_behalf_of") or ", ".join(fields.get("looked_at", ()))
    who = fields.get("subject") or fields.get("reader")
    cells = (
        fields.get("time"),
        fields.get("event"),
        f"{who} for {behalf}" if behalf else who,
        fields.get("port"),
        ", ".join(fields.get("products", ())) or fields.get("product"),
        f"{outcome} ({refused['code']})" if refused.get("code") else outcome,
        fields.get("rows"),
        fields.get("query_id"),
        f"{hit.file}:{hit.line}" + ("" if hit.sealed else " SEAL BROKEN"),
    )
    return tuple(None if cell is None else _printable(str(cell)) for cell in cells)


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)
