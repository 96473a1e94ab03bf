"""What breaks readers of a product: refused, or permitted by somebody for a reason on record. Writes to the audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.access import keys
from gateway.accounting import audit
from gateway.accounting.observe import BreakAllowed
from gateway.contracts import grading
from gateway.contracts.contract import ContractError
from gateway.document import Finding
from gateway.errors import Unavailable
from gateway.product import Product
from gateway.settings import Settings
from gateway.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to break readers without a major version, for a `reason` that goes on record with who gave it."""

    account: str
    reason: str


class Broken(ContractError):
    """What breaks who reads it under a version that does not say so; `findings` are each of it."""


def broken(served: Snapshot | None, product: Product, permit: Permit | None, warn: Callable[[Finding], None]) -> bool:
    """Whether it breaks readers, and may; all that is doubtful of it is told. Raises Broken where it may not."""
    findings = grading.breaks(served.product, product) if served is not None else ()
    found = any(one.severity == "error" for one in findings)
    if found and permit is None:
        raise Broken(findings)
    for finding in findings:
        warn(replace(finding, severity="warning"))
    return found


def recorded(settings: Settings, permit: Permit, old: Snapshot, new: Snapshot) -> None:
    """Put on record that readers are broken, before they are. Raises Unavailable (audit)."""
    chain = audit.of(settings, keys.load(settings))
    names = [f"{one.product.name}@{one.product.version}/{one.id}" for one in (new, old)]
    changes = grading.graded(old.product, new.product).changes
    allowed = BreakAllowed(
        subject=f"account:{permit.account}",
        products=(names[0],),
        replaced=names[1],
        breaks=tuple(one.place for one in changes if one.breaks),
        reason=permit.reason,
    )
    try:
        chain.record(allowed)
    except Unavailable:
        if settings.audit_required:
            raise
    finally:
        chain.close()
