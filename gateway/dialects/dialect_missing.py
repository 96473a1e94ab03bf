"""What PostgreSQL has and this server has not: functions and types by name, and what to write instead. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.errors import BadQuery
from gateway.sql import grammar, tree
from gateway.sql.tree import Node

_RANGES = "two columns and BETWEEN say a range"
_SEARCH = "search texts with ILIKE, ~ or LIKE ANY"
_ADDRESSES = "network addresses are texts"
# What to use instead, to names of functions; a star stands for what follows.
_FUNCTIONS: Mapping[str, str] = {
    _SEARCH: "to_ts* plainto_to_ts* plainto_ts* phraseto_ts* websearch_to_ts* ts_* setweight",
    "levenshtein(a, b), jaro_winkler_similarity(a, b)": "similarity word_similarity show_trgm soundex *metaphone",
    "json_build_object and row_to_json write json": "xml* xpath* query_to_xml table_to_xml",
    "read json with ->, ->> and #>>; it cannot be changed here": "json_path_* jsonb_path_* jsonb_set* jsonb_insert "
    "jsonb_delete* json_populate_* jsonb_populate_* json_to_record* jsonb_to_record*",
    _RANGES: "int4range int8range numrange tsrange tstzrange daterange *multirange range_* isempty lower_inc upper_inc "
    "lower_inf upper_inf",
    "compute with numbers: sqrt, sin, cos, atan2": "point box circle line lseg path polygon st_* earth_distance",
    _ADDRESSES: "host hostmask masklen netmask network inet_* broadcast set_masklen abbrev",
    "products are read-only; row_number() OVER () counts rows": "nextval currval lastval setval",
    "a query reads products, and nothing else": "pg_sleep* pg_advisory* pg_try_advisory* pg_notify dblink* lo_* "
    "pg_read_* pg_ls_* pg_file_* pg_reload_conf pg_export_snapshot txid_* pg_current_xact_id*",
    "sum(x) FILTER (WHERE ...) makes a column of each value": "crosstab* connectby",
    "strpos(x, regexp_substr(x, pattern))": "regexp_instr",
    "md5(x), sha256(x)": "crypt gen_salt digest hmac encrypt* decrypt* pgp_* sha224 sha384 sha512",
    "json keeps keys and values": "hstore* akeys avals",
    "strip_accents(x), nfc_normalize(x)": "normalize unaccent",
    "arrays have one dimension: array_length(a, 1)": "array_to_tsvector array_sample array_shuffle",
    "json_agg, string_agg and array_agg gather rows": "xmlagg json_objectagg json_arrayagg",
    "round(x, 2), trunc(x, 2)": "scale min_scale trim_scale random_normal",
    "encode(x, 'hex') shows bytes": "get_byte set_byte set_bit",
}
_TYPES: Mapping[str, str] = {
    **dict.fromkeys("INET CIDR MACADDR MACADDR8".split(), _ADDRESSES),
    **dict.fromkeys("POINT LINE LSEG BOX PATH POLYGON CIRCLE GEOMETRY GEOGRAPHY".split(), "coordinates are numbers"),
    **dict.fromkeys("INT4RANGE INT8RANGE NUMRANGE TSRANGE TSTZRANGE DATERANGE".split(), _RANGES),
    **dict.fromkeys("TSVECTOR TSQUERY".split(), _SEARCH),
    **dict.fromkeys("XML VARBIT PG_LSN TXID_SNAPSHOT JSONPATH".split(), "text"),
    "MONEY": "numeric(18,2)",
    "HSTORE": "json",
}
_KNOWN = tuple(
    (re.compile(rf"(?:{names.replace('*', '[a-z0-9_]*').replace(' ', '|')})\Z"), hint)
    for hint, names in _FUNCTIONS.items()
)
_OPERATORS: Mapping[str, str] = {
    "@@": _SEARCH,
    "<->": "compute the distance: abs(a - b)",
    "%%": "mod(a, b)",
    "-|-": _RANGES,
}


def function(node: Node, name: str) -> None:
    """Refuse a function that PostgreSQL has, with what to use. Raises BadQuery (unsupported)."""
    if name in tree.CLIENT.functions:
        return
    for names, hint in _KNOWN:
        if names.match(name):
            raise BadQuery(f"function {name} is not supported", reason="unsupported", hint=hint,
                           position=tree.position(node))  # fmt: skip


def operator(node: Node, name: str) -> None:
    """Refuse an operator that PostgreSQL has, with what to use. Raises BadQuery (unsupported)."""
    if name in _OPERATORS and name not in grammar.OPERATORS:
        raise BadQuery(f"operator {name} is not supported", reason="unsupported", hint=_OPERATORS[name],
                       position=tree.position(node))  # fmt: skip


def type_(kind: Node, name: str) -> None:
    """Refuse a type that PostgreSQL has (unsupported), and one that it has not (name). Raises BadQuery."""
    if name in _TYPES:
        raise BadQuery(f"type {name.lower()} is not supported", reason="unsupported", hint=_TYPES[name],
                       position=tree.position(kind))  # fmt: skip
    if name not in grammar.TYPES:
        raise BadQuery(f'type "{name.lower()}" does not exist', reason="name", position=tree.position(kind))
