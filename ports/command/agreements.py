"""`outport agreement`: who may use what, for which purposes and until when. Touches policies and served products."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from gateway.errors import NotFound
from gateway.policies import policy
from gateway.policies.agreements import Agreement
from gateway.policies.policy import PolicyError, PolicySet
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import show
from ports.command.flags import PLACES, with_settings

app = typer.Typer(no_args_is_help=True, help="Agreements on access, in policies/agreements/*.yaml.")
_DAY_S = 86_400


def _loaded(settings: Settings) -> PolicySet:
    """The policies as they stand in the folder, over what is served. Raises PolicyError with every reason."""
    deployment = Catalog(settings.state).current()
    return policy.load(settings.policies, [snapshot.product for snapshot in deployment.snapshots])


def _refused(error: PolicyError) -> typer.Exit:
    for finding in error.findings:
        (show.error if finding.severity == "error" else show.note)(str(finding))
    return typer.Exit(1)


@app.command("list")
@with_settings(*PLACES)
def list_all(*, settings: Settings) -> None:
    """List the agreements: for whom, on what, until when."""
    try:
        every = _loaded(settings).agreements
    except PolicyError as error:
        raise _refused(error) from error
    now = time.time()
    rows = [
        (one.id, _whom(one), ", ".join(one.target.products), one.state(now), _last(one), _again(one, now))
        for one in sorted(every, key=lambda one: (one.end, one.id))
    ]
    show.console().print(show.table(("agreement", "for", "product", "state", "last day", "reassessment"), rows))


@app.command("show")
@with_settings(*PLACES)
def show_one(identifier: Annotated[str, typer.Argument(help="the agreement's id")], *, settings: Settings) -> None:
    """Show one agreement with all that it says."""
    try:
        every = {one.id: one for one in _loaded(settings).agreements}
    except PolicyError as error:
        raise _refused(error) from error
    one = every.get(identifier)
    if one is None:
        raise NotFound(f"there is no agreement {identifier:.100}", reason="agreement", hint="outport agreement list")
    now = time.time()
    rows = [
        ("state", one.state(now)),
        ("consumer", _listed(one.consumers)),
        ("roles", _listed(one.roles)),
        ("product", _listed(one.target.products)),
        ("version", _listed(one.target.versions)),
        ("port", _listed(one.ports)),
        ("purposes", _listed(one.purposes)),
        ("start", _day(one.start)),
        ("last day", _last(one)),
        ("reassessment", _again(one, now)),
        ("approver", one.approver),
        ("description", one.description),
        ("file", one.file),
    ]
    show.console().print(show.table((one.id, ""), rows))


@app.command("check")
@with_settings(*PLACES)
def check(
    *,
    days: Annotated[int, typer.Option(min=0, max=3660, help="tell of those that end within so many days")] = 30,
    settings: Settings,
) -> None:
    """Say what is wrong or due: files that are refused, ends, reassessments. Ends with 1 if anything is."""
    try:
        policies = _loaded(settings)
    except PolicyError as error:
        raise _refused(error) from error
    now = time.time()
    due = [f"{finding}" for finding in policies.warnings if finding.problem.startswith("agreement ")]
    for one in policies.agreements:
        if one.state(now) == "ended":
            due.append(f"{one.id}: ended on {_last(one)}")
        elif one.end < now + days * _DAY_S:
            due.append(f"{one.id}: ends on {_last(one)}")
        if one.overdue(now):
            due.append(f"{one.id}: its reassessment was due on {one.reassessment}, by {one.approver}")
    for line in due:
        show.line(line)
    if due:
        raise typer.Exit(1)
    show.line(f"{len(policies.agreements)} agreements, nothing is due")


def _whom(one: Agreement) -> str:
    roles = [f"role {name}" for name in one.roles]
    return " and ".join(part for part in (", ".join(one.consumers), ", ".join(roles)) if part)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else "any"


def _last(one: Agreement) -> str:
    return _day(one.end - _DAY_S)


def _day(second: float) -> str:
    return str(datetime.fromtimestamp(second, UTC).date())


def _again(one: Agreement, now: float) -> str:
    when: date | None = one.reassessment
    return "" if when is None else f"{when} (overdue)" if one.overdue(now) else str(when)
