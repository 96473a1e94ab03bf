"""report_feedback: what is said of a product, to those who answer for it. Touches the gateway's front door only."""

from __future__ import annotations

from ports.mcp.arguments import Report
from ports.mcp.budget import Answered
from ports.mcp.call import Call


def report(call: Call, asked: Report) -> Answered:
    """Keep it. Raises NotFound for a product that is not visible, Exhausted for too much in an hour."""
    _, visible = call.product(asked.product)
    kept = call.gateway.feedback.give(call.session, visible, asked.kind, asked.text, asked.rating)
    text = f"kept as {kept.id}: {kept.kind} on {kept.product}@{kept.version}"
    return Answered(text, {"id": kept.id, "product": kept.product, "kind": kept.kind, "truncated": False})
