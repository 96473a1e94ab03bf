"""A client's statement about PostgreSQL's catalogs -> the checked text that a catalog engine runs. Pure.

What runs was made of a tree that was checked: functions, types and relations on closed lists, and the text of that tree
read and checked again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.cache import BytesLru
from gateway.decision import unknown_relation
from gateway.dialects import dialect_names
from gateway.dialects.dialect_nodes import Source
from gateway.errors import BadQuery, Forbidden, GatewayError
from gateway.sql import duck, scope, tree
from gateway.sql.tree import Node
from gateway.system_catalogs import pg_macros, pg_scopes
from gateway.system_catalogs.pg_kinds import Kinds, column_kinds
from gateway.system_catalogs.pg_relations import CATALOG, INFORMATION, Place, relations
from gateway.system_catalogs.pg_rewrite import Rewriting, may_speak
from gateway.system_catalogs.pg_views import path as engine_path

_CACHE_LIMIT_BYTES = 16 << 20
_KEYWORDS = ("outport$", "keywords")
# What an ordinary role may not read.
_CLOSED = frozenset(
    {
        (CATALOG, name)
        for name in ("pg_authid", "pg_shadow", "pg_statistic", "pg_statistic_ext_data", "pg_hba_file_rules")
    }
    | {(CATALOG, name) for name in ("pg_file_settings", "pg_ident_file_mappings", "pg_config", "pg_user_mapping")}
    | {
        (CATALOG, name)
        for name in ("pg_largeobject", "pg_subscription", "pg_shmem_allocations", "pg_replication_origin")
    }
)
ALLOWANCE = tree.Allowance(
    tree.CLIENT.functions | pg_macros.NAMES, tree.CLIENT.operators, tree.CLIENT.table_functions, queries=True
)
_TYPES = frozenset({"oid", "name", "regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole"})


@dataclass(frozen=True)
class CatalogStatement:
    """What runs in any catalog engine. `kinds` are PostgreSQL's types of its columns, () where a star stands."""

    text: str
    kinds: tuple[str | None, ...]
    columns: dict[str, str] = field(hash=False)
    tree: Node = field(repr=False, hash=False, compare=False)


_statements: BytesLru[str, CatalogStatement] = BytesLru(_CACHE_LIMIT_BYTES)
_spoken: BytesLru[str, bool] = BytesLru(_CACHE_LIMIT_BYTES)


def asks_pg_catalog(text: str) -> bool:
    """Whether `text` is about PostgreSQL's catalogs, or about nothing but functions and types of theirs."""
    if not may_speak(text):
        return False
    known = _spoken.get(text)
    if known is None:
        known = _asks(text)
        _spoken.put(text, known, len(text) + 100)
    return known


def _asks(text: str) -> bool:
    try:
        statement = _parsed(text)
        paths = scope.relations(statement)
    except GatewayError:
        return False
    if paths:
        return any(_place(path) is not None for path in paths)
    return any(_speaks(node) for node in tree.nodes(statement))


def _speaks(node: Node) -> bool:
    path = [str(part).lower() for part in (node.get("qualified_name") or {}).get("path", ())]
    if not path:
        return False
    if len(path) == 2 and path[0] in {CATALOG, INFORMATION}:
        return True
    if node.get("class") == "TYPE":
        return path[-1] in _TYPES
    own = path[-1] in pg_macros.FUNCTIONS or path[-1] in {"pg_get_keywords", "aclexplode"}
    return node.get("class") == "FUNCTION" and own and path[-1] not in tree.CLIENT.functions


def _parsed(text: str) -> Node:
    """The tree of a text, not too deep and not too large to be walked. Raises BadQuery."""
    statement = duck.parse(text)
    if tree.depth(statement) > tree.DEPTH_LIMIT or sum(1 for _ in tree.nodes(statement)) > tree.NODE_LIMIT:
        raise BadQuery("the query is too large or nested too deeply", reason="limit")
    return statement


def bound(text: str) -> CatalogStatement:
    """`text` as it runs. Raises BadQuery, NotFound, Forbidden; positions refer to the text."""
    known = _statements.get(text)
    if known is None:
        known = _bound(text)
        _statements.put(text, known, 22 * len(known.text) + 1000)
    return known


def _bound(text: str) -> CatalogStatement:
    statement = _parsed(text)
    places = {place for path in scope.relations(statement) if (place := _place(path)) is not None}
    dialect_names.name(statement, Source(text))
    pg_scopes.qualify(statement)
    kinds = Kinds(column_kinds(places))
    kinds.aliases(statement)
    rewriting = Rewriting(text, kinds)
    made = rewriting.rewritten(statement)
    kinds.aliases(made)
    outputs = kinds.outputs(made["node"])
    tree.check(made, ALLOWANCE)
    names = scope.resolve(made, _target)
    written = duck.deparse(made)
    again = duck.parse(written)
    tree.check(again, ALLOWANCE)
    _verify(again, frozenset(names.ctes))
    starred = any(item["class"] == "STAR" for item in _items(made["node"]))
    columns = {name: kind for name, kind in kinds.columns.items() if kind is not None}
    return CatalogStatement(written, () if starred else tuple(outputs), columns, again)


def _items(query: Node) -> list[Node]:
    while "select_list" not in query:
        query = query["left"] if query.get("left") else query["children"][0]
    found: list[Node] = query["select_list"]
    return found


def _place(path: scope.Path) -> Place | None:
    """The relation of a catalog that a name means, whether it exists or not; None for a name of something else."""
    parts = tuple(part.lower() for part in path)
    if len(parts) == 1:
        return (CATALOG, parts[0]) if (CATALOG, parts[0]) in relations() else None
    if len(parts) > 2 and parts[0] != scope.CATALOG:
        return None
    return (parts[-2], parts[-1]) if parts[-2] in {CATALOG, INFORMATION} else None


def _target(path: scope.Path, position: int | None) -> scope.Path:
    place = _place(path)
    if path == _KEYWORDS:
        return ("x", "keywords")
    if place is None:
        raise BadQuery(
            "a query over the catalogs and over products at once is not supported",
            reason="unsupported",
            hint="ask for the two apart",
            position=position,
        )
    if place not in relations():
        error = unknown_relation(".".join(path))
        error.position = position
        raise error
    if place in _CLOSED:
        raise Forbidden(f"permission denied for table {place[1]}")
    return engine_path(place)


def _verify(statement: Node, ctes: frozenset[str]) -> None:
    """The text names relations of a catalog engine and its own CTEs, and nothing else."""
    known = {engine_path(place) for place in relations()} | {("x", "keywords")}
    for node in tree.nodes(statement):
        if node.get("type") == "BASE_TABLE":
            path = tuple(node["qualified_name"]["path"])
            if path not in known and not (len(path) == 1 and path[0] in ctes):
                raise BadQuery("this query cannot be bound", reason="unsupported")
