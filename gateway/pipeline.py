"""The one path: credentials -> Principal -> Decision -> Plan -> Result, each step observed. Ports call only this.

session = gateway.open(credentials, "rest")
with gateway.answer(session, Query("SELECT ...")) as result:
    for batch in result.batches(): ...
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from gateway.access import identity, keys, oidc, rate, sasl
from gateway.access.credentials import ClientCertificate, Credentials
from gateway.accounting import audit, ledger, observations
from gateway.accounting.observe import Observer
from gateway.binding.bind import Binder, Plan, Query
from gateway.binding.lineage import origins
from gateway.desks import delegation, tracing
from gateway.desks.audit_desk import AuditDesk
from gateway.desks.feedback import FeedbackDesk
from gateway.desks.intake import Intake
from gateway.desks.metrics import Metrics
from gateway.desks.product_desk import ProductDesk
from gateway.desks.projections import ProjectionDesk
from gateway.desks.quality_told import QualityDesk
from gateway.desks.quarantine import Quarantine
from gateway.desks.refreshes import Refreshes
from gateway.desks.refusals import Refusals
from gateway.desks.scorecards import ScorecardDesk
from gateway.desks.sign_in import Admitted, SignIn
from gateway.desks.signed_out import SignedOut
from gateway.desks.slo_desk import SloDesk
from gateway.desks.stewards import Stewards
from gateway.desks.tracing import Trace
from gateway.desks.workspace_desk import WorkspaceDesk
from gateway.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from gateway.limits import Limits
from gateway.policies.policy_store import PolicyStore
from gateway.principal import Principal
from gateway.reach import grants, semantic_views
from gateway.reach.evidence import answered, begun, metadata, states
from gateway.reach.fences import Fences
from gateway.reach.fingerprints import Fingerprints
from gateway.reach.managers import Managers
from gateway.reach.pins import Pins
from gateway.reach.references import Reference, references
from gateway.reach.schemas import VisibleSchema, described, schemas
from gateway.reach.standing import Standing
from gateway.reach.visible import Tables, VisibleProduct, VisibleTable
from gateway.service_levels.slo_told import Told
from gateway.serving import engine
from gateway.serving.catalog import Catalog, Kept
from gateway.serving.engine import Description
from gateway.serving.forms import Form
from gateway.serving.siblings import Siblings
from gateway.serving.stream import Late, Provenance, Result, Summary
from gateway.session import Pin, Readiness, Session
from gateway.settings import Settings
from gateway.system_catalogs.pg_catalog import Backend, PgCatalog
from gateway.system_catalogs.pg_objects import visible
from gateway.ticking import MACHINE, Clock


class Gateway:
    """One process's gateway. Thread-safe. Raises SettingsError if it cannot start as it is set."""

    def __init__(self, settings: Settings, siblings: Siblings | None = None, clock: Clock = MACHINE) -> None:
        self.settings, self._clock = settings, clock
        self.siblings = siblings or Siblings()
        self._keys, self._tracing = keys.load(settings), tracing.load(settings)
        self.issuers = oidc.load(settings)
        self._directory = identity.Directory(settings.principals, self._keys, self.issuers)
        self._catalog = Catalog(settings.state)
        self._policies = PolicyStore(settings.policies)
        chain = audit.of(settings, self._keys)
        rest = (self.siblings, Told(settings.state).read)
        self.metrics = Metrics(
            lambda: self._catalog.current().snapshots, lambda: self._engine.load(), lambda: chain.head, *rest
        )
        self.tally = observations.Tally(ledger.Ledger(settings.state, clock), clock)
        self._audit = Observer(chain, self.metrics, self.tally, required=settings.audit_required)
        self._audit.open()
        self._binder, self._tables = Binder(), Tables()
        self._engine = engine.of(settings, self.siblings.count)
        self._sign_in = SignIn(self._directory, self._audit, settings.rate_limit, self.siblings)
        self.refusals = Refusals(self._audit, self._sign_in, self._tracing)
        self._standing = Standing(self.stands, lambda: self._pins.present())
        self._fences, self._fingerprint = Fences(settings, self.siblings), Fingerprints(self._keys).of
        self._pg_catalog = PgCatalog(engine.running_limit(settings), settings.queue_s)
        self._pins = Pins(self._catalog, self._policies, self._engine, self._audit)
        self.stewards = Stewards(self._directory, self._pins, self._audit)
        self.managers = Managers("manage", self.product, self._pins, self._audit)
        self.workspaces = WorkspaceDesk(self._fences, self.managers, self._pins, self._engine.load, self.siblings)
        self.projections = ProjectionDesk(self._catalog.projections, self._pins, self._audit, clock)
        self.slo, self.signed_out = SloDesk(settings.state, self.managers, self._pins, clock), SignedOut(settings.state)
        self.scorecards = ScorecardDesk(settings.state, self.managers, self._pins)
        self.quarantine = Quarantine(settings.state, self.managers, self._pins)
        self.quality, self.refreshes = QualityDesk(settings.state), Refreshes(settings.state, self.managers)
        self.intake = Intake(settings, Managers("push", self.product, self._pins, self._audit), self.refreshes.arrived)
        self.feedback = FeedbackDesk(settings, self._pins, self._audit, self.stewards, self.managers)
        self.desk = ProductDesk(settings.state, self.managers, self._pins)
        self.audits = AuditDesk(settings, self._keys, self._audit, self.managers)

    def open(
        self,
        credentials: Credentials | None,
        port: str,
        purpose: str | None = None,
        on_behalf_of: str | None = None,
    ) -> Session:
        """A session of whoever `credentials` prove, on behalf of another if one is named. It counts as one request.

        Raises Unauthenticated; Exhausted (rate); Forbidden for a purpose or a delegation not granted.
        """
        opened = self._opened(self._sign_in.admit(credentials, port, purpose), port, purpose)
        return opened if on_behalf_of is None else self.on_behalf_of(opened, on_behalf_of)

    def stating(self, session: Session, purpose: str | None) -> Session:
        """The session for another purpose, None for none. Raises Forbidden for one that is not granted to each."""
        return replace(session, purpose=self._session(session.principal, session.port, purpose).purpose)

    def on_behalf_of(self, session: Session, subject: str) -> Session:
        """The session as who has signed in asks on behalf of `subject`; of itself where that is its own name.

        It counts as a request of the subject's. Raises Forbidden in the same words for an unknown subject and for one
        that is not delegated, or does not have the purpose; BadQuery for an empty name; Exhausted (rate).
        """
        with self.refusals.during(session, "", uuid.uuid4().hex, delegation.named(subject)):
            policies = self._pins.present().policies
            both = delegation.on_behalf_of(
                session.principal, subject, self._directory, policies, session.port, session.purpose
            )
            if both.behalf is None:
                return replace(session, principal=both)
            opened = self._session(both, session.port, session.purpose)
        quota = self._sign_in.counted(both.behalf, session.port, session.purpose)
        return replace(session, principal=opened.principal, quota=rate.narrower(session.quota, quota))

    def asked_again(self, session: Session) -> None:
        """For doors whose sessions last: another question counts as a request of whoever asks. Raises Exhausted."""
        for one in session.principal.both:
            self._sign_in.counted(one, session.port, session.purpose)

    def challenge(self, subject: str, first: bytes, port: str, binding: sasl.Binding) -> sasl.Challenge:
        """The answer to the first message of SCRAM, for an unknown subject alike. Raises Unauthenticated: malformed."""
        return self._sign_in.challenge(subject, first, port, binding)

    def open_proved(
        self, subject: str, challenge: sasl.Challenge, final: bytes, port: str, address: str
    ) -> tuple[Session, bytes]:
        """The session of a subject that has answered its challenge from `address`, and the server's last word.

        It counts as one request. Raises as `open` does.
        """
        admitted, last = self._sign_in.answered(subject, challenge, final, port, address)
        return self._opened(admitted, port, None), last

    def proves(self, certificate: ClientCertificate, subject: str) -> bool:
        """Whether `open` would take the certificate for this subject. Raises Unavailable."""
        with suppress(Unauthenticated):
            return self._directory.authenticate(certificate).subject == subject
        return False

    def stands(self, session: Session) -> None:
        """For doors whose connections last: raises Unauthenticated once what opened the session has ended.

        Expired, removed, barred and changed are all an end.
        """
        if session.proof is not None:
            delegation.stands(session, session.proof, self._directory, self._pins.present().policies)

    def impersonate(self, subject: str, port: str) -> Session:
        """A session as `subject`, for the demo's page and the operator's commands: never for a client's request.

        Raises NotFound.
        """
        return self._session(self._directory.principal(subject), port, None)

    def personas(self) -> tuple[str, ...]:
        """The subjects that the demo's page may switch to; none outside the demo."""
        return self._directory.subjects() if self.settings.demo else ()

    def pin(self, session: Session | None = None) -> Pin:
        """The present state, with the session's snapshots in it, for several questions that must see the same.

        Raises NotFound for a snapshot that is unknown or of a product that the session does not see, Expired for one
        that is no longer kept, BadQuery for two of one product and major.
        """
        return self._pins.pin(session)

    def answer(
        self,
        session: Session,
        query: Query,
        *,
        form: Form = "arrow",
        limits: Limits | None = None,
        batch_rows: int = 8192,
        pin: Pin | None = None,
    ) -> Result:
        """The answer to `query` for the session's principal, as a stream. Nothing is computed before it is read.

        Raises Unauthenticated (credential expired), NotFound, Forbidden, BadQuery, Exhausted, Expired, Unavailable.
        """
        self._audit.check()
        query_id = uuid.uuid4().hex
        with self.refusals.during(session, query.text, query_id) as trace:
            pin = pin or self.pin(session)
            plan = self._plan(session, query, pin)
            limits = self._fences.admitted(session, pin, plan, limits)
            provenance = self._provenance(session, pin, plan, query_id)
            trace.bound(provenance)
            finish = partial(self._finished, session, plan, provenance, trace, limits)
            until = min([session.principal.valid_until, *(grant.decision.valid_until for grant in plan.grants)])
            asker = self._fences.asker(session, plan, limits)
            begin = partial(self._audit.record, begun(session, plan, provenance))
            result = self._engine.run(plan, form, limits, batch_rows, until, provenance, finish, begin, asker)
            self._standing.watch(session, result, pin, partial(self.confirm, session, query, provenance=provenance))
            return result

    def confirm(self, session: Session, query: Query, pin: Pin, provenance: Provenance) -> None:
        """Whether an answer that goes on would be the same under the pin's policies.

        Raises NotFound (expired) where it would not, and as `answer` does.
        """
        if self._fingerprint(session, self._plan(session, query, pin)) != provenance.policy:
            raise NotFound("the permission for this answer has ended", reason="expired")

    def describe(self, session: Session, query: Query, pin: Pin | None = None) -> Description:
        """Schema and parameter types of `query`; plans, never runs. Raises as `answer` does."""
        pin = pin or self.pin(session)
        plan = self._plan(session, query, pin)
        return replace(
            self._engine.describe(plan), products=states(session, pin, plan, self._clock.now()), origins=origins(plan)
        )

    def pg_catalog(
        self,
        session: Session,
        query: Query,
        backend: Backend,
        *,
        form: Form = "arrow",
        limits: Limits | None = None,
        batch_rows: int = 8192,
        pin: Pin | None = None,
    ) -> Result:
        """The answer to a query about PostgreSQL's catalogs, of what the principal may see. Raises as `answer` does."""
        self._audit.check()
        query_id = uuid.uuid4().hex
        with self.refusals.during(session, query.text, query_id) as trace:
            self._live(session)
            pin = pin or self.pin(session)
            seen = visible(session, pin)
            provenance = Provenance(query_id, (), "")
            trace.bound(provenance)

            def begin() -> None:
                self._read(session, (one.name for one in seen))

            def finish(summary: Summary) -> None:
                trace.ended(summary)
                if not summary.rows:
                    begin()

            limits = self._fences.of_catalog(session, pin, limits)
            return self._pg_catalog.run(
                session, query, backend, seen, form, limits, batch_rows, provenance, finish, begin
            )

    def describe_pg_catalog(
        self, session: Session, query: Query, backend: Backend, pin: Pin | None = None
    ) -> Description:
        """The columns and parameters of such a query; never runs. Raises as `answer` does."""
        self._live(session)
        return self._pg_catalog.describe(session, query, backend, visible(session, pin or self.pin(session)))

    def products(self, session: Session) -> tuple[VisibleProduct, ...]:
        """Every product of which the principal may see a table, by name; each at its current major."""
        self._live(session)
        pin = self.pin(session)
        found = [described(session, pin, snapshot, self._clock.now()) for snapshot in pin.deployment.listed]
        visible = tuple(sorted((one for one in found if one.tables), key=lambda one: one.product.name))
        self._read(session, (one.product.name for one in visible))
        return visible

    def product(self, session: Session, name: str, major: int | None = None) -> VisibleProduct:
        """One product as the principal may see it. Raises NotFound: unknown and ungranted read alike; Expired."""
        self._live(session)
        pin = self.pin(session)
        key = name.lower() if major is None else f"{name.lower()}_v{major}"
        snapshot = pin.deployment.find(key)
        visible = described(session, pin, snapshot, self._clock.now()) if snapshot is not None else None
        if visible is None or not visible.tables:
            grants.retired(session, pin, key)
            raise NotFound(f'product "{name}" does not exist', reason="product")
        self._read(session, [name.lower()])
        return visible

    def table(self, session: Session, schema: str, name: str, pin: Pin | None = None) -> VisibleTable:
        """One table as the principal may query it, without its relationships. Raises NotFound, Forbidden.

        For a door that composes SQL over it: the query that follows is what the audit keeps.
        """
        self._live(session)
        return self._tables.shown(grants.resolve(session, pin or self.pin(session), "query", (schema, name)))

    def references(self, session: Session, schema: str, name: str, pin: Pin | None = None) -> tuple[Reference, ...]:
        """What one table can be read together with, over declared foreign keys. Raises as `table` does."""
        self._live(session)
        return references(session, pin or self.pin(session), (schema, name))

    def schemas(self, session: Session, pin: Pin, *, metadata: bool = False) -> tuple[VisibleSchema, ...]:
        """Every schema of which the session may query a table, each table the same object for the same decision.

        For a door whose questions name what exists: the queries that follow are what the audit keeps. Where they are
        `metadata` instead, they are what the session may be told of, and that is kept.
        """
        self._live(session)
        found = schemas(session, pin, "metadata" if metadata else "query", self._tables)
        if metadata:
            self._read(session, dict.fromkeys(one.snapshot.product.name for one in found))
        return found

    def snapshots(self, session: Session, name: str, major: int | None = None) -> tuple[Kept, ...]:
        """The snapshots of a product that `Session.pinned` takes, the newest first. Raises NotFound."""
        visible = self.product(session.pinned(()), name, major)
        return self._pins.kept(session, visible.snapshot.source.product.name, major)

    def ready(self) -> Readiness:
        """Whether every product declared in the settings' folder is served."""
        return self._pins.ready(self.settings.products, self._fences.workspaces.problems)

    @property
    def deaf(self) -> bool:
        """Whether a query goes on that only the end of this process ends."""
        return self._engine.deaf

    def seal(self, kind: str, payload: bytes) -> str:
        """`payload` encrypted for a client to hand back: a cursor, a ticket, a handle."""
        return self._keys.seal(kind, payload)

    def unseal(self, kind: str, text: str) -> bytes:
        """What `seal` was given. Raises BadQuery (value) for anything else."""
        return self._keys.unseal(kind, text)

    def close(self) -> None:
        """Stop every query and free the engines."""
        self._standing.close()
        self._sign_in.close()
        self._directory.close()
        self._fences.close()
        self._engine.close()
        self._pg_catalog.close()
        self._audit.close()
        self._tracing.close()
        with suppress(Unavailable):
            self.tally.flush()

    def _opened(self, admitted: Admitted, port: str, purpose: str | None) -> Session:
        session = self._session(admitted.principal, port, purpose)
        return replace(session, quota=admitted.quota, proof=admitted.proof)

    def _session(self, principal: Principal, port: str, purpose: str | None) -> Session:
        granted = [one.attributes["purpose"] for one in principal.both]
        if purpose is not None and not all(isinstance(one, tuple) and purpose in one for one in granted):
            error = Forbidden(f'purpose "{purpose[:64]}" is not granted to you', reason="purpose")
            self.refusals.keep(Session(principal, port, None, ()), "", error)
            raise error
        return Session(principal, port, purpose, ())

    def _live(self, session: Session) -> None:
        if time.time() >= session.principal.valid_until:
            raise Unauthenticated("the credentials have expired", reason="expired")

    def _plan(self, session: Session, query: Query, pin: Pin) -> Plan:
        self._live(session)
        resolve = semantic_views.resolver(session, pin, self._tables)
        return self._binder.bind(query, session.users, session.search_path, resolve)

    def _read(self, session: Session, products: Iterable[str]) -> None:
        """Keep in the audit of which products the session was told."""
        self._audit.record(metadata(session, products))

    def _provenance(self, session: Session, pin: Pin, plan: Plan, query_id: str) -> Provenance:
        policy = self._fingerprint(session, plan)
        read = states(session, pin, plan, self._clock.now())
        return Provenance(query_id, read, policy, origins(plan), session.askers)

    def _finished(
        self, session: Session, plan: Plan, provenance: Provenance, trace: Trace, limits: Limits, summary: Summary
    ) -> Late:
        trace.ended(summary)
        self._fences.ended(session, plan, limits, summary)
        return self.refusals.ended(answered(session, plan, provenance, summary), summary)
