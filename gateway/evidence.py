"""What an answer tells of itself: the states it has read, the columns with their treatments, the refusal. Pure."""

from __future__ import annotations

from gateway.bind import Plan
from gateway.errors import GatewayError
from gateway.observe import ColumnUse, Refused
from gateway.stream import ProductProvenance


def states(plan: Plan) -> tuple[ProductProvenance, ...]:
    """The state of each product that `plan` reads."""
    snapshots = {grant.snapshot.id: grant.snapshot for grant in plan.grants}
    return tuple(
        ProductProvenance(one.product.name, one.product.version, one.id, one.data_time, one.quality)
        for one in snapshots.values()
    )


def columns(plan: Plan) -> tuple[ColumnUse, ...]:
    """Every visible column of the tables that `plan` reads, with its treatment."""
    return tuple(
        ColumnUse(f"{grant.snapshot.product.name}.{grant.table.name}.{name}", treatment.mask or treatment.kind)
        for grant in plan.grants
        for name, treatment in grant.decision.treatments.items()
        if treatment.kind != "hidden"
    )


def refused(error: GatewayError) -> Refused:
    """A refusal as the audit keeps it."""
    return Refused(error.code, error.reason, error.error_id)
