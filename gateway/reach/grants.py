"""A relation's name -> the Grant on it for a session at a pin, or a refusal. Pure: asks the pin's policies only."""

from __future__ import annotations

import time
from contextlib import suppress

from gateway.accounting.ledger import ITSELF
from gateway.binding.views import Grant
from gateway.decision import Decision, unknown_relation
from gateway.errors import Expired, Forbidden, NotFound
from gateway.principal import Action, Environment
from gateway.product import Table
from gateway.reach import own_rows
from gateway.reach.projected import ProjectedSnapshot, Projecting, shown_to
from gateway.serving.catalog import Snapshot
from gateway.session import Pin, Session
from gateway.snapshot import Ended
from gateway.sql.scope import CATALOG, Path

_NARROWING = own_rows.Narrowing()
_PROJECTING = Projecting()
# Doors of this process itself, which no descriptor declares.
_INNER_PORTS = frozenset({"python", "hub", "command", "publish"})


def resolve(session: Session, pin: Pin, action: Action, path: Path) -> Grant:
    """The grant on the table that `path` names for this session. Raises NotFound, Forbidden."""
    parts = tuple(part.lower() for part in path)
    if len(parts) == 1:
        candidates = [(schema.lower(), parts[0]) for schema in session.search_path]
    else:
        candidates = [(parts[-2], parts[-1])] if len(parts) == 2 or parts[0] == CATALOG else []
    for schema, name in candidates:
        snapshot = pin.deployment.find(schema)
        found = grant(session, pin, action, snapshot, name) if snapshot is not None else None
        if found is not None:
            return found
        if snapshot is None and pin.deployment.ended(schema) is not None:
            _ended(session, pin, action, schema, name)
        elif snapshot is None or not _decided(session, snapshot, name):
            _as_for_a_refused(session, pin, action)
    raise unknown_relation(".".join(path))


def grant(session: Session, pin: Pin, action: Action, snapshot: Snapshot, name: str) -> Grant | None:
    """The grant on one table of `snapshot`, None where there is none or it is unknown. Raises Forbidden.

    The scope of the credential narrows what the policies decide: what it leaves out is not there.
    """
    if isinstance(snapshot, ProjectedSnapshot):
        return _projected(session, pin, action, snapshot, name)
    product, scope = snapshot.product, session.principal.scope
    if not _decided(session, snapshot, name):
        return None
    environment = Environment(session.port, session.purpose, action, time.time())
    try:
        table = product.table(name)
        decision = pin.policies.decide(session.principal, product, table, environment, snapshot.pseudonyms)
    except NotFound:
        return None
    if not scope.allows(action):
        if action == "query":
            raise Forbidden("this key is not for queries", reason="scope")
        return None
    if product.name == ITSELF:
        decision = _of_itself(session, pin, decision, table)
    return Grant(snapshot, table, decision)


def _projected(session: Session, pin: Pin, action: Action, snapshot: ProjectedSnapshot, name: str) -> Grant | None:
    """The grant on a projection's table, of that on its origin. Whom it is not shown to waits for no less."""
    declared = snapshot.declared.table(name)
    if declared is None or not any(table.name == name for table in snapshot.product.tables):
        return None
    if not shown_to(snapshot.declared, session.principal, pin.policies):
        with suppress(Forbidden):
            grant(session, pin, action, snapshot.source, declared.of)
        return None
    origin = grant(session, pin, action, snapshot.source, declared.of)
    return None if origin is None else _PROJECTING.granted(snapshot, snapshot.product.table(name), origin)


def shown_grant(session: Session, pin: Pin, snapshot: Snapshot, name: str) -> Grant | None:
    """By which a table is seen, whether or not it may be asked; None where it does not exist for the session."""
    with suppress(Forbidden):
        return grant(session, pin, "metadata", snapshot, name) or grant(session, pin, "query", snapshot, name)
    return None


def _of_itself(session: Session, pin: Pin, decision: Decision, table: Table) -> Decision:
    """A decision on the product made of the ledger: its rows tell of what the session sees, and of nothing else."""

    def look(snapshot: Snapshot, name: str) -> Grant | None:
        return shown_grant(session, pin, snapshot, name)

    others = [one for one in pin.deployment.snapshots if one.product.name != ITSELF]
    visible = [found for one in others if (found := own_rows.seen(one, look)) is not None]
    principal = session.principal
    # Who simulates another sees what both may see: a person's rows are that person's.
    mine = () if principal.standin == "simulate" else (session.on_behalf_of or principal.subject,)
    environment = Environment(session.port, session.purpose, "metadata", time.time())
    managed = [
        one.product.name
        for one in visible
        if principal.scope.actions is None and pin.policies.manager("manage", principal, one.product, environment)
    ]
    visible = [own_rows.managing(one) if one.product.name in managed else one for one in visible]
    return _NARROWING.narrowed(decision, table, visible, mine, managed)


def retired(session: Session, pin: Pin, schema: str) -> None:
    """Raises Expired for a product that is served no more, where the session saw it."""
    ended = pin.deployment.ended(schema)
    if ended is not None and sees(session, pin, ended.snapshot):
        raise _gone(session, pin, ended)


def _gone(session: Session, pin: Pin, ended: Ended) -> Expired:
    """What who saw a product is told once it is retired; what follows it, if that is seen too."""
    name = ended.snapshot.product.name
    following = pin.deployment.find(ended.successor) if ended.successor else None
    hint = f"{ended.successor} follows it" if following is not None and sees(session, pin, following) else ""
    source = ended.snapshot.source.product
    if source is not ended.snapshot.product:
        words = f'projection "{name}" is over {source.name} {source.version}, which was retired on {ended.at:%Y-%m-%d}'
        return Expired(f"{words}; {hint}" if hint else words, reason="retired", hint=hint)
    words = f'product "{name}" {ended.snapshot.product.version} was retired on {ended.at:%Y-%m-%d}'
    return Expired(f"{words}; {hint}" if hint else words, reason="retired", hint=hint)


def _ended(session: Session, pin: Pin, action: Action, schema: str, name: str) -> None:
    """Raises Expired where the table was granted; asks the policies as for one that is not."""
    ended = pin.deployment.ended(schema)
    assert ended is not None
    if grant(session, pin, action, ended.snapshot, name) is not None:
        raise _gone(session, pin, ended)
    if not _decided(session, ended.snapshot, name):
        _as_for_a_refused(session, pin, action)


def _decided(session: Session, snapshot: Snapshot, name: str) -> bool:
    """Whether the policies are asked about a table: it is there, in reach of the credential, and served at the port."""
    if isinstance(snapshot, ProjectedSnapshot):
        declared = snapshot.declared.table(name)
        return declared is not None and _decided(session, snapshot.source, declared.of)
    product = snapshot.product
    if not session.principal.scope.reaches(session.port, product.name):
        return False
    if session.port not in _INNER_PORTS and not product.serves(session.port):
        return False
    return any(table.name == name for table in product.tables)


def _as_for_a_refused(session: Session, pin: Pin, action: Action) -> None:
    """Ask the policies about a table that there is not, which takes as long as for one that is not granted."""
    for snapshot in pin.deployment.snapshots[:1]:
        environment = Environment(session.port, session.purpose, action, time.time())
        with suppress(NotFound):
            pin.policies.decide(session.principal, snapshot.product, None, environment, snapshot.pseudonyms)


def sees(session: Session, pin: Pin, snapshot: Snapshot) -> bool:
    """Whether any table of the snapshot exists for the session."""
    return any(_exists(session, pin, snapshot, table.name) for table in snapshot.product.tables)


def _exists(session: Session, pin: Pin, snapshot: Snapshot, table: str) -> bool:
    try:
        return grant(session, pin, "query", snapshot, table) is not None
    except Forbidden:
        return True
