"""What an operator's command is about to do, put on record before it is done. Touches the audit by asking it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.access import keys
from gateway.accounting import audit
from gateway.accounting.observe import ProductManaged
from gateway.errors import Unavailable
from gateway.settings import Settings

PORT = "command"


@dataclass(frozen=True, slots=True)
class Act:
    """What `account` does: `what` names things of the products and no value of theirs, `reason` is its own words."""

    account: str
    action: str
    what: str = ""
    reason: str = ""


def recorded(settings: Settings, act: Act, products: Iterable[str], folder: Path | None = None) -> None:
    """Put `act` on record, in another folder than the deployment's audit where one is named.

    Raises Unavailable (audit) where the audit is required and cannot be written.
    """
    chain = audit.of(settings, keys.load(settings), folder)
    told = ProductManaged(
        subject=f"account:{act.account}", port=PORT, purpose=None, products=tuple(products), action=act.action,
        what=act.what, reason=act.reason,
    )  # fmt: skip
    try:
        chain.record(told)
    except Unavailable:
        if settings.audit_required:
            raise
    finally:
        chain.close()
