"""What who manages a product does to it over the web, from plan to delete. By right, and on record.

Asks the managers first, then works as the operator's commands do: under the deployment's one publication lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.access import keys
from gateway.accounting import audit
from gateway.accounting.observe import AuditRead
from gateway.contracts.contract import ContractError
from gateway.contracts.visibility import referenced, sameness
from gateway.decision import Decision
from gateway.desks.stewards import Stewards
from gateway.document import POLICIES, Finding
from gateway.errors import BadQuery, NotFound, Unavailable
from gateway.operations import consumers, lifecycle, retirement
from gateway.operations.lifecycle import AccessChange, Breaking, Plan
from gateway.publication import breaks, bundle, publish
from gateway.publication.breaks import Broken
from gateway.publication.runs import Cause
from gateway.reach.managers import Managers
from gateway.reach.visible import VisibleProduct
from gateway.serving.catalog import Catalog
from gateway.session import Session
from gateway.settings import Settings
from gateway.snapshot import Snapshot
from gateway.sql import duck, tree

_WORDS = 500
# Of what breaks, and of who has used it, in one refusal.
_TOLD = 20


class Stewardship:
    """One deployment's products, as those change them who manage them. Thread-safe."""

    def __init__(self, settings: Settings, managers: Managers, stewards: Stewards) -> None:
        self._settings, self._managers, self._stewards = settings, managers, stewards

    def plan(self, session: Session, *names: str) -> dict[str, Any]:
        """What publishing the products' folders together would change, and whom that breaks.

        Who sees more or less of them is told of those whose access the session may look at, to who may look at some;
        how many rows that are, where they are all its own to count. Raises NotFound, Forbidden where one of them is not
        the session's to manage.
        """
        every = {one.product.name: one for one in (self._managers.check(session, name) for name in names)}
        folders = [folder for name in every for folder in self._folders(session, name)]
        since = datetime.now(UTC) - timedelta(days=consumers.DAYS)
        for name in every:
            self._read(session, "plan", name)
        try:
            found = lifecycle.plan(self._settings, folders, since, whose=self._stewards.looker(session))
        except ContractError as error:
            raise _refused(error) from error
        given = {name: told for name, told in found.document.items() if name not in {"access", "policies"}}
        products = zip(given["products"], found.products, strict=True)
        told = {**given, "products": [{**told, "findings": _findings(one.findings)} for told, one in products]}
        return {**told, "access": self._access(session, every, found)} if self._stewards.looks(session) else told

    def _access(self, session: Session, every: Mapping[str, VisibleProduct], found: Plan) -> list[dict[str, Any]]:
        """What becomes other for others, of the planned products alone."""
        of_these = [one for one in found.access if one.table.partition(".")[0] in every]
        known = self._stewards.told_of(session, tuple(every), {one.subject for one in of_these})
        asked = {name: self._stewards.asks(session, one.snapshot) for name, one in every.items()}
        return [_counted(one, asked[one.table.partition(".")[0]]) for one in of_these if one.subject in known]

    def apply(self, session: Session, *names: str) -> tuple[Snapshot, ...]:
        """Publish the products' folders as they stand, all at one moment or none, each after those that it reads.

        The snapshots that serve them, in the order of the names. Raises NotFound, Forbidden where one of them is not
        the session's to manage, BadQuery (breaks: readers, under a version that does not say so), Unavailable.
        """
        every = dict.fromkeys(self._managers.check(session, name).product.name for name in names)
        folders = [folder for name in every for folder in self._folders(session, name)]
        for name in every:
            beside = ", ".join(other for other in every if other != name)
            self._managers.record(session, name, "apply", what=f"with {beside}" if beside else "")
        cause = Cause("request", by=session.principal.subject)
        try:
            self._whole(folders)
            with _alone():
                return publish.together(self._settings, folders, cause=cause)
        except Broken as error:
            raise self._breaking(session, tuple(every), folders) from error
        except ContractError as error:
            raise _refused(error) from error

    def _whole(self, folders: Sequence[Path]) -> None:
        """Raises ContractError with the findings of all folders that cannot be read; Broken, before one is built."""
        reading = bundle.read(folders, self._settings.environment)
        if reading.findings:
            raise ContractError([finding for _, finding in reading.findings], reading.findings[0][0])
        served = Catalog(self._settings.state).current()
        for one in reading.products:
            old = served.find(f"{one.product.name}_v{one.product.major}")
            if old is not None and old.mock is None:
                breaks.broken(old, one.product, None, lambda _: None)

    def _breaking(self, session: Session, every: Sequence[str], folders: Sequence[Path]) -> BadQuery:
        """What breaks, and who has used it, as `plan` tells."""
        since = datetime.now(UTC) - timedelta(days=consumers.DAYS)
        for name in every:
            self._read(session, "apply", name)
        try:
            found = lifecycle.plan(self._settings, folders, since, whose=lambda _: False).products
        except ContractError as error:
            return _refused(error)
        lesser = [one for one in found if not one.fits]
        told = [
            f"{one.product}: {broken.change.place}: {broken.change.what} (used by {_named(broken)})"
            for one in lesser
            for broken in one.breaking
            if broken.change.breaks
        ]
        due = ", ".join(f"{one.product} {one.due}" for one in lesser)
        more = f"; and {len(told) - _TOLD} more, which the plan tells" if len(told) > _TOLD else ""
        detail = f"nothing was published: it would break readers: {'; '.join(told[:_TOLD])}{more}"
        return BadQuery(detail, reason="breaks", hint=f"say so by the version, which is served beside the other: {due}")

    def deprecate(self, session: Session, name: str, sunset: str, reason: str) -> Snapshot:
        """Say that the product ends on `sunset`, a day as in ISO 8601. Raises as `apply` does."""
        visible = self._managers.check(session, name)
        try:
            day = date.fromisoformat(sunset)
        except ValueError as error:
            raise BadQuery("sunset is a day, such as 2031-01-31", reason="value") from error
        product, on_record = visible.product, self._recorder(session)
        try:
            with _alone():
                return retirement.deprecate(self._settings, product.name, product.major, day, _words(reason), on_record)
        except ContractError as error:
            raise _refused(error) from error

    def promote(self, session: Session, name: str, reason: str) -> Snapshot:
        """Make the product's draft active, accepted by the session's principal: its owner, or who may in its place.

        Raises as `apply` does.
        """
        visible = self._managers.check(session, name)
        self._managers.accepts(session, visible.product)
        subject, on_record = session.principal.subject, self._recorder(session)
        try:
            product = visible.product
            with _alone():
                return retirement.promote(
                    self._settings, product.name, subject, _words(reason), on_record, product.major
                )
        except ContractError as error:
            raise _refused(error) from error

    def retire(self, session: Session, name: str, force: str, successor: str) -> tuple[Snapshot, ...]:
        """Serve the product's current major no more. Raises NotFound, Forbidden, BadQuery, Unavailable."""
        product = self._managers.check(session, name).product
        if successor and successor != product.name:
            self._managers.check(session, successor)
        on_record = self._recorder(session)
        with _alone():
            return retirement.retire(self._settings, product.name, product.major, _words(force), successor, on_record)

    def delete(self, session: Session, name: str, force: str) -> tuple[str, int]:
        """Remove every snapshot of the product, be it retired; its name, and how many. Its folder stays.

        Refused while it is in use, unless `force` says why. Raises NotFound, Forbidden, BadQuery that names who uses
        it, Unavailable.
        """
        product = self._managers.check_kept(session, name)
        if name.lower() != product.name:
            raise BadQuery("a product is deleted as a whole: name no major version", reason="value")
        for one in retirement.majors(self._settings, product.name):
            self._managers.manages(session, one)
        forced = _words(force)
        self._read(session, "delete", product.name)
        with _alone():
            return product.name, retirement.delete(self._settings, product.name, forced, self._recorder(session))

    def _folders(self, session: Session, name: str) -> list[Path]:
        """The folders that declare the product, in versions that are the session's to manage. Raises NotFound;
        Forbidden where there are others alone."""
        reading = bundle.read(bundle.folders([self._settings.products]), self._settings.environment)
        every = [one for one in reading.products if one.product.name == name]
        declared = [one for one in every if self._managers.rule(session, one.product)]
        if every and not declared:
            self._managers.manages(session, every[0].product)
        found = [one.folder for one in declared]
        found += sorted({folder for folder, _ in reading.findings if folder.name == name})
        if not found:
            raise NotFound(f"no folder of this deployment declares {name}", reason="product")
        return found

    def _recorder(self, session: Session) -> retirement.Recorder:
        def record(products: Sequence[str], action: str, what: str, reason: str) -> None:
            for product in products:
                self._managers.record(session, product, action, reason=reason, what=what)

        return record

    def _read(self, session: Session, verb: str, product: str) -> None:
        """On record: who plans or deletes is told of others' use."""
        chain = audit.of(self._settings, keys.load(self._settings))
        try:
            chain.record(AuditRead(session.principal.subject, verb, (f"product={product}",)))
        except Unavailable:
            if self._settings.audit_required:
                raise
        finally:
            chain.close()


@contextmanager
def _alone() -> Iterator[None]:
    """Inside, that another publication is running is told without its name: it may be of what the session does not
    see."""
    try:
        yield
    except Unavailable as error:
        if error.reason != "busy":
            raise
        told = "another publication is running"
        raise Unavailable(told, reason="busy", hint="wait for it to end; nothing was changed") from error


def _counted(one: AccessChange, asked: Mapping[str, Decision]) -> dict[str, Any]:
    """What becomes other for one, with its rows only where the reader could count them: where a query shows it each of
    them, with what tells them apart, and no column of them for use alone."""
    decision = asked.get(one.table.partition(".")[2])
    names = _columns(one.rows_before, one.rows_after)
    whole = decision is not None and decision.rows is None and not decision.uses and names is not None
    own = whole and decision is not None and all(sameness(decision, name) == "raw" for name in names or ())
    return asdict(one) if own else {**asdict(one), "rows_gained": None, "rows_lost": None}


def _columns(*filters: str | None) -> set[str] | None:
    """The columns that row filters name, None where they read more than these."""
    found: set[str] = set()
    try:
        for one in filter(None, filters):
            if any(node.get("class") == "SUBQUERY" for node in tree.nodes(duck.expression(one))):
                return None
            found |= referenced(one)
    except BadQuery:
        return None
    return found


def _named(broken: Breaking) -> str:
    names = dict.fromkeys(one.subject for one in broken.consumers)
    told = ", ".join(list(names)[:_TOLD])
    return f"{told} and {len(names) - _TOLD} more" if len(names) > _TOLD else told or "nobody"


def _refused(error: ContractError) -> BadQuery:
    """Every finding, without this machine's paths: findings name files of the product's own folder."""
    own = [one for one in error.findings if not one.policy]
    told = [f"{one.path or one.file}: {one.problem}" for one in own[:20]]
    told += [POLICIES] if len(own) < len(error.findings) else []
    return BadQuery(f"the product is not fit: {'; '.join(told)}", reason="value", hint="outport plan tells it by line")


def _findings(found: Sequence[Finding]) -> list[str]:
    """What is wrong with the product itself."""
    own = [str(one) for one in found if not one.policy]
    return [*own, POLICIES] if len(own) < len(found) else own


def _words(text: str) -> str:
    if not text.isprintable() or len(text) > _WORDS:
        raise BadQuery(f"a reason has at most {_WORDS} characters, in one line", reason="value")
    return text.strip()
