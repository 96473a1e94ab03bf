"""search_products: products, measures and columns that words mean, of what is visible. Touches the front door only."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gateway import VisibleProduct, VisibleTable
from ports.mcp.arguments import Search
from ports.mcp.budget import Answered, Json, Page
from ports.mcp.call import Call

# What a word found there counts.
_NAME, _MEASURE, _TAG, _TABLE, _COLUMN = 8, 6, 4, 4, 3
_HITS, _LATER_HITS = 12, 4
_SHORTEST = 4
_EMPTY = frozenset(
    "a an and are as at be by for from has have how in is it me my of on or our per show than that the their this to "
    "was we were what when which who whose with".split()
)
DESCRIPTION_LIMIT = 160


@dataclass(frozen=True)
class _Hit:
    """A part of a product that some word is found in: `line` names it, "" for the product; points by word."""

    line: str
    words: Mapping[str, float]

    @property
    def points(self) -> float:
        """How well all words are found in it."""
        return sum(self.words.values())


def search(call: Call, asked: Search) -> Answered:
    """The visible products that have any of the words, ranked; all of them where there is no word."""
    wanted = _words(asked.query) - _EMPTY
    found = [(one, _hits(one, wanted)) for one in call.gateway.products(call.session)]
    ranked = sorted(
        (one for one in found if one[1] or not wanted), key=lambda one: (-_score(one[1]), one[0].product.name)
    )
    page = Page(call.tokens(asked.max_tokens), {"products": []}, [f"{len(ranked)} products"])
    for place, (visible, hits) in enumerate(ranked):
        line, value = _told(visible, hits[: _LATER_HITS if place else _HITS])
        page.add(line, page.content["products"], value)
    if not ranked:
        page.add("nothing that you may see has these words; an empty query lists all that you may see")
    return page.answered("Use fewer or rarer words, or raise max_tokens.")


def _told(visible: VisibleProduct, hits: Sequence[_Hit]) -> tuple[str, Json]:
    product = visible.product
    about = " ".join(product.purpose.split())[:DESCRIPTION_LIMIT]
    matched = [one.line for one in hits if one.line]
    tables = [one.table.name for one in visible.tables]
    shown = ", ".join(f"{one.table.name}{_times(one)}" for one in visible.tables)
    line = f"{product.name}@{product.version} ({product.title}): {about}\n  tables: {shown}"
    line += "".join(f"\n  {one}" for one in matched)
    return line, {
        "name": product.name,
        "version": product.version,
        "title": product.title,
        "about": about,
        "tables": tables,
        "matched": matched,
    }


def _times(table: VisibleTable) -> str:
    """The times that a table's measures are grouped by: nobody names them in words."""
    times = [one.name for one in table.semantics if one.kind == "dimension" and one.type in {"DATE", "TIMESTAMP"}]
    return f" (time: {', '.join(times)})" if times else ""


def _score(hits: Sequence[_Hit]) -> float:
    """Words count once each, where they are found best; that most of them are found counts more than how often."""
    best: dict[str, float] = {}
    for hit in hits:
        for word, points in hit.words.items():
            best[word] = max(best.get(word, 0), points)
    return sum(best.values())


def _hits(visible: VisibleProduct, wanted: Collection[str]) -> list[_Hit]:
    """The parts that have any of the words, the best first; what is said of the product itself behind them."""
    product = visible.product
    about = (product.purpose, product.usage, product.limitations)
    found = [
        _hit("", _NAME, wanted, (product.name, product.title), about),
        _hit("", _TAG, wanted, (product.domain, product.owner, *product.tags), ()),
    ]
    for table in visible.tables:
        name, about_it = table.table.name, table.table.description
        found.append(_hit(f"table {name}: {_short(about_it)}", _TABLE, wanted, (name,), (about_it,)))
        described = {one.name for one in table.semantics}
        for one in table.semantics:
            line = f"{one.kind} {name}.{one.name}: {_short(one.description)}"
            named = (one.name, one.title, *one.synonyms)
            found.append(_hit(line, _MEASURE, wanted, named, (one.description,)))
        for column in table.known:
            if column.name not in described:
                line = (
                    f"column {name}.{column.name} {column.type}: {_short(column.description or column.business_name)}"
                )
                named = (column.name, column.business_name, *column.tags)
                found.append(_hit(line, _COLUMN, wanted, named, (column.description,)))
    hits = [one for one in found if one.words]
    return sorted(hits, key=lambda one: (not one.line, -one.points))


def _hit(line: str, points: int, wanted: Collection[str], named: Sequence[str], about: Sequence[str]) -> _Hit:
    """What is found in names counts whole, what is only spoken of a third."""
    names, said = _words(" ".join(named)), _words(" ".join(about))
    words = {one: float(points) for one in wanted if any(_alike(one, other) for other in names)}
    spoken = {one: points / 3 for one in wanted if any(_alike(one, other) for other in said)}
    return _Hit(line, {**spoken, **words})


def _alike(wanted: str, said: str) -> bool:
    """The same word, or one that begins with the other: revenue and revenues."""
    if wanted == said:
        return True
    short, long = sorted((wanted, said), key=len)
    return len(short) >= _SHORTEST and long.startswith(short) and len(long) - len(short) <= 3


def _words(text: str) -> set[str]:
    return {one for one in re.split(r"[\W_]+", text.lower()) if one}


def _short(text: str) -> str:
    return " ".join(text.split())[:DESCRIPTION_LIMIT]
