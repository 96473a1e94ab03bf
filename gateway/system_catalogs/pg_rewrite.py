"""Rules from PostgreSQL's SQL over its catalogs to the SQL of a catalog engine: a tree in, a tree out. Pure.

Names of functions, types and operators that PostgreSQL qualifies with pg_catalog become macros, DuckDB's types and
DuckDB's functions; what remains is checked afterwards like any client's query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.errors import BadQuery
from gateway.sql.tree import NESTED, Node, called, position
from gateway.system_catalogs import pg_macros, pg_nodes
from gateway.system_catalogs.pg_arrays import elements
from gateway.system_catalogs.pg_kinds import Kinds
from gateway.system_catalogs.pg_relations import CATALOG, DOMAINS, INFORMATION, relations
from gateway.system_catalogs.pg_types import PG_TYPES, held_in

_SCHEMAS = frozenset({CATALOG, INFORMATION})
_COMPARISONS = {
    "=": "COMPARE_EQUAL", "<>": "COMPARE_NOTEQUAL", "!=": "COMPARE_NOTEQUAL", "<": "COMPARE_LESSTHAN",
    ">": "COMPARE_GREATERTHAN", "<=": "COMPARE_LESSTHANOREQUALTO", ">=": "COMPARE_GREATERTHANOREQUALTO",
}  # fmt: skip
_LIKES = {"~~": "like_escape", "!~~": "not_like_escape", "~~*": "ilike_escape", "!~~*": "not_ilike_escape"}
_MATCHES = {"~": (False, ""), "!~": (True, ""), "~*": (False, "i"), "!~*": (True, "i")}
_VECTORS = frozenset({"int2vector", "oidvector"})
_COLLATIONS = frozenset({"default", "c", "posix", "ucs_basic", "c.utf8"})
_SYSTEM_COLUMNS = frozenset({"xmin", "xmax", "cmin", "cmax"})
_SESSION = frozenset({"current_user", "session_user", "user", "current_role", "current_catalog", "current_schema"})
# The names of information_schema's domains, and other spellings, as types of pg_catalog.
_SPELLINGS = {
    **DOMAINS, "int": "int4", "integer": "int4", "bigint": "int8", "smallint": "int2",
    "boolean": "bool", "jsonb": "json", "character varying": "varchar", "string": "text", "bpchar": "bpchar",
    "character": "bpchar", "real": "float4", "double precision": "float8", "regoper": "regproc",
    "timestamp with time zone": "timestamptz", "decimal": "numeric",
}  # fmt: skip
_FORMATS = {"%s": "concat", "%I": "cat_quote_ident", "%L": "cat_quote_literal"}
_RENAMED = {"json_build_object": "json_object", "jsonb_build_object": "json_object", "json_build_array": "json_array"}
_PLAIN = frozenset(PG_TYPES) | {"unknown", "jsonb", "cstring"}
_RELATIONS: Mapping[str, str] = {
    "pg_get_keywords": 'SELECT * FROM "outport$".keywords',
    "aclexplode": "SELECT 10::UINTEGER AS grantor, 0::UINTEGER AS grantee, ''::VARCHAR AS privilege_type, "
    "false AS is_grantable WHERE false",
    "pg_options_to_table": "SELECT ''::VARCHAR AS option_name, ''::VARCHAR AS option_value WHERE false",
    "pg_listening_channels": "SELECT ''::VARCHAR AS pg_listening_channels WHERE false",
    "pg_get_publication_tables": "SELECT 0::UINTEGER AS relid WHERE false",
    "pg_show_all_settings": "SELECT * FROM pg_catalog.pg_settings",
    "pg_timezone_names": "SELECT 'UTC' AS name, 'UTC' AS abbrev, INTERVAL 0 SECOND AS utc_offset, false AS is_dst",
}


class Rewriting:
    """The rules at work on one statement; `kinds` tells the types of what they have made."""

    def __init__(self, text: str, kinds: Kinds) -> None:
        self._text = text.encode()
        self._sources: list[dict[str, int]] = []
        self.kinds = kinds

    def rewritten(self, value: Any) -> Any:
        """A tree with every rule applied, the innermost nodes first."""
        if isinstance(value, list):
            return [self.rewritten(item) for item in value]
        if not isinstance(value, dict):
            return value
        whole = self._any_of(value)
        if whole is not None:
            return whole
        if isinstance(value.get("from_table"), dict):
            self._sources.append(dict(_oids(value["from_table"])))
        node = {key: self.rewritten(child) if isinstance(child, NESTED) else child for key, child in value.items()}
        if isinstance(value.get("from_table"), dict):
            self._sources.pop()
        rule = _RULES.get(str(node.get("class") or node.get("type") or ""))
        return node if rule is None else rule(self, node)

    def _named(self, made: Node, node: Node) -> Node:
        return {**made, "alias": node.get("alias", "")}

    def _any_of(self, node: Node) -> Node | None:
        """`x = ANY (array)` as list_contains, which may stand where a subquery may not."""
        if node.get("class") != "SUBQUERY" or node["subquery_type"] != "ANY":
            return None
        query = node["subquery"]["node"]
        items: list[Node] = query.get("select_list") or []
        if len(items) != 1 or items[0].get("function_name") != "unnest" or query["from_table"]["type"] != "EMPTY":
            return None
        array = self.rewritten(items[0]["arguments"][0]["expression"])
        child = self.rewritten(node["child"])
        kind = self.kinds.of(child)
        held = held_in(kind) if kind is not None else "VARCHAR"
        array = self._as_list(array, held)
        if array["class"] == "PARAMETER" and kind is not None:
            array = self.kinds.mark(pg_nodes.cast(array, f"{held}[]"), f"_{kind}")
        if node["comparison_type"] == "COMPARE_EQUAL":
            return self._named(pg_nodes.call("list_contains", array, child), node)
        items[0]["arguments"][0]["expression"] = array
        query["select_list"] = [pg_nodes.call("unnest", array)]
        return {**node, "child": child}

    def _as_list(self, node: Node, held: str) -> Node:
        """A constant such as '{a,b}' as a list."""
        literal = node.get("literal") if node["class"] == "CONSTANT" else None
        if literal is None or literal["kind"] != "STRING" or not str(literal["text"]).strip().startswith("{"):
            return node
        found = elements(str(literal["text"]))
        return node if found is None else pg_nodes.listed(found, held)

    def _function(self, node: Node) -> Node:
        path = [str(part) for part in node["qualified_name"]["path"]]
        if len(path) == 2 and path[0].lower() in _SCHEMAS:
            bare = path[1]
            node = {**node, "schema": "", "function_name": bare, "qualified_name": {"path": [bare]}}
        name = called(node)
        arguments = [argument["expression"] for argument in node["arguments"]]
        if node.get("is_operator") and not name[0].isalpha():
            return self._operator(node, name, arguments)
        if name == "format":
            return self._named(_formatted(node, arguments), node)
        if name in _RENAMED:
            name = _RENAMED[name]
            return self.kinds.mark({**node, "function_name": name, "qualified_name": {"path": [name]}}, "json")
        if name in {"array_agg", "unnest"}:
            return node
        if name in pg_macros.FUNCTIONS:
            return {**node, "function_name": f"cat_{name}", "qualified_name": {"path": [f"cat_{name}"]}}
        return node

    def _operator(self, node: Node, name: str, arguments: list[Node]) -> Node:
        if name in _COMPARISONS and len(arguments) == 2:
            return self._named(self._comparison(pg_nodes.compared(_COMPARISONS[name], *arguments)), node)
        if name in _MATCHES and len(arguments) == 2:
            negative, flags = _MATCHES[name]
            options = [pg_nodes.text(flags)] if flags else []
            made = pg_nodes.call("regexp_matches", *arguments, *options)
            return self._named(pg_nodes.negated(made) if negative else made, node)
        if name in _LIKES and len(arguments) == 2:
            literal = arguments[1].get("literal") if arguments[1]["class"] == "CONSTANT" else None
            if literal is not None and "\\" not in str(literal["text"]):
                return node
            return self._named(pg_nodes.call(_LIKES[name], *arguments, pg_nodes.text("\\")), node)
        if name == "||" and any((self.kinds.of(one) or "").startswith("_") for one in arguments):
            return self._named(pg_nodes.call("list_concat", *arguments), node)
        if name == "/":
            return {**node, "function_name": "//", "qualified_name": {"path": ["//"]}}
        return node

    def _comparison(self, node: Node) -> Node:
        left, right = node["left"], node["right"]
        for side, other in (("left", right), ("right", left)):
            kind = self.kinds.of(other) or ""
            held = held_in(kind) if kind else ""
            if held.endswith("[]"):
                node = {**node, side: self._as_list(node[side], held.removesuffix("[]"))}
        return node

    def _cast(self, node: Node) -> Node:
        place = position(node)
        name, listed = _type_of(node["type_expr"], place)
        child = node["child"]
        if name is None:
            return node
        if name in pg_macros.REG_TYPES and not listed:
            known = _known_relation(child) if name == "regclass" else None
            if known is not None:
                made = pg_nodes.cast(pg_nodes.number(known), "UINTEGER")
                return self.kinds.mark(self._named(made, node), name)
            return self._named(pg_nodes.call(f"cat_to_{name}_value", child), node)
        held = held_in(name)
        if listed:
            made = pg_nodes.cast(self._as_list(child, held), f"{held}[]")
            return self.kinds.mark(self._named(made, node), f"_{name}")
        before = self.kinds.of(child)
        if held == "VARCHAR" and before in pg_macros.REG_TYPES:
            child = pg_nodes.call(f"cat_{before}_out", child)
        if held.endswith("[]"):
            child = self._as_list(child, held.removesuffix("[]"))
        return self.kinds.mark(self._named(pg_nodes.cast(child, held), node), name)

    def _collate(self, node: Node) -> Node:
        last = str(node["collation"]).lower().removeprefix("pg_catalog.")
        if last not in _COLLATIONS:
            raise BadQuery("this collation is not available", reason="unsupported", position=position(node))
        child: Node = node["child"]
        return {**child, "alias": node["alias"] or child["alias"]}

    def _column(self, node: Node) -> Node:
        names = [str(part) for part in node["column_names"]]
        last = names[-1].lower()
        if last in _SYSTEM_COLUMNS and last not in self.kinds.columns:
            made = pg_nodes.cast(pg_nodes.number(1), "UINTEGER")
            return self.kinds.mark({**made, "alias": node["alias"] or last}, "xid")
        if last == "tableoid":
            oid = self._relation(names)
            if oid is not None:
                made = pg_nodes.cast(pg_nodes.number(oid), "UINTEGER")
                return self.kinds.mark({**made, "alias": node["alias"] or last}, "oid")
        place = position(node)
        quoted = place is not None and self._text[place : place + 1] == b'"'
        if len(names) == 1 and last in _SESSION and not quoted:
            return pg_nodes.call(f"cat_{last}", alias=node["alias"] or last)
        return node

    def _descending(self, node: Node) -> Node:
        """PostgreSQL's descending order begins with NULLs."""
        return {**node, "null_order": "NULLS_FIRST"} if node["null_order"] == "ORDER_DEFAULT" else node

    def _relation(self, names: list[str]) -> int | None:
        """The oid of the catalog's relation that `tableoid` speaks of."""
        for sources in reversed(self._sources):
            if len(names) > 1 and names[-2].lower() in sources:
                return sources[names[-2].lower()]
            if len(names) == 1 and len(sources) == 1:
                return next(iter(sources.values()))
        return None

    def _extract(self, node: Node) -> Node:
        """PostgreSQL's vectors count from 0."""
        if node["type"] != "ARRAY_EXTRACT" or self.kinds.of(node["children"][0]) not in _VECTORS:
            return node
        child, index = node["children"]
        one = {**pg_nodes.call("+", index, pg_nodes.number(1)), "is_operator": True}
        return {**node, "children": [child, one]}

    def _table_function(self, node: Node) -> Node:
        function = node["function"]
        name = str(function["function_name"]).lower().removeprefix("cat_")
        if name in _RELATIONS:
            return {**pg_nodes.subquery(_RELATIONS[name], node["alias"] or name),
                    "column_name_alias": node["column_name_alias"]}  # fmt: skip
        if node["sample"] is not None:
            raise BadQuery("a sample of a function is not supported", reason="unsupported", position=position(node))
        arguments = [argument["expression"] for argument in function["arguments"]]
        alias = node["alias"] or name
        items = [pg_nodes.call("unnest", one) for one in arguments] if name == "unnest" else [function]
        names = [*node["column_name_alias"]] or [alias]
        if str(node["with_ordinality"]) == "WITH_ORDINALITY":
            counted = pg_nodes.call("len", arguments[0]) if name == "unnest" else pg_nodes.number(0)
            series = pg_nodes.call("cat_generate_series", pg_nodes.cast(pg_nodes.number(1), "BIGINT"), counted)
            items.append(series)
            names = [*names, "ordinality"] if len(names) < len(items) else names
        named = [{**item, "alias": names[i] if i < len(names) else f"{alias}_{i}"} for i, item in enumerate(items)]
        return pg_nodes.selected(named, alias)


def _oids(source: Node) -> Iterator[tuple[str, int]]:
    """The relations of a catalog among the sources of a FROM, by the names that they go by there."""
    if source.get("type") == "JOIN":
        yield from _oids(source["left"])
        yield from _oids(source["right"])
    elif source.get("type") == "BASE_TABLE":
        path = [str(part).lower() for part in source["qualified_name"]["path"]]
        found = relations().get((path[-2] if len(path) > 1 else CATALOG, path[-1]))
        if found is not None:
            yield str(source["alias"] or path[-1]).lower(), found.oid


def _formatted(node: Node, arguments: list[Node]) -> Node:
    """format('%I.%s', a, b) as a concatenation. Raises BadQuery for a form that is no constant of these letters."""
    literal = arguments[0].get("literal") if arguments and arguments[0]["class"] == "CONSTANT" else None
    pieces = re.split(r"(%[sIL%])", str(literal["text"])) if literal is not None else ["%"]
    values, parts = iter(arguments[1:]), []
    for piece in pieces:
        if piece[:1] == "%" and piece != "%%":
            call, value = _FORMATS.get(piece), next(values, None)
            if call is None or value is None:
                raise BadQuery("this form is not supported", reason="unsupported", position=position(node))
            parts.append(pg_nodes.call(call, pg_nodes.cast(value, "VARCHAR")))
        elif piece:
            parts.append(pg_nodes.text(piece[:1] if piece == "%%" else piece))
    return pg_nodes.call("concat", *parts)


def _known_relation(node: Node) -> int | None:
    """The oid of the relation of pg_catalog that a constant names, None for anything else."""
    literal = node.get("literal") if node["class"] == "CONSTANT" else None
    if literal is None or literal["kind"] != "STRING":
        return None
    found = relations().get((CATALOG, str(literal["text"]).removeprefix(f"{CATALOG}.")))
    return None if found is None else found.oid


def _type_of(node: Node, place: int | None) -> tuple[str | None, bool]:
    """The name in pg_type that a cast means, and whether it is an array of it; None for a type of DuckDB's alone."""
    path = [str(part) for part in node["qualified_name"]["path"]]
    name = path[-1].lower()
    if name == "list" and node["children"]:
        return _type_of(node["children"][0], place)[0], True
    if len(path) == 2 and path[0].lower() not in _SCHEMAS:
        raise BadQuery(f'type "{".".join(path)}" does not exist', reason="type", position=place)
    name = _SPELLINGS.get(name, name)
    listed = name.startswith("_") and name[1:] in PG_TYPES
    name = name.removeprefix("_") if listed else name
    if name in pg_macros.REG_TYPES or (name in _PLAIN and not (node["children"] and name == "numeric")):
        return name, listed
    return None, listed


_RULES: Mapping[str, Callable[[Rewriting, Node], Node]] = {
    "FUNCTION": Rewriting._function,
    "CAST": Rewriting._cast,
    "COLLATE": Rewriting._collate,
    "COLUMN_REF": Rewriting._column,
    "COMPARISON": Rewriting._comparison,
    "OPERATOR": Rewriting._extract,
    "TABLE_FUNCTION": Rewriting._table_function,
    "DESCENDING": Rewriting._descending,
}
_SPEAKING = re.compile(
    r"pg_|information_schema|\breg(?:class|type|proc|procedure|namespace|role)\b|current_schema|\b(?:"
    + "|".join(sorted(name for name in pg_macros.FUNCTIONS if not name.startswith(("pg_", "_pg_"))))
    + r")\s*\(",
    re.IGNORECASE,
)


def may_speak(text: str) -> bool:
    """Whether a text may be about the catalogs: a quick look that lets most queries pass."""
    return _SPEAKING.search(text) is not None
