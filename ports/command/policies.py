"""`outport policy`: what is doubtful in the policies, what an edit would change, and whether their tests hold.

Reads folders of policies and asks the gateway as each principal; changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from gateway import Gateway, Query
from gateway.document import Finding
from gateway.errors import Unavailable
from gateway.policies import policy
from gateway.policies.policy_check import checked
from gateway.policies.policy_file import read_folder
from gateway.policies.policy_rules import PolicyError
from gateway.product import Product
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import account, people, show, trials
from ports.command.access import accesses, opened, treatment
from ports.command.flags import PLACES, with_settings

app = typer.Typer(no_args_is_help=True, help="What the policies say: doubts, differences, tests.")
_Key = tuple[str, str, str]


@dataclass(frozen=True)
class Seen:
    """What one principal gets of one table: each column's treatment, and how many rows."""

    columns: Mapping[str, str]
    rows: int


@dataclass(frozen=True)
class Change:
    """What an edit changes for one principal in one table."""

    subject: str
    table: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]
    changes: tuple[str, ...]
    rows_before: int
    rows_after: int


@app.command("check")
@with_settings(*PLACES)
def check(*, settings: Settings) -> None:
    """Tell what is wrong or doubtful: rules that change nothing, contradict, or spare somebody; exit 1 for errors."""
    products = _served(settings)
    loaded = _loaded(settings, products)
    policies, _ = read_folder(settings.policies)
    found = checked(policies, products)
    doubts = (*loaded.warnings, *found.doubts)
    for finding in doubts:
        show.line(_line(finding))
    show.line(f"{len(policies.rules)} rules load, {len(doubts)} doubts")
    if found.undecided:
        show.line("compared word by word, since they depend on claims, functions, columns or other tables:")
    for rule, words in found.undecided.items():
        show.line(f"  {rule}: {'; '.join(words)}")


@app.command("test")
@with_settings(*PLACES)
def test(*, settings: Settings) -> None:
    """Try the scenarios of policies/tests/*.yaml on the policies; exit 1 where one does not hold."""
    products = _served(settings)
    loaded = _loaded(settings, products)
    outcomes = tuple(trials.tried(settings.policies, loaded, products))
    for one in outcomes:
        show.line(f"{'FAILS' if one.failure else 'holds'}  {one.where}{f': {one.failure}' if one.failure else ''}")
    if any(one.failure for one in outcomes):
        raise typer.Exit(1)


@app.command("diff")
@with_settings(*PLACES)
def diff(
    old: Annotated[Path, typer.Argument(help="a folder of policies")],
    new: Annotated[Path, typer.Argument(help="another one")],
    *,
    port: Annotated[str, typer.Option("--port", help="the door that the questions come through")] = "rest",
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    settings: Settings,
) -> None:
    """Tell which principal gains or loses which column and rows, counted on what is served now."""
    changes = tuple(_changes(_seen(settings, old, port), _seen(settings, new, port)))
    if as_json:
        show.line(json.dumps([one.__dict__ for one in changes], indent=2))
        return
    for one in changes:
        show.line(f"{one.subject}  {one.table}  {_words(one)}")
    show.line(f"{len(changes)} changes")


def _loaded(settings: Settings, products: Sequence[Product]) -> policy.PolicySet:
    """The policies as they stand; where they do not load, what is wrong is told and the command ends."""
    try:
        return policy.load(settings.policies, products)
    except PolicyError as error:
        for finding in error.findings:
            show.line(_line(finding))
        raise typer.Exit(1) from error


def _served(settings: Settings) -> list[Product]:
    return [snapshot.product for snapshot in Catalog(settings.state).current().snapshots]


def _line(finding: Finding) -> str:
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    return f"{finding.severity}  {place}: {finding.problem} ({finding.remedy})"


def _seen(settings: Settings, folder: Path, port: str) -> dict[_Key, Seen]:
    """What every principal of the directory gets under the policies of `folder`. Raises Unavailable."""
    found: dict[_Key, Seen] = {}
    with opened(settings.model_copy(update={"policies": folder})) as gateway:
        problems = gateway.ready().problems
        if problems:
            raise Unavailable(f"{folder}: {problems[0]}", reason="policies", hint="outport policy check")
        for subject in people.directory(settings).subjects():
            found |= _of(gateway, subject, port)
    return found


def _of(gateway: Gateway, subject: str, port: str) -> dict[_Key, Seen]:
    session = replace(gateway.impersonate(subject, port), account=account.name())
    found: dict[_Key, Seen] = {}
    for snapshot in gateway.pin().deployment.current:
        name = snapshot.product.name
        for table in accesses(gateway, session, snapshot):
            if table.refusal:
                continue
            columns = {one.column: treatment(one) for one in table.columns if one.treatment != "hidden"}
            with gateway.answer(session, Query(f'SELECT count(*) FROM "{name}"."{table.table}"')) as result:
                (batch,) = (one for one in result.batches() if one.num_rows)
                found[subject, name, table.table] = Seen(columns, batch.column(0)[0].as_py())
    return found


def _changes(before: Mapping[_Key, Seen], after: Mapping[_Key, Seen]) -> Iterator[Change]:
    nothing = Seen({}, 0)
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, nothing), after.get(key, nothing)
        if old == new:
            continue
        altered = [name for name in new.columns if name in old.columns and old.columns[name] != new.columns[name]]
        yield Change(
            subject=key[0],
            table=f"{key[1]}.{key[2]}",
            gains=tuple(name for name in new.columns if name not in old.columns),
            loses=tuple(name for name in old.columns if name not in new.columns),
            changes=tuple(f"{name}: {old.columns[name]} -> {new.columns[name]}" for name in altered),
            rows_before=old.rows,
            rows_after=new.rows,
        )


def _words(one: Change) -> str:
    parts = [
        f"{what} {', '.join(names)}"
        for what, names in (("gains", one.gains), ("loses", one.loses), ("changes", one.changes))
        if names
    ]
    rows = [f"rows {one.rows_before} -> {one.rows_after}"] if one.rows_before != one.rows_after else []
    return "; ".join([*parts, *rows])
