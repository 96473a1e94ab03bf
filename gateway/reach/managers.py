"""Who manages a product over the web: asked before anything of it is changed, and on record with what was changed.

Asks the policies and the audit. A right is the one that a rule with `manage: true` gives to who has signed in: no key
with a scope of actions has it, nobody on another's behalf, and who looks at another's access does not take it over.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from gateway.accounting.observe import Observer, ProductManaged
from gateway.errors import Forbidden, GatewayError
from gateway.policies.owners import owners
from gateway.policies.policy_rules import Right
from gateway.principal import Environment
from gateway.product import Product
from gateway.reach.evidence import refusal
from gateway.reach.grants import sees
from gateway.reach.pins import Pins
from gateway.reach.visible import VisibleProduct
from gateway.session import Session

_DONE: dict[Right, str] = {"manage": "manage", "push": "push to", "accept": "accept"}


class Managers:
    """Tells who has a right on what. Thread-safe. `shown` is a product as a session sees it; it raises NotFound."""

    def __init__(
        self, right: Right, shown: Callable[[Session, str, int | None], VisibleProduct], pins: Pins, audit: Observer
    ) -> None:
        self._right: Right = right
        self._shown, self._pins, self._audit = shown, pins, audit

    def check(self, session: Session, name: str, major: int | None = None) -> VisibleProduct:
        """The product, for who may manage it; a refusal is on record.

        Raises NotFound where the session does not see it, Forbidden where it sees it and may not manage it,
        Unauthenticated, Unavailable.
        """
        self._audit.check()
        try:
            visible = self._shown(session, name, major)
            if not self.rule(session, visible.product):
                raise self._not_granted(visible.product)
        except GatewayError as error:
            self._audit.record(refusal(session, "", uuid.uuid4().hex, None, error))
            error.on_record = True
            raise
        return visible

    def manages(self, session: Session, product: Product) -> None:
        """The same for another version of what was checked, which a rule may leave out. Raises Forbidden, on record."""
        if not self.rule(session, product):
            error = self._not_granted(product)
            self._audit.record(refusal(session, "", uuid.uuid4().hex, None, error))
            error.on_record = True
            raise error

    def _not_granted(self, product: Product) -> Forbidden:
        return Forbidden(f'to {_DONE[self._right]} "{product.name}" is not granted to you', reason=self._right)

    def check_kept(self, session: Session, name: str) -> Product:
        """The product, be it retired: what is still kept of it is managed too. Raises as `check` does."""
        pin = self._pins.present()
        ended = pin.deployment.ended(name.lower())
        if ended is not None and sees(session, pin, ended.snapshot) and self.rule(session, ended.snapshot.product):
            return ended.snapshot.product
        return self.check(session, name).product

    def accepts(self, session: Session, product: Product) -> None:
        """Whether the session is that of the product's owner, or a rule lets it accept in the owner's place.

        Raises Forbidden, which is on record; Unavailable.
        """
        owning = owners(product)
        if owning.of(session.principal) or self.rule(session, product, "accept"):
            return
        told = f'"{product.name}" is accepted by its owner: {owning.told}'
        error = Forbidden(told, reason="accept", hint="a rule with accept: true lets another do it")
        self._audit.record(refusal(session, "", uuid.uuid4().hex, None, error))
        error.on_record = True
        raise error

    def seen(self, session: Session, name: str) -> VisibleProduct:
        """The product as the session sees it. Raises NotFound."""
        return self._shown(session, name, None)

    def rule(self, session: Session, product: Product, right: Right | None = None) -> str:
        """The id of the rule that lets the session manage `product`, "" where none does. Reveals nothing else of it.

        `right` is another right than that of these.
        """
        principal, scope = session.principal, session.principal.scope
        if scope.actions is not None or not scope.reaches(session.port, product.name):
            return ""
        environment, pin = Environment(session.port, session.purpose, "metadata", time.time()), self._pins.present()
        ended = pin.deployment.ended(product.name)
        found = pin.deployment.find(product.name) or (ended.snapshot if ended is not None else None)
        if found is not None and found.source is not found:
            return ""  # a projection is its owner's, whoever manages products
        return pin.policies.manager(right or self._right, principal, product, environment) or ""

    def record(self, session: Session, product: str, action: str, *, reason: str = "", what: str = "") -> None:
        """Put on record, before it is done, that the session does `action` to `product`. Raises Unavailable.

        `reason` is the session's own words, `what` names things of the product: no value of it.
        """
        subject, behalf = session.recorded
        told = ProductManaged(
            subject=subject, on_behalf_of=behalf, port=session.port, purpose=session.purpose, products=(product,),
            action=action, what=what, reason=reason, tool=session.tool,
        )  # fmt: skip
        self._audit.record(told)
