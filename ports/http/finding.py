"""What words mean among products: their tables, measures and columns, of what is visible. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

from gateway import VisibleProduct

_OF_EACH = 5
# What a word found there counts.
_NAME, _MEASURE, _TAG, _TABLE, _COLUMN = 8, 6, 4, 4, 3
_SHORTEST = 4
_BEGUN = 2
# Words of one question that are mended, and how alike they are to what is there (difflib's ratio).
_MENDED, _LIKENESS = 5, 0.8
Alike = Callable[[str, str], bool]
_EMPTY = frozenset(
    "a an and are as at be by for from has have how in is it me my of on or our per show than that the their this to "
    "was we were what when which who whose with".split()
)


@dataclass(frozen=True)
class Hit:
    """A part of a product that some word is found in: points by word. `about` is what is said of it."""

    kind: Literal["product", "table", "measure", "dimension", "column"]
    table: str
    name: str
    type: str
    about: str
    words: Mapping[str, float]

    @property
    def points(self) -> float:
        """How well all words are found in it."""
        return sum(self.words.values())


@dataclass(frozen=True)
class Found:
    """A product with its parts that have any of the words, the best first; what is of the product as such behind."""

    visible: VisibleProduct
    hits: tuple[Hit, ...]

    @property
    def points(self) -> float:
        """Words count once each, where they are found best: that most are found counts more than how often."""
        best: dict[str, float] = {}
        for hit in self.hits:
            for word, points in hit.words.items():
                best[word] = max(best.get(word, 0), points)
        return sum(best.values())


def search(products: Iterable[VisibleProduct], query: str, *, begun: bool = False) -> list[Found]:
    """The products that have any of the words, ranked; all of them where there is no word.

    Where words may be only `begun`, as those of somebody who still writes, one stands for each that it begins.
    """
    wanted = words(query)
    alike = _begins if begun else _alike
    phrase = " ".join(_listed(query))
    found = [Found(one, tuple(_hits(one, wanted, alike, phrase))) for one in products]
    kept = (one for one in found if one.hits or not wanted)
    return sorted(kept, key=lambda one: (-one.points, one.visible.product.name))


def mended(products: Iterable[VisibleProduct], query: str) -> str:
    """The question with words that nothing has, but for their spelling, as what is there spells them.

    What is there is what `products` show: a word of what is hidden mends nothing.
    """
    known = {word for one in products for hit in _every(one) for word in hit if len(word) >= _SHORTEST}
    unknown = [one for one in words(query) if len(one) >= _SHORTEST and not any(_begins(one, it) for it in known)]
    meant = {one: difflib.get_close_matches(one, known, 1, _LIKENESS) for one in sorted(unknown)[:_MENDED]}
    return " ".join((meant.get(one) or [one])[0] for one in _listed(query))


def _every(visible: VisibleProduct) -> Iterable[set[str]]:
    """The words of each name and text that a question is compared with."""
    product = visible.product
    yield _words(" ".join((product.name, product.title, product.purpose, product.domain, product.owner, *product.tags)))
    yield _words(f"{product.usage} {product.limitations}")
    for table in visible.tables:
        yield _words(f"{table.table.name} {table.table.description}")
        for one in table.semantics:
            yield _words(" ".join((one.name, one.title, one.description, *one.synonyms)))
        for column in table.known:
            yield _words(" ".join((column.name, column.business_name, column.description, *column.tags)))


@dataclass(frozen=True)
class Suggestion:
    """What is served already and may be what `wanted` is about: the better, the more points."""

    wanted: str
    kind: str
    place: str
    points: float
    about: str


def suggestions(products: Iterable[VisibleProduct], wanted: Iterable[str]) -> list[Suggestion]:
    """What there is of each column, entity or measure that is wanted, the best of each first."""
    visible = tuple(products)
    found: list[Suggestion] = []
    for one in dict.fromkeys(wanted):
        hits = [(product.visible.product.name, hit) for product in search(visible, one) for hit in product.hits]
        told = [Suggestion(one, hit.kind, _place(name, hit), hit.points, hit.about) for name, hit in hits]
        found += sorted(told, key=lambda hit: (-hit.points, hit.place))[:_OF_EACH]
    return found


def _place(product: str, hit: Hit) -> str:
    if hit.kind == "product":
        return product
    return f"{product}.{hit.table}" if hit.kind == "table" else f"{product}.{hit.table}.{hit.name}"


def words(query: str) -> frozenset[str]:
    """The words of a question that are looked for."""
    return frozenset(_words(query) - _EMPTY)


def _hits(visible: VisibleProduct, wanted: Collection[str], alike: Alike, phrase: str) -> list[Hit]:
    product = visible.product
    points = partial(_points, wanted, alike, phrase)
    about = (product.purpose, product.usage, product.limitations)
    of_name = points(_NAME, (product.name, product.title), about)
    of_tags = points(_TAG, (product.domain, product.owner, *product.tags), ())
    found = [Hit("product", "", product.name, "", product.purpose, one) for one in (of_name, of_tags)]
    for table in visible.tables:
        name, about_it = table.table.name, table.table.description
        found.append(Hit("table", name, name, "", about_it, points(_TABLE, (name,), (about_it,))))
        described = {one.name for one in table.semantics}
        for one in table.semantics:
            named = (one.name, one.title, *one.synonyms)
            of_measure = points(_MEASURE, named, (one.description,))
            found.append(Hit(one.kind, name, one.name, one.type, one.description, of_measure))
        for column in table.known:
            if column.name not in described:
                named = (column.name, column.business_name, *column.tags)
                told = column.description or column.business_name
                of_column = points(_COLUMN, named, (column.description,))
                found.append(Hit("column", name, column.name, column.type, told, of_column))
    return sorted((one for one in found if one.words), key=lambda one: (one.kind == "product", -one.points))


def _points(
    wanted: Collection[str], alike: Alike, phrase: str, points: int, named: Sequence[str], about: Sequence[str]
) -> Mapping[str, float]:
    """What is found in names counts whole, what is only spoken of a third; a name that has all of it as it was asked
    counts once more."""
    names, said = _words(" ".join(named)), _words(" ".join(about))
    whole = {one: float(points) for one in wanted if any(alike(one, other) for other in names)}
    spoken = {one: points / 3 for one in wanted if any(alike(one, other) for other in said)}
    said_so = " " in phrase and any(f" {phrase} " in f" {' '.join(_listed(one))} " for one in named)
    return {**spoken, **whole, **({phrase: float(points)} if said_so else {})}


def _alike(wanted: str, said: str) -> bool:
    """The same word, or one that begins with the other: revenue and revenues; deliveries and delivery."""
    if wanted == said or _one_of(wanted) == _one_of(said):
        return True
    short, long = sorted((wanted, said), key=len)
    return len(short) >= _SHORTEST and long.startswith(short) and len(long) - len(short) <= 3


def _begins(wanted: str, said: str) -> bool:
    return _alike(wanted, said) or (len(wanted) >= _BEGUN and said.startswith(wanted))


@lru_cache(maxsize=10_000)
def _one_of(word: str) -> str:
    return f"{word[:-3]}y" if word.endswith("ies") and len(word) > _SHORTEST else word


def _listed(text: str) -> list[str]:
    return [one for one in re.split(r"[\W_]+", text.lower()) if one]


def _words(text: str) -> set[str]:
    return set(_listed(text))
