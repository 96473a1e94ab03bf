"""PostgreSQL's catalog functions as DuckDB macros: their texts, and the types of their values. Reads macros.sql only.

A macro is called `cat_` and the function's name; `cat_to_regclass_value` is the cast to that type, `cat_regclass_out`
the text of its values.
"""

from __future__ import annotations

import re

from gateway.system_catalogs.pg_relations import FOLDER, keywords

PREFIX = "cat_"
REG_TYPES = frozenset({"regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole"})
_MACRO = re.compile(r"^-- (\w+)\n(CREATE MACRO cat_(\w+)\(.*?\));$", re.MULTILINE | re.DOTALL)
_READ = _MACRO.findall((FOLDER / "macros.sql").read_text())
_RESERVED = "|".join(one["word"] for one in keywords() if one["catcode"] != "U")
# A constant costs a plan nothing, where a look into a table of words is a join for each call.
STATEMENTS: tuple[str, ...] = tuple(statement.replace("$reserved", _RESERVED) for _, statement, _ in _READ)
_KINDS: dict[str, str] = {name: kind for kind, _, name in _READ}
CAST_TYPES = {name: kind for name, kind in _KINDS.items() if name.endswith(("_value", "_out")) and "reg" in name}
# What a client may call: names that begin with an underscore of ours are for the macros themselves.
_INNER = frozenset({"_path", "_subject", "_reads", "_length", "_defined", "_granted"})
FUNCTIONS: dict[str, str] = {
    name: kind for name, kind in _KINDS.items() if name not in CAST_TYPES and name not in _INNER
}
NAMES = frozenset(f"{PREFIX}{name}" for name in (*FUNCTIONS, *CAST_TYPES))
