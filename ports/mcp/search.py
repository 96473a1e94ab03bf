"""search_products: products, measures and columns that words mean, of what is visible. Touches the front door only."""

from __future__ import annotations

from collections.abc import Sequence

from gateway import VisibleProduct, VisibleTable
from ports.http import finding
from ports.http.finding import Hit
from ports.mcp.arguments import Search
from ports.mcp.budget import Answered, Json, Page
from ports.mcp.call import Call
from ports.mcp.context import note, titled

_HITS, _LATER_HITS = 12, 4
DESCRIPTION_LIMIT = 160


def search(call: Call, asked: Search) -> Answered:
    """The visible products that have any of the words, ranked; all of them where there is no word."""
    ranked = finding.search(call.gateway.products(call.session), asked.query)
    page = Page(call.tokens(asked.max_tokens), {"products": []}, [f"{len(ranked)} products"])
    for place, one in enumerate(ranked):
        line, value = _told(one.visible, one.hits[: _LATER_HITS if place else _HITS])
        page.add(line, page.content["products"], value)
    if not ranked:
        page.add("nothing that you may see has these words; an empty query lists all that you may see")
    return page.answered("Use fewer or rarer words, or raise max_tokens.")


def _told(visible: VisibleProduct, hits: Sequence[Hit]) -> tuple[str, Json]:
    product = visible.product
    about = note(visible, _short(product.purpose))
    matched = [_line(visible, one) for one in hits if one.kind != "product"]
    tables = [one.table.name for one in visible.tables]
    shown = ", ".join(f"{one.table.name}{_times(one)}" for one in visible.tables)
    line = f"{product.name}@{product.version} ({titled(visible)}): {about}\n  tables: {shown}"
    line += "".join(f"\n  {one}" for one in matched)
    return line, {
        "name": product.name,
        "version": product.version,
        "title": note(visible, product.title),
        **({"projection_of": visible.over} if visible.over else {}),
        "about": about,
        "tables": tables,
        "matched": matched,
    }


def _line(visible: VisibleProduct, hit: Hit) -> str:
    place = hit.table if hit.kind == "table" else f"{hit.table}.{hit.name}"
    kind = f" {hit.type}" if hit.kind == "column" else ""
    about = note(visible, _short(hit.about)) if hit.kind == "table" else _short(hit.about)
    return f"{hit.kind} {place}{kind}: {about}"


def _times(table: VisibleTable) -> str:
    """The times that a table's measures are grouped by: nobody names them in words."""
    times = [one.name for one in table.semantics if one.kind == "dimension" and one.type in {"DATE", "TIMESTAMP"}]
    return f" (time: {', '.join(times)})" if times else ""


def _short(text: str) -> str:
    return " ".join(text.split())[:DESCRIPTION_LIMIT]
