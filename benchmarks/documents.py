"""Hostile GraphQL documents by class: each is refused before it runs, stopped by a clock, or bounded by its limits."""

from __future__ import annotations

from collections.abc import Mapping

# $space is a product, $parent a table of it with a number $key and a text $word; many rows of $child belong to one.
_DOWN, _UP = "$child(limit: 2) { ", "$parent { "
_TYPE = "{ name ofType { name ofType { name } } }"
_SCHEMA = f"types {{ name fields {{ name type {_TYPE} args {{ name }} }} inputFields {{ name }} }}"


def _nested(levels: int) -> str:
    opened = "".join(_DOWN if level % 2 == 0 else _UP for level in range(levels))
    return f"{{ $space {{ $parent(limit: 2) {{ {opened} __typename {'}' * (levels + 3)}"


def _where(levels: int) -> str:
    """Conditions on what belongs to a row, so many times there and back."""
    opened = "".join(f"{{{'$child' if level % 2 == 0 else '$parent'}: " for level in range(levels))
    return f"{opened}{{}}{'}' * levels}"


def _doubled(levels: int) -> str:
    """Fragments of which each holds the next one twice."""
    fragments = " ".join(
        f"fragment F{i} on __Schema {{ a{i}: queryType {{ name }} ...F{i + 1} ...F{i + 1} }}" for i in range(levels)
    )
    return f"{{ __schema {{ ...F0 }} }} {fragments} fragment F{levels} on __Schema {{ queryType {{ name }} }}"


def _listed(count: int, field: str, inside: str = "$key") -> str:
    """So many lists of a product side by side; `#` stands for the number of each."""
    fields = (f"a{i}: {field} {{ {inside} }}".replace("#", str(i)) for i in range(count))
    return f"{{ $space {{ {' '.join(fields)} }} }}"


def _rows(arguments: str, inside: str = "$key") -> str:
    """One list."""
    return f"{{ $space {{ $parent({arguments}) {{ {inside} }} }} }}"


_TYPES_OF_TYPES = "fields { type { " * 12 + "name" + " } }" * 12
DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    "depth": (_nested(30), "{ " * 3000, f"{{ __schema {{ types {{ {_TYPES_OF_TYPES} }} }} }}"),
    "aliases": (
        _listed(150, "$parent(limit: 1000)"),
        _listed(90, "$parent(limit: 1)"),
        "{ " + " ".join(f"a{i}: __schema {{ {_SCHEMA} }}" for i in range(90)) + " }",
    ),
    "breadth": (
        _rows("limit: 1000", "$key $word " * 2300),
        _rows("limit: 1", "$child(limit: 1) { __typename } " * 500),
    ),
    "multiplied lists": (
        _rows("limit: 1000", "$child(limit: 1000) { $parent { $child(limit: 1000) { __typename } } }"),
        _rows("limit: 1000", "a: $child(limit: 100) { __typename } b: $child(limit: 100) { __typename }"),
    ),
    "large answers": (
        _rows("limit: 45", "$key $word $child(limit: 1000) { __typename $parent { $key $word } }"),
        "{ $space { $child(limit: 1000) { __typename $parent { $key $child(limit: 90) { __typename } } } } }",
    ),
    "huge numbers": (
        _rows("limit: 2147483647"),
        "{ $space { $child(limit: 1000, offset: 2147483647) { __typename } } }",
        _rows("limit: 1000", "$child(limit: 1, offset: 2147483647) { __typename }"),
        "{ $space { ${parent}Connection(last: 2147483647) { nodes { $key } } } }",
    ),
    "fragments": (
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
        _doubled(200),
        "{ $space { " + " ".join(f"...F{i}" for i in range(900)) + " } }",
    ),
    "conditions": (
        _rows(f"where: {_where(18)}"),
        _rows(f"where: {_where(60)}"),
        _rows("where: {_or: [" + '{$word: {_like: "%a%a%a%a%a%a%a%a%b"}},' * 150 + "]}"),
        _rows("where: " + "{_not: " * 300 + "{}" + "}" * 300),
        _rows("where: {$key: {_in: [" + "1," * 4500 + "]}}"),
    ),
    "counts": (
        _listed(45, '${parent}Connection(where: {$child: {$parent: {$word: {_ilike: "%#%"}}}})', "totalCount"),
        _listed(9, "${parent}Connection(last: 1000, orderBy: [{$word: DESC}])", "totalCount nodes { $key }"),
    ),
    "long documents": (
        _rows("limit: 1") + " # x" * 40_000,
        _rows(f'where: {{$word: {{_eq: "{"x" * 150_000}"}}}}'),
        _rows("where: " + "[" * 4000),
    ),
}
