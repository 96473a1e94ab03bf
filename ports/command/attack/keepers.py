"""Products that the attacker sees and others manage, and who they are. Asks the gateway only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from gateway import Gateway, Session
from gateway.errors import GatewayError
from ports.command.attack.terrain import Seen, Target

# Nobody waits for a thousand decisions.
_LIMIT = 50


def kept(gateway: Gateway, subject: str, subjects: Sequence[str], port: str, shown: Sequence[Seen]) -> Iterator[Target]:
    """Each product that is seen and not managed: `keeper` is somebody who manages it, absent where nobody does."""
    session = gateway.impersonate(subject, port)
    for snapshot in {one.snapshot.product.name: one.snapshot for one in shown}.values():
        product = snapshot.product
        if gateway.managers.rule(session, product):
            continue
        fed = [one.name for one in product.inputs if one.feeds] or [one.name for one in product.inputs]
        names = {"kept": product.name, "kept_major": str(product.major), "kept_input": next(iter(fed), "rows")}
        others = (gateway.impersonate(one, port) for one in islice(subjects, _LIMIT) if one != subject)
        keeper = next((one for one in others if _manages(gateway, one, product.name)), None)
        yield Target("kept", names if keeper is None else names | {"keeper": keeper.principal.subject})


def _manages(gateway: Gateway, session: Session, name: str) -> bool:
    """Whether the session sees the product and manages it, without a word in the audit."""
    try:
        return bool(gateway.managers.rule(session, gateway.managers.seen(session, name).product))
    except GatewayError:
        return False
