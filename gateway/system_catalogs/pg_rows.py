"""The rows of pg_catalog for what a principal may see; what every database has comes from the seeds. Pure.

Source: the catalogs of PostgreSQL 15 for tables made by CREATE TABLE with a primary key and references.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.system_catalogs.pg_objects import Oids, PgReference, PgTable, Visible
from gateway.system_catalogs.pg_relations import CATALOG, INFORMATION, Relation, Row, relations, seed

OWNER, OWNER_OID = "outport", 10
DATABASE, DATABASE_OID = "outport", 5
SCHEMAS: Mapping[str, int] = {CATALOG: 11, "public": 2200, INFORMATION: 13207}
RELATIONS_CLASS, TYPES_CLASS, CONSTRAINTS_CLASS, SCHEMAS_CLASS = 1259, 1247, 2606, 2615
_SCHEMA_OWNERS = {"public": 6171}
_SCHEMA_GRANTS = {"public": ["pg_database_owner=UC/pg_database_owner", "=U/pg_database_owner"], "pg_toast": None}
_EXTENSION_OID, _EXTENSIONS_CLASS = 13559, 3079
_LANGUAGE_OID, _LANGUAGES_CLASS = 13563, 2612
_HEAP, _BTREE = 2, 403
_TABLESPACE = 1663
_C_COLLATION = 950
Rows = Mapping[str, list[Row]]


@dataclass(frozen=True)
class Definition:
    """What pg_get_constraintdef and its like say of an oid; `column` is 0 for the whole object.

    Between `text` and `rest` stands the name of `relation`, where it is not 0.
    """

    oid: int
    column: int
    text: str
    relation: int = 0
    rest: str = ""


# The constraints of information_schema's own domains, as they are shown in short.
_CHECKS = (
    Definition(13222, 0, "CHECK (VALUE >= 0)"),
    Definition(
        13235, 0, "CHECK (VALUE::text = ANY (ARRAY['YES'::character varying, 'NO'::character varying]::text[]))"
    ),
)


@dataclass
class Made:
    """The rows by relation of pg_catalog, and the texts of what has a definition."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    definitions: list[Definition] = field(default_factory=list)
    oids: Oids = field(default_factory=Oids)

    def add(self, relation: str, **row: object) -> None:
        """One row; columns that are left out have their type's nothing."""
        self.rows[relation].append(row)


@functools.cache
def static() -> Rows:
    """The rows that every database has: seeds, and the two catalogs as they describe themselves."""
    made = Made()
    for (schema, name), relation in relations().items():
        if schema == CATALOG:
            made.rows[name] += seed(name)
        _system_relation(made, relation)
    _own(made)
    return dict(made.rows)


def _system_relation(made: Made, one: Relation) -> None:
    made.add(
        "pg_class", **_class_row(one.oid, one.name, SCHEMAS[one.schema], one.kind, len(one.columns)),
        reltype=one.row_type, relhasindex=one.indexed, relam=_HEAP if one.kind == "r" else 0,
        relhasrules=one.kind == "v", relacl=[f"{OWNER}=arwdDxt/{OWNER}", f"=r/{OWNER}"],
    )  # fmt: skip
    for number, column in enumerate(one.columns, 1):
        row = _attribute_row(one.oid, number, column.name, _type_by_name(column.domain or column.type), -1)
        row["attcollation"] = _C_COLLATION if row["attcollation"] else 0
        made.add("pg_attribute", **row, attnotnull=column.required)


def _own(made: Made) -> None:
    """Database, roles' namesakes, schemas, extension: one of each."""
    made.add("pg_database", oid=DATABASE_OID, datname=DATABASE, datdba=OWNER_OID, encoding=6, datlocprovider="c",
             datallowconn=True, datconnlimit=-1, datfrozenxid=716, datminmxid=1, dattablespace=_TABLESPACE,
             datcollate="C.UTF-8", datctype="C.UTF-8")  # fmt: skip
    for name, oid in {**SCHEMAS, "pg_toast": 99}.items():
        made.add("pg_namespace", oid=oid, nspname=name, nspowner=_SCHEMA_OWNERS.get(name, OWNER_OID),
                 nspacl=_SCHEMA_GRANTS.get(name, [f"{OWNER}=UC/{OWNER}", f"=U/{OWNER}"]))  # fmt: skip
    made.add("pg_extension", oid=_EXTENSION_OID, extname="plpgsql", extowner=OWNER_OID, extnamespace=11,
             extrelocatable=False, extversion="1.0")  # fmt: skip
    texts = {(11, SCHEMAS_CLASS): "system catalog schema", (2200, SCHEMAS_CLASS): "standard public schema",
             (_EXTENSION_OID, _EXTENSIONS_CLASS): "PL/pgSQL procedural language",
             (_LANGUAGE_OID, _LANGUAGES_CLASS): "PL/pgSQL procedural language"}  # fmt: skip
    for (oid, kind), text in texts.items():
        made.add("pg_description", objoid=oid, classoid=kind, objsubid=0, description=text)


def made_of(visible: Visible) -> Made:
    """The rows for what is visible, beside those that every database has."""
    made = Made(definitions=[*_CHECKS])
    referred = {(one.schema, one.table) for schema in visible for table in schema.tables for one in table.references}
    for schema in visible:
        oid = made.oids.of("schema", schema.name)
        made.add("pg_namespace", oid=oid, nspname=schema.name, nspowner=OWNER_OID)
        _describe(made, oid, SCHEMAS_CLASS, 0, schema.description)
        for table in schema.tables:
            _table(made, schema.name, table, referred)
    for schema in visible:
        for table in schema.tables:
            for reference, name in named_references(table):
                _reference(made, schema.name, table, reference, name)
    return made


def named_references(table: PgTable) -> Iterator[tuple[PgReference, str]]:
    """The references with their constraints' names, as PostgreSQL would name them."""
    taken: set[str] = set()
    for one in table.references:
        name = base = f"{table.name}_{'_'.join(one.columns)}_fkey"[:63]
        number = 0
        while name in taken:
            number += 1
            name = f"{base}{number}"
        taken.add(name)
        yield one, name


def _describe(made: Made, oid: int, kind: int, column: int, text: str) -> None:
    if text:
        made.add("pg_description", objoid=oid, classoid=kind, objsubid=column, description=text)


def _depend(
    made: Made, what: tuple[int, int], on: tuple[int, int], kind: str, columns: Sequence[object] = (0,)
) -> None:
    """What an object needs: class and oid of both, and the columns of the second. Source: PostgreSQL 15, 53.18."""
    for number in columns:
        made.add("pg_depend", classid=what[0], objid=what[1], objsubid=0, refclassid=on[0], refobjid=on[1],
                 refobjsubid=number, deptype=kind)  # fmt: skip


def _table(made: Made, schema: str, table: PgTable, referred: Container[tuple[str, str]]) -> None:
    oid, namespace = made.oids.of("table", schema, table.name), made.oids.of("schema", schema)
    refers = bool(table.references) or (schema, table.name) in referred
    row_type = made.oids.of("type", schema, table.name)
    made.add(
        "pg_class", **_class_row(oid, table.name, namespace, "r", len(table.columns)), reltype=row_type, relam=_HEAP,
        relfilenode=oid, relhasindex=bool(table.key), relhastriggers=refers, relfrozenxid=736,
        relminmxid=1,
    )  # fmt: skip
    _depend(made, (RELATIONS_CLASS, oid), (SCHEMAS_CLASS, namespace), "n")
    _row_type(made, schema, table.name, row_type, oid, namespace)
    for number, column in enumerate(table.columns, 1):
        row = _attribute_row(oid, number, column.name, column.type.oid, column.type.modifier)
        made.add("pg_attribute", **row, attnotnull=column.required or column.name in table.key)
        _describe(made, oid, RELATIONS_CLASS, number, column.description)
    _describe(made, oid, RELATIONS_CLASS, 0, table.description)
    if table.key:
        _primary_key(made, schema, table, oid, namespace)


def _row_type(made: Made, schema: str, name: str, oid: int, relation: int, namespace: int) -> None:
    array = made.oids.of("type", schema, f"_{name}")
    same: Row = {"typnamespace": namespace, "typowner": OWNER_OID, "typlen": -1, "typisdefined": True, "typdelim": ",",
                 "typalign": "d", "typstorage": "x", "typtypmod": -1}  # fmt: skip
    _depend(made, (TYPES_CLASS, oid), (RELATIONS_CLASS, relation), "i")
    _depend(made, (TYPES_CLASS, array), (TYPES_CLASS, oid), "i")
    like = _type_named("_pg_class")
    functions = ("typinput", "typoutput", "typreceive", "typsend")
    record = _type_named("pg_class")
    made.add("pg_type", **same, oid=oid, typname=name, typtype="c", typcategory="C", typrelid=relation, typarray=array,
             **{name: record[name] for name in functions})  # fmt: skip
    made.add("pg_type", **same, oid=array, typname=f"_{name}", typtype="b", typcategory="A", typelem=oid,
             **{name: like[name] for name in (*functions, "typsubscript", "typanalyze")})  # fmt: skip


def _primary_key(made: Made, schema: str, table: PgTable, oid: int, namespace: int) -> None:
    name = key_name(table)
    index, constraint = made.oids.of("index", schema, name), made.oids.of("constraint", schema, table.name, name)
    numbers = [table.number(column) for column in table.key]
    count = len(numbers)
    made.add("pg_class", **_class_row(index, name, namespace, "i", count), relam=_BTREE, relfilenode=index, relpages=1,
             relreplident="n")  # fmt: skip
    types = [table.columns[number - 1].type for number in numbers]
    for place, kind in enumerate(types, 1):
        column = table.key[place - 1]
        made.add("pg_attribute", **_attribute_row(index, place, column, kind.oid, kind.modifier), attnotnull=False)
        made.definitions.append(Definition(index, place, quoted(column)))
    made.add(
        "pg_index", indexrelid=index, indrelid=oid, indnatts=count, indnkeyatts=count, indisunique=True,
        indisprimary=True, indimmediate=True, indisvalid=True, indisready=True, indislive=True, indkey=numbers,
        indcollation=[_collation(kind.oid) for kind in types], indclass=[_operator_class(kind.oid) for kind in types],
        indoption=[0] * count,
    )  # fmt: skip
    made.add("pg_constraint", **_constraint_row(constraint, name, namespace, "p", oid), conindid=index, conkey=numbers,
             confupdtype=" ", confdeltype=" ", confmatchtype=" ")  # fmt: skip
    _depend(made, (CONSTRAINTS_CLASS, constraint), (RELATIONS_CLASS, oid), "a", numbers)
    _depend(made, (RELATIONS_CLASS, index), (CONSTRAINTS_CLASS, constraint), "i")
    listed = ", ".join(quoted(column) for column in table.key)
    made.definitions.append(
        Definition(index, 0, f"CREATE UNIQUE INDEX {quoted(name)} ON ", oid, f" USING btree ({listed})")
    )
    made.definitions.append(Definition(constraint, 0, f"PRIMARY KEY ({listed})"))


def key_name(table: PgTable) -> str:
    """The name of a primary key's constraint and index."""
    return f"{table.name[:58]}_pkey"


def _reference(made: Made, schema: str, table: PgTable, one: PgReference, name: str) -> None:
    oid = made.oids.of("table", schema, table.name)
    constraint = made.oids.of("constraint", schema, table.name, name)
    target = made.oids.of("table", one.schema, one.table)
    index = made.oids.of("index", one.schema, f"{one.table[:58]}_pkey")
    there = next(row for row in made.rows["pg_index"] if row["indexrelid"] == index)
    numbers = [row["attnum"] for column in one.to_columns for row in made.rows["pg_attribute"]
               if row["attrelid"] == target and row["attname"] == column]  # fmt: skip
    own = [table.number(column) for column in one.columns]
    made.add(
        "pg_constraint", **_constraint_row(constraint, name, made.oids.of("schema", schema), "f", oid),
        conindid=there["indexrelid"], confrelid=target, conkey=own, confkey=numbers,
        confupdtype="a", confdeltype="a", confmatchtype="s",
    )  # fmt: skip
    _depend(made, (CONSTRAINTS_CLASS, constraint), (RELATIONS_CLASS, oid), "a", own)
    _depend(made, (CONSTRAINTS_CLASS, constraint), (RELATIONS_CLASS, target), "n", numbers)
    _depend(made, (CONSTRAINTS_CLASS, constraint), (RELATIONS_CLASS, index), "n")
    here, beyond = (", ".join(map(quoted, columns)) for columns in (one.columns, one.to_columns))
    made.definitions.append(Definition(constraint, 0, f"FOREIGN KEY ({here}) REFERENCES ", target, f"({beyond})"))


def _class_row(oid: int, name: str, namespace: int, kind: str, columns: int) -> dict[str, object]:
    return {
        "oid": oid, "relname": name, "relnamespace": namespace, "relowner": OWNER_OID, "reltuples": 0.0 if kind == "i"
        else -1.0, "relpersistence": "p", "relkind": kind, "relnatts": columns, "relispopulated": True,
        **({} if kind == "i" else {"relreplident": "d" if oid >= 16384 else "n"}),
    }  # fmt: skip


def _attribute_row(relation: int, number: int, name: str, kind: int, modifier: int) -> dict[str, object]:
    of = _types()[kind]
    return {
        "attrelid": relation, "attname": name, "atttypid": kind, "attstattarget": -1, "attlen": of["typlen"],
        "attnum": number, "attndims": int(of["typcategory"] == "A"), "attcacheoff": -1, "atttypmod": modifier,
        "attbyval": of["typbyval"], "attalign": of["typalign"], "attstorage": of["typstorage"], "attcompression": "",
        "attidentity": "", "attgenerated": "", "attislocal": True, "attcollation": of["typcollation"],
    }  # fmt: skip


def _constraint_row(oid: int, name: str, namespace: int, kind: str, relation: int) -> dict[str, object]:
    return {"oid": oid, "conname": name, "connamespace": namespace, "contype": kind, "convalidated": True,
            "conrelid": relation, "conislocal": True, "connoinherit": True}  # fmt: skip


@functools.cache
def _types() -> Mapping[int, Row]:
    return {_integer(row["oid"]): row for row in seed("pg_type")}


@functools.cache
def _type_by_name(name: str) -> int:
    return _integer(_type_named(name)["oid"])


def _type_named(name: str) -> Row:
    return next(row for row in seed("pg_type") if row["typname"] == name)


def _integer(value: object) -> int:
    assert isinstance(value, int)
    return value


def _collation(kind: int) -> int:
    return _integer(_types()[kind]["typcollation"])


def _operator_class(kind: int) -> int:
    """The default operator class of a B-tree over a type; 0 where it has none."""
    return next(
        (_integer(row["oid"]) for row in seed("pg_opclass")
         if row["opcmethod"] == _BTREE and row["opcintype"] == kind and row["opcdefault"]), 0
    )  # fmt: skip


def quoted(name: str) -> str:
    """A name as PostgreSQL writes it, in quotes where it needs them; our identifiers never do."""
    return name if name.replace("_", "a").isalnum() and name == name.lower() else '"' + name.replace('"', '""') + '"'
