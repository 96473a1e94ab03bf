"""What an answer tells of itself: the states it has read, the columns with their treatments, its records. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from gateway.accounting.observe import MetadataRead, QueryAnswered, QueryBegun, QueryRefused, Refused, stripped
from gateway.binding.bind import Plan
from gateway.decision import ColumnUse
from gateway.errors import GatewayError
from gateway.reach import quality_seen
from gateway.reach.grants import sees
from gateway.service_levels import freshness
from gateway.service_levels.freshness import Read
from gateway.serving.stream import ProductProvenance, Provenance, Summary
from gateway.session import Pin, Session
from gateway.snapshot import Lifespan, Snapshot

ENDING = frozenset({"deprecated", "retired"})


def states(session: Session, pin: Pin, plan: Plan, now: datetime) -> tuple[ProductProvenance, ...]:
    """The state of each product that `plan` reads, as of `now`."""
    read = [grant.source for grant in plan.grants]
    snapshots = {grant.snapshot.id: grant.snapshot for grant in read}
    return tuple(
        state(one, lifespan(session, pin, one), [grant for grant in read if grant.snapshot is one], now)
        for one in snapshots.values()
    )


def state(snapshot: Snapshot, ends: Lifespan, read: Sequence[Read], now: datetime) -> ProductProvenance:
    """The state of a product of which the tables `read` are read."""
    found = freshness.of_answer(snapshot, read, now)
    return ProductProvenance(
        snapshot.product.name,
        snapshot.product.version,
        snapshot.id,
        snapshot.data_time,
        quality_seen.of(snapshot, read),
        ends,
        snapshot.mock is not None,
        found.state,
        None if found.age_s is None else int(found.age_s),
        snapshot.generated,
        snapshot.product.digest,
    )


def lifespan(session: Session, pin: Pin, snapshot: Snapshot) -> Lifespan:
    """The lifespan of what `snapshot` serves, as far as the session may know of it.

    Where the descriptor names no day, it is deprecated since it says so (of the product, or of the session's port), or
    since the newer major was published.
    """
    product = snapshot.product
    since = product.deprecated_on
    if since is None and (product.status in ENDING or product.ends(session.port)):
        since = snapshot.published_at
    newer = _newer(pin, snapshot) if since is None else None
    if newer is not None and sees(session, pin, newer):
        since = newer.published_at
    return Lifespan(since, product.sunset_on)


def _newer(pin: Pin, snapshot: Snapshot) -> Snapshot | None:
    """The snapshot that serves the highest major, where that is higher than this one's."""
    name, major = snapshot.product.name, snapshot.product.major
    later = [one for one in pin.deployment.snapshots if one.product.name == name and one.product.major > major]
    return later[-1] if later else None


def columns(plan: Plan) -> tuple[ColumnUse, ...]:
    """Every column that exists in the tables that `plan` reads, with its treatment and its use."""
    return tuple(one for grant in plan.grants for one in grant.decision.audited)


def refused(error: GatewayError) -> Refused:
    """A refusal as the audit keeps it."""
    return Refused(error.code, error.reason, error.error_id)


def _kind(session: Session) -> str:
    """The kind of whom is answered for; an account of the machine is told by its subject."""
    return (session.principal.behalf or session.principal).kind if session.account is None else "account"


def _products(provenance: Provenance) -> tuple[str, ...]:
    return tuple(f"{one.name}@{one.version}/{one.snapshot}" for one in provenance.products)


def _rules(plan: Plan) -> tuple[str, ...]:
    return tuple(sorted({rule for grant in plan.grants for rule in grant.decision.rules}))


def begun(session: Session, plan: Plan, provenance: Provenance) -> QueryBegun:
    """The record of an answer whose rows are about to leave."""
    subject, behalf = session.recorded
    return QueryBegun(
        query_id=provenance.query_id,
        subject=subject,
        on_behalf_of=behalf,
        port=session.port,
        tool=session.tool,
        purpose=session.purpose,
        products=_products(provenance),
        columns=columns(plan),
        rules=_rules(plan),
        statement=stripped(plan.client_text),
    )


def answered(session: Session, plan: Plan, provenance: Provenance, summary: Summary) -> QueryAnswered:
    """The record of a query that was run."""
    subject, behalf = session.recorded
    return QueryAnswered(
        query_id=provenance.query_id,
        subject=subject,
        on_behalf_of=behalf,
        port=session.port,
        tool=session.tool,
        purpose=session.purpose,
        products=_products(provenance),
        columns=columns(plan),
        rules=_rules(plan),
        statement=stripped(plan.client_text),
        rows=summary.rows,
        bytes=summary.bytes,
        elapsed_ms=summary.elapsed_ms,
        outcome=summary.outcome,
        refused=refused(summary.error) if summary.error is not None else None,
        kind=_kind(session),
        first_ms=summary.first_ms,
        computed_ms=summary.computed_ms,
        cpu_ms=summary.cpu_ms,
    )


def refusal(session: Session, text: str, query_id: str, on_behalf_of: str | None, error: GatewayError) -> QueryRefused:
    """The record of a query that was not run, or of one on behalf of another that was not to be."""
    subject, behalf = session.recorded
    return QueryRefused(
        query_id=query_id,
        subject=subject,
        on_behalf_of=on_behalf_of or behalf,
        port=session.port,
        tool=session.tool,
        purpose=session.purpose,
        statement=stripped(text),
        refused=refused(error),
        kind=_kind(session),
    )


def metadata(session: Session, products: Iterable[str]) -> MetadataRead:
    """The record that the session was told of these products."""
    subject, behalf = session.recorded
    return MetadataRead(
        subject=subject,
        on_behalf_of=behalf,
        port=session.port,
        purpose=session.purpose,
        products=tuple(products),
        tool=session.tool,
    )
