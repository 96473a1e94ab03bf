"""What a principal would get, told to those who answer for it: decisions with their reasons, and no data. On record.

Asks the directory, the policies and the audit. Rows are another matter: who simulates a principal asks as a login that
asks on its behalf does (gateway/desks/delegation.py), and is shown what both may see.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from gateway.access.identity import Directory
from gateway.accounting.observe import AccessExplained, Observer
from gateway.decision import Decision
from gateway.desks import delegation
from gateway.errors import BadQuery, Forbidden, GatewayError, NotFound, Unauthenticated
from gateway.policies.explain import TableAccess, explain
from gateway.policies.policy_reasons import Reason
from gateway.principal import NEVER, PORTS, Environment, Principal
from gateway.reach import grants
from gateway.reach.evidence import refusal
from gateway.reach.pins import Pins
from gateway.session import Pin, Session
from gateway.snapshot import Snapshot

# To ask the policies about more takes longer than a page may.
SUBJECTS_LIMIT = 1_000
_NOBODY = "to see what {} would get is not granted to you"


@dataclass(frozen=True)
class Supposed:
    """A question that is not asked: by whom, of which product, through which door, stating what, for whom."""

    subject: str
    product: str
    port: str = "rest"
    purpose: str | None = None
    on_behalf_of: str | None = None


@dataclass(frozen=True)
class Access:
    """What would be answered: by table, with the reason of every rule and agreement; `permit` is what delegates it."""

    supposed: Supposed
    version: str
    snapshot: str
    policies: str
    permit: str
    purposes: tuple[str, ...]
    agreement_required: bool
    agreements: tuple[Reason, ...]
    tables: tuple[TableAccess, ...]

    @property
    def document(self) -> dict[str, object]:
        """As JSON: the question, what bears on all of the product, and each table with whether it `exists`."""
        told = {name: value for name, value in asdict(self).items() if name not in {"supposed", "tables"}}
        tables = [{**asdict(one), "exists": not one.refusal} for one in self.tables]
        return {**asdict(self.supposed), **told, "tables": tables}


class Stewards:
    """Tells stewards, and who operates the deployment. Thread-safe."""

    def __init__(self, directory: Directory, pins: Pins, audit: Observer) -> None:
        self._directory, self._pins, self._audit = directory, pins, audit

    def explain(self, session: Session, supposed: Supposed) -> Access:
        """For a client whom a rule lets simulate the subject, and on whose behalf it would ask.

        Raises Forbidden in the same words for an unknown subject; NotFound for the product, BadQuery for the port,
        Unauthenticated.
        """
        self._audit.check()
        try:
            pin = self._pins.present()
            _reaches(session, supposed)
            for subject in (supposed.subject, *([supposed.on_behalf_of] if supposed.on_behalf_of else [])):
                self._permitted(session, subject, pin)
            found = self._access(supposed, pin)
        except GatewayError as error:
            told = refusal(session, "", uuid.uuid4().hex, delegation.named(supposed.subject), error)
            self._audit.record(told)
            error.on_record = True
            raise
        self._recorded(session.principal.subject, session.port, supposed, session.tool)
        return found

    def compare(self, session: Session, product: str, subjects: Sequence[str]) -> tuple[Access, ...]:
        """What each of `subjects` would get of a product at one door, whom a rule lets the session simulate.

        One record names all who were looked at. Raises Forbidden, Unauthenticated, Unavailable.
        """
        self._audit.check()
        pin = self._pins.present()
        found: list[Access] = []
        for supposed in (Supposed(one, product) for one in subjects if self.simulates(session, one, pin)):
            _reaches(session, supposed)
            with suppress(NotFound):  # who has gone just now
                found.append(self._access(supposed, pin))
        told = AccessExplained(
            subject=session.principal.subject, port=session.port, purpose=None, products=(product.lower(),),
            tool=session.tool, looked_at=tuple(one.supposed.subject for one in found),
        )  # fmt: skip
        if found:
            self._audit.record(told)
        return tuple(found)

    def told_of(self, session: Session, products: Sequence[str], subjects: Iterable[str]) -> frozenset[str]:
        """Those of `subjects` of whom the session may be told what becomes of their access to `products`. On record.

        It is who may look at what they get of these now. Raises Unavailable.
        """
        self._audit.check()
        pin, scope = self._pins.present(), session.principal.scope
        if not scope.allows("metadata") or not all(scope.reaches(session.port, one) for one in products):
            return frozenset()
        found = sorted({one for one in subjects if self.simulates(session, one, pin)})
        if found:
            told = AccessExplained(
                subject=session.principal.subject, port=session.port, purpose=None, products=tuple(products),
                tool=session.tool, looked_at=tuple(found),
            )  # fmt: skip
            self._audit.record(told)
        return frozenset(found)

    def asks(self, session: Session, snapshot: Snapshot) -> dict[str, Decision]:
        """Of the tables of `snapshot` that the session may query, how: more than that they are there for it."""
        pin, found = self._pins.present(), dict[str, Decision]()
        for table in snapshot.product.tables:
            with suppress(Forbidden):
                if (asked := grants.grant(session, pin, "query", snapshot, table.name)) is not None:
                    found[table.name] = asked.decision
        return found

    def explain_to_account(self, account: str, supposed: Supposed) -> Access:
        """For the operator's commands, never for a client's request. Raises NotFound, Forbidden, BadQuery."""
        found = self._access(supposed, self._pins.present())
        self._recorded(f"account:{account}", "command", supposed)
        return found

    def subjects(self, session: Session) -> tuple[str, ...]:
        """Those whom a rule lets the session simulate, by name, of the first SUBJECTS_LIMIT that there are."""
        pin = self._pins.present()
        every = self._directory.subjects()[:SUBJECTS_LIMIT]
        return tuple(one for one in every if self.simulates(session, one, pin))

    def looks(self, session: Session) -> bool:
        """Whether a rule lets the session see what others would get, whoever they are. Asks about nobody of them."""
        if session.on_behalf_of is not None:
            return False
        environment = Environment(session.port, session.purpose, "metadata", time.time())
        return self._pins.present().policies.simulates(session.principal, environment)

    def looker(self, session: Session) -> Callable[[str], bool]:
        """Tells of a principal whether the session may simulate it; asks about nobody where it may simulate none."""
        pin, some = self._pins.present(), self.looks(session)
        return lambda subject: some and self.simulates(session, subject, pin)

    def simulates(self, session: Session, subject: str, pin: Pin) -> bool:
        """Whether a rule lets the session simulate `subject`; of an unknown one, none does."""
        try:
            self._permitted(session, subject, pin)
        except GatewayError:
            return False
        return True

    def _permitted(self, session: Session, subject: str, pin: Pin) -> None:
        """Raises Forbidden unless the session may simulate `subject`, be it itself."""
        alone = session.principal.alone
        try:
            behalf, known = self._directory.present(subject), True
        except NotFound:
            behalf, known = Principal(subject, "person", {}, NEVER), False
        environment = Environment(session.port, session.purpose, "metadata", time.time())
        both = replace(alone, behalf=behalf, standin="simulate")
        if session.on_behalf_of is not None or not pin.policies.permit(both, environment) or not known:
            raise Forbidden(_NOBODY.format(f'"{subject:.128}"'), reason="simulation")

    def _access(self, supposed: Supposed, pin: Pin) -> Access:
        principal = self._principal(supposed, pin)
        if supposed.port not in PORTS:
            raise BadQuery(f"there is no port {supposed.port:.32}; there are {', '.join(PORTS)}", reason="value")
        snapshot = pin.deployment.find(supposed.product.lower())
        if snapshot is None or snapshot.source is not snapshot:
            raise _unknown(supposed)
        product = snapshot.product
        environment = Environment(supposed.port, supposed.purpose, "query", time.time())
        tables = explain(pin.policies, principal, product, environment, snapshot.pseudonyms, snapshot.inherited)
        if not product.serves(supposed.port):
            absent = f"{product.name} is not served at {supposed.port}"
            tables = tuple(TableAccess(one.table, absent, (), None, (), (), one.reasons) for one in tables)
        permit = pin.policies.permit(principal, environment)
        granted = principal.attributes["purpose"]
        return Access(
            supposed,
            product.version,
            snapshot.id,
            pin.policies.version,
            permit.rule if permit is not None else "",
            tuple(str(one) for one in granted) if isinstance(granted, tuple) else (),
            product.agreement_required,
            pin.policies.agreement_reasons(principal, product, environment),
            tables,
        )

    def _principal(self, supposed: Supposed, pin: Pin) -> Principal:
        """Who would ask. Raises NotFound, Forbidden for a purpose or a delegation that is not granted."""
        alone = self._directory.principal(supposed.subject)
        purpose, behalf = supposed.purpose, supposed.on_behalf_of
        both = (
            alone
            if behalf is None
            else delegation.on_behalf_of(alone, behalf, self._directory, pin.policies, supposed.port, purpose)
        )
        for one in both.both:
            granted = one.attributes["purpose"]
            if purpose is not None and not (isinstance(granted, tuple) and purpose in granted):
                raise Forbidden(f"purpose {purpose:.64} is not granted to {one.subject}", reason="purpose")
        return both

    def _recorded(self, subject: str, port: str, supposed: Supposed, tool: str | None = None) -> None:
        whom = supposed.subject if supposed.on_behalf_of is None else f"{supposed.subject} for {supposed.on_behalf_of}"
        product, purpose = supposed.product.lower(), supposed.purpose
        told = AccessExplained(
            subject=subject, on_behalf_of=whom, port=port, purpose=purpose, products=(product,), tool=tool
        )
        self._audit.record(told)


def _reaches(session: Session, supposed: Supposed) -> None:
    """Raises what a question of the session's own about the product would, by its credential alone."""
    if time.time() >= session.principal.valid_until:
        raise Unauthenticated("the credentials have expired", reason="expired")
    scope = session.principal.scope
    if not scope.allows("metadata"):
        raise Forbidden("this key is not for metadata", reason="scope")
    if not scope.reaches(session.port, supposed.product.lower()):
        raise _unknown(supposed)


def _unknown(supposed: Supposed) -> NotFound:
    return NotFound(f'product "{supposed.product:.128}" does not exist', reason="product")
