"""Every refusal as an agent reads it: what was wrong, and what would be right. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from gateway import BadQuery, Exhausted, GatewayError, NotFound

# What to do next, for refusals that say too little of it themselves: by class and reason.
_ADVICE: dict[tuple[type[GatewayError], str], str] = {
    (NotFound, "product"): "search_products finds the products that you may see",
    (NotFound, "table"): "tables are written product.table; describe_product lists those that you may see",
    (NotFound, "measure"): "list_measures lists the measures that you may ask for",
    (BadQuery, "column"): "describe_product lists the columns; query_measure takes table.column for related tables",
    (BadQuery, "read_only"): "only SELECT is answered here",
}
_SHOWN = 60


def told(error: GatewayError, text: str = "") -> str:
    """`error` in a few lines; `text` is the statement that its position is in."""
    kind = f"{error.code}:{error.reason}" if error.reason else error.code
    lines = [f"error {kind}: {error.message}"]
    if error.position is not None and text:
        near = text[max(0, error.position - _SHOWN // 2) : error.position + _SHOWN // 2]
        lines.append(f"at character {error.position}: ...{near}...")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    advice = error.line(_ADVICE)
    if advice:
        lines.append(f"next: {advice}")
    if isinstance(error, Exhausted):
        lines.append(f"next: ask for less, or come again in {max(1, round(error.retry_s))} s")
    return "\n".join([*lines, f"error_id: {error.error_id}"])


def arguments(error: ValidationError, known: tuple[str, ...]) -> BadQuery:
    """The refusal of a tool's arguments, without their values."""
    said = []
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part)[:63] for part in one["loc"][:2]) or "arguments"
        said.append(f"{name}: {one['msg'][:1].lower()}{one['msg'][1:]}")
    words = "; ".join(dict.fromkeys(said[:5]))
    return BadQuery(words, reason="parameter", hint=f"the tool takes {', '.join(known)}")
