"""Who defines projections, lists them and takes them back: over what he sees himself, in a name space of his own.

Asks the pins and the audit, writes the shelf. What its definer sees gives nothing to others: of a projection each is
told what there is of it for himself.
"""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from gateway.accounting.observe import Observer, ProductManaged
from gateway.binding.measure_names import semantics
from gateway.binding.views import Grant
from gateway.decision import Decision
from gateway.document import Documents, Finding, Path, Report
from gateway.errors import BadQuery, Forbidden, NotFound
from gateway.reach import grants
from gateway.reach.evidence import refusal
from gateway.reach.pins import Pins
from gateway.reach.projected import ProjectedSnapshot, lost, over, speaks_of
from gateway.serving.projection import EVERYBODY, ROLE, ProjectedTable, Projection, ProjectionError, parse
from gateway.serving.projection_shelf import Defined, ProjectionShelf, Shelved, Unfit
from gateway.session import Pin, Session
from gateway.snapshot import Deployment, Snapshot
from gateway.ticking import Clock

# How many projections, and tables of them, one owner has at most, and all together: every list asks for each table.
OWNED, OWNED_TABLES = 50, 150
ALL, ALL_TABLES = 1_000, 2_000
OPERATOR = "command"
State = Literal["served", "retired", "without an origin", "a product has its name", "its name is not free", "not fit"]
_NOT_FREE = "this name is not free"


@dataclass(frozen=True)
class Told:
    """A projection as one may be told of it: `declared` has what of it there is for him.

    Who owns it is told to whom it is shown (`consumers` of `declared`), by whom and when it was defined, and its
    `state`; its definer of what he has named that is not there for him now: `absent`. One that is not fit has neither
    tables nor an origin, and `findings`.
    """

    declared: Projection
    own: bool
    by: str
    at: str
    state: State
    absent: tuple[str, ...]
    findings: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        found = self.declared.document
        if not self.own:
            return {name: value for name, value in found.items() if name != "consumers"}
        told = {**found, "defined_by": self.by, "defined_at": self.at, "state": self.state, "absent": list(self.absent)}
        return {**told, "findings": list(self.findings)} if self.findings else told


class ProjectionDesk:
    """The projections of one deployment. Thread-safe; several processes change one shelf."""

    def __init__(self, shelf: ProjectionShelf, pins: Pins, audit: Observer, clock: Clock) -> None:
        self._shelf, self._pins, self._audit, self._clock = shelf, pins, audit, clock

    def listed(self, session: Session) -> tuple[Told, ...]:
        """Those that the session owns, and those of which it sees a table."""
        pin = self._pins.present()
        shelved = self._shelf.current()
        found = (self._told(session, pin, one) for one in shelved.every)
        unfit = (_unfit(one) for one in shelved.unfit if _owned(session, pin, one))
        return (*(one for one in found if one is not None), *unfit)

    def show(self, session: Session, name: str) -> Told:
        """One of those. Raises NotFound."""
        shelved, pin = self._shelf.current(), self._pins.present()
        one, unfit = shelved.find(name.lower()), shelved.refused(name.lower())
        told = self._told(session, pin, one) if one is not None else None
        if told is None and unfit is not None and _owned(session, pin, unfit):
            told = _unfit(unfit)
        if told is None:
            raise NotFound(f'projection "{name[:63]}" does not exist', reason="product")
        return told

    def define(self, session: Session, texts: Sequence[tuple[str, str]]) -> tuple[Told, ...]:
        """Put what all of the (file, text) declare in place of what was there under these names, or nothing of it.

        Raises BadQuery, from a ProjectionError with every reason; Forbidden for who may not define, Unavailable.
        """
        self._audit.check()
        self._may(session)
        pin = self._pins.present()
        findings: list[Finding] = []
        found: list[Projection] = []
        for file, text in texts:
            try:
                found.append(_Check(session, pin, file).projection(*parse(file, text, session.principal.subject)))
            except ProjectionError as error:
                findings += error.findings
        if findings:
            refused = ProjectionError(findings)
            raise refused.refusal from refused
        at = self._clock.now().isoformat(timespec="seconds")
        new = [Defined(one, session.principal.subject, at) for one in found]
        self._fits(session, pin, new)
        for one in found:
            self._record(session, one, "define projection")
        self._shelf.changed(lambda before: _with(before, new))
        return tuple(self.show(session, one.name) for one in found)

    def delete(self, session: Session, name: str) -> str:
        """Take back one that the session owns; its name. Raises NotFound, Forbidden, Unavailable."""
        self._audit.check()
        self._may(session)
        told = self.show(session, name)
        if not told.own:
            raise self._refused(session, f'to delete "{told.declared.name}" is its owner\'s')
        self._record(session, told.declared, "delete projection")
        self._shelf.changed(lambda before: without(before, told.declared.name))
        return told.declared.name

    def _may(self, session: Session) -> None:
        principal = session.principal
        if principal.behalf is not None or principal.scope.actions is not None or principal.scope.products is not None:
            raise self._refused(
                session, "projections are defined by who has signed in for himself, with his whole right"
            )

    def _refused(self, session: Session, words: str) -> Forbidden:
        error = Forbidden(words, reason="projection")
        self._audit.record(refusal(session, "", uuid.uuid4().hex, None, error))
        error.on_record = True
        return error

    def _record(self, session: Session, one: Projection, action: str) -> None:
        subject, behalf = session.recorded
        told = ProductManaged(
            subject=subject, on_behalf_of=behalf, port=session.port, purpose=session.purpose,
            products=(one.product,) if one.product else (), action=action, what=one.name, tool=session.tool,
        )  # fmt: skip
        self._audit.record(told)

    def _fits(self, session: Session, pin: Pin, new: list[Defined]) -> None:
        """Raise BadQuery where names are not free, or there are too many."""
        plain, known = _plain(pin.deployment), self._shelf.current()
        names = [one.projection.name for one in new]
        for name in names:
            before, unfit = known.find(name), known.refused(name)
            free = before is None or owns(session, pin, before.projection)
            free = free and (unfit is None or _owned(session, pin, unfit))
            taken = plain.find(name) is not None or plain.ended(name) is not None
            if not free or taken or names.count(name) > 1:
                raise BadQuery(f"{name}: {_NOT_FREE}", reason="name")
        _with(known, new)

    def _told(self, session: Session, pin: Pin, one: Defined) -> Told | None:
        own = owns(session, pin, one.projection)
        whole = own and one.by == session.principal.subject and session.principal.behalf is None
        snapshot = pin.deployment.find(one.projection.name)
        there = _restricted(session, pin, snapshot, one.projection)
        if not own and not there:
            return None
        seen = {f"{table.of}.{name.name}" for table in there for name in table.names}
        named = [f"{table.of}.{name.name}" for table in one.projection.tables for name in table.names]
        absent = tuple(dict.fromkeys(name for name in named if name not in seen)) if whole else ()
        declared = one.projection if whole else replace(one.projection, tables=there)
        return Told(declared, own, one.by, one.at, _state(session, pin, one.projection), absent)


def owns(session: Session, pin: Pin, declared: Projection) -> bool:
    """Whether everybody who asks is the owner, or has the role that owns it."""
    named = declared.owner != EVERYBODY
    return named and all(speaks_of(declared.owner, one, pin.policies) for one in session.principal.both)


def _owned(session: Session, pin: Pin, one: Unfit) -> bool:
    """Whether one that is not fit is the session's, as `owns` has it."""
    return bool(one.name) and owns(session, pin, _unfit(one).declared)


def _unfit(one: Unfit) -> Told:
    nothing = Projection(one.name, one.owner, "", None, "", "", (), ())
    return Told(nothing, True, one.by, one.at, "not fit", (), one.findings)


def state(deployment: Deployment, declared: Projection) -> State:
    """What has become of it."""
    plain = _plain(deployment)
    if plain.find(declared.name) is not None or plain.ended(declared.name) is not None:
        return "a product has its name"
    if plain.find(declared.origin) is not None:
        return "served"
    return "retired" if plain.ended(declared.origin) is not None else "without an origin"


def _state(session: Session, pin: Pin, declared: Projection) -> State:
    """The same in what the session sees: a product that it does not see is not there."""
    plain, found = _plain(pin.deployment), state(pin.deployment, declared)
    named = declared.name if found == "a product has its name" else declared.origin
    snapshot, ended = plain.find(named), plain.ended(named)
    meant = snapshot or (ended.snapshot if ended is not None else None)
    if meant is None or grants.sees(session, replace(pin, deployment=plain), meant):
        return found
    return "its name is not free" if found == "a product has its name" else "without an origin"


def broken(deployment: Deployment, declared: Projection) -> tuple[str, ...]:
    """What it names that its origin does not have, for who operates the deployment."""
    origin = _plain(deployment).find(declared.origin)
    return () if origin is None else tuple(name for table in declared.tables for name in lost(origin.product, table))


def namespace(owner: str) -> str:
    """What the names of an owner's projections are, or begin with before an underscore."""
    name = re.sub(r"[^a-z0-9_]", "_", owner.removeprefix(ROLE).lower())
    return name if name[:1].isalpha() else f"of_{name}"


def _plain(deployment: Deployment) -> Deployment:
    return replace(deployment, projected=(), projected_ended=())


def _with(before: Shelved, new: Iterable[Defined]) -> Shelved:
    every = {one.projection.name: one for one in before.every}
    for one in new:
        known = every.get(one.projection.name)
        # Another process may have defined it since it was looked at.
        if known is not None and known.projection.owner != one.projection.owner and known.by != one.by:
            raise BadQuery(f"{one.projection.name}: {_NOT_FREE}", reason="name")
        every[one.projection.name] = one
    _fewer(every.values(), {one.projection.owner for one in new})
    named = {one.projection.name for one in new}
    return Shelved(tuple(every[name] for name in sorted(every)), tuple(o for o in before.unfit if o.name not in named))


def _fewer(every: Iterable[Defined], owners: Iterable[str]) -> None:
    """Raise BadQuery where there are too many of them."""
    found = [one.projection for one in every]
    sizes = [len(found), sum(len(one.tables) for one in found)]
    for owner in owners:
        own = [one for one in found if one.owner == owner]
        if len(own) > OWNED or sum(len(one.tables) for one in own) > OWNED_TABLES:
            words = f"one owner has at most {OWNED} projections with {OWNED_TABLES} tables in all"
            raise BadQuery(words, reason="limit")
    if sizes[0] > ALL or sizes[1] > ALL_TABLES:
        raise BadQuery(f"all together there are at most {ALL} projections with {ALL_TABLES} tables", reason="limit")


def without(before: Shelved, gone: str) -> Shelved:
    """What is left when it is taken back."""
    kept = tuple(one for one in before.every if one.projection.name != gone)
    return Shelved(kept, tuple(one for one in before.unfit if one.name != gone))


def _restricted(
    session: Session, pin: Pin, snapshot: Snapshot | None, declared: Projection
) -> tuple[ProjectedTable, ...]:
    """The tables with what of them there is for the session."""
    if not isinstance(snapshot, ProjectedSnapshot) or snapshot.declared.digest != declared.digest:
        return ()
    found: list[ProjectedTable] = []
    for table in declared.tables:
        grant = grants.grant(session, pin, "metadata", snapshot, table.name)
        if grant is not None:
            known = set(grant.decision.known)
            parts = (
                [one for one in part if one.shown in known] for part in (table.columns, table.grain, table.measures)
            )
            columns, grain, measures = map(tuple, parts)
            found.append(replace(table, columns=columns, grain=grain, measures=measures))
    return tuple(found)


class _Check:
    """What one declaration names, looked up as its definer sees it."""

    def __init__(self, session: Session, pin: Pin, file: str) -> None:
        self._session, self._pin, self._file = session, pin, file
        self._report = Report(Documents({}))

    def projection(self, declared: Projection, documents: Documents) -> Projection:
        """It, where all of it is there for the session. Raises ProjectionError."""
        self._report = Report(documents)
        if not owns(self._session, self._pin, declared):
            told = "it is owned by you, or by a role that you have"
            self._error(("owner",), f'"{declared.owner[:63]}" is neither', told)
        space = namespace(declared.owner)
        if declared.name != space and not declared.name.startswith(f"{space}_"):
            self._error(
                ("name",), f'"{declared.name}" is no name of {declared.owner[:63]}', f"{space}, or {space}_NAME"
            )
        if EVERYBODY in declared.consumers and self._session.port != OPERATOR:
            # What one consumer writes would stand in everybody's lists.
            told = f"to show it to {EVERYBODY} is for who operates the deployment"
            self._error(("consumers",), told, "subjects and role:NAME; or outport projection apply")
        self._origin(declared)
        if self._report.errors:
            raise ProjectionError(self._report.errors)
        return declared

    def _error(self, path: Path, problem: str, remedy: str) -> None:
        self._report.error(self._file, path, problem, remedy)

    def _origin(self, declared: Projection) -> None:
        plain = replace(self._pin, deployment=_plain(self._pin.deployment))
        snapshot = plain.deployment.find(declared.origin)
        granted = self._granted(plain, snapshot) if snapshot is not None else {}
        if not granted:
            self._unseen(plain, declared)
            return
        assert snapshot is not None
        for place, table in enumerate(declared.tables):
            path: Path = ("tables", place)
            grant = granted.get(table.of)
            if grant is None:
                self._error((*path, "of"), f'table "{table.of}" does not exist', _near(table.of, granted))
            elif table.columns:
                self._columns(table, grant.decision, path)
            else:
                self._grain(declared, table, grant, path)

    def _granted(self, pin: Pin, snapshot: Snapshot) -> dict[str, Grant]:
        every = ((one.name, grants.grant(self._session, pin, "metadata", snapshot, one.name))
                 for one in snapshot.product.tables)  # fmt: skip
        return {name: grant for name, grant in every if grant is not None}

    def _unseen(self, plain: Pin, declared: Projection) -> None:
        over_it = self._pin.deployment.find(declared.origin)
        if isinstance(over_it, ProjectedSnapshot) and grants.sees(self._session, self._pin, over_it):
            told = f'"{declared.of}" is a projection itself, and one is over a product'
            self._error(("of",), told, f"of: {over_it.declared.of}")
            return
        grants.retired(self._session, plain, declared.origin)
        seen = [one.product.name for one in plain.deployment.current if grants.sees(self._session, plain, one)]
        self._error(("of",), f'product "{declared.of}" does not exist', _near(declared.product, seen))

    def _columns(self, table: ProjectedTable, decision: Decision, path: Path) -> None:
        for place, one in enumerate(table.columns):
            if one.name not in decision.known:
                where = (*path, "columns", place)
                self._error(where, f'column "{one.name}" does not exist', _near(one.name, decision.known))

    def _grain(self, declared: Projection, table: ProjectedTable, grant: Grant, path: Path) -> None:
        known, decision = semantics(grant), grant.decision
        dimensions = [*decision.visible, *(name for name, one in known.items() if one.kind == "dimension")]
        measures = [name for name, one in known.items() if one.kind == "measure"]
        before = len(self._report.errors)
        for key, what, every, there in (
            ("grain", "dimension", table.grain, dimensions),
            ("measures", "measure", table.measures, measures),
        ):
            for place, one in enumerate(every):
                if one.name not in there:
                    where = (*path, key, place)
                    self._error(where, f'{what} "{one.name}" does not exist', _near(one.name, there))
        if len(self._report.errors) == before:
            self._askable(declared, table, path)

    def _askable(self, declared: Projection, table: ProjectedTable, path: Path) -> None:
        """Whether each measure may be asked by these dimensions."""
        alone = replace(declared, owner=self._session.principal.subject, tables=(table,))
        made = over(_plain(self._pin.deployment), (replace(alone, name="projection$"),))
        snapshot = next(iter(made.projected), None)
        found = None
        if snapshot is not None:
            found = grants.grant(self._session, replace(self._pin, deployment=made), "metadata", snapshot, table.name)
        left = set(found.decision.known) if found is not None else set()
        for place, one in enumerate(table.measures):
            if one.shown not in left:
                told = f'measure "{one.name}" is not for groups by these dimensions'
                self._error((*path, "measures", place), told, "fewer dimensions, or another measure")


def _near(name: str, there: Iterable[str]) -> str:
    known = sorted(set(there))
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known[:20])}" if known else ""
