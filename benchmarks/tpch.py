"""TPC-H at scale factor 1: made once by tpchgen-cli, published as a product whose reader sees a part of the items.

The same part stands as views over the same snapshot in DuckDB, and over the same rows in PostgreSQL with its keys.
Source of tables and queries: TPC Benchmark H, revision 3, sections 1.4 and 2.4, with the validation values.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import yaml

from benchmarks.deployment import STATE
from benchmarks.postgres import Running
from benchmarks.processes import Absent, installed
from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication.publish import publish
from gateway.serving.engine import default_threads
from gateway.settings import Settings

FOLDER = STATE / "tpch"
DATA = FOLDER / "products" / "tpch" / "data"
SUBJECT = "reader"
FILTER = "l_shipmode <> 'FOB'"
INTEGER, MONEY, DATE = "BIGINT", "DECIMAL(15,2)", "DATE"
# Table -> its columns in the order of the specification (VARCHAR where nothing else is said), its key first.
TABLES: Mapping[str, str] = {
    "region": "r_regionkey:k r_name r_comment",
    "nation": "n_nationkey:k n_name n_regionkey:i n_comment",
    "supplier": "s_suppkey:k s_name s_address s_nationkey:i s_phone s_acctbal:m s_comment",
    "part": "p_partkey:k p_name p_mfgr p_brand p_type p_size:i p_container p_retailprice:m p_comment",
    "partsupp": "ps_partkey:k ps_suppkey:k ps_availqty:i ps_supplycost:m ps_comment",
    "customer": "c_custkey:k c_name c_address c_nationkey:i c_phone c_acctbal:m c_mktsegment c_comment",
    "orders": "o_orderkey:k o_custkey:i o_orderstatus o_totalprice:m o_orderdate:d o_orderpriority o_clerk "
    "o_shippriority:i o_comment",
    "lineitem": "l_orderkey:k l_partkey:i l_suppkey:i l_linenumber:k l_quantity:m l_extendedprice:m l_discount:m "
    "l_tax:m l_returnflag l_linestatus l_shipdate:d l_commitdate:d l_receiptdate:d l_shipinstruct l_shipmode l_comment",
}
INDEXES = {"orders": ["o_custkey"], "lineitem": ["l_partkey", "l_suppkey"], "customer": ["c_nationkey"]}
KINDS = {"k": INTEGER, "i": INTEGER, "m": MONEY, "d": DATE, "": "VARCHAR"}
QUERIES: Mapping[str, str] = {
    "Q1": """
        SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
            sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
            sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, avg(l_quantity) AS avg_qty,
            avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
        FROM lineitem WHERE l_shipdate <= DATE '1998-09-02'
        GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus""",
    "Q3": """
        SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
        FROM customer, orders, lineitem
        WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
            AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
        GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10""",
    "Q5": """
        SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
        FROM customer, orders, lineitem, supplier, nation, region
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey
            AND c_nationkey = s_nationkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey
            AND r_name = 'ASIA' AND o_orderdate >= DATE '1994-01-01' AND o_orderdate < DATE '1995-01-01'
        GROUP BY n_name ORDER BY revenue DESC""",
    "Q6": """
        SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
        WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
            AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24""",
    "Q9": """
        SELECT nation, o_year, sum(amount) AS sum_profit FROM (
            SELECT n_name AS nation, extract(year FROM o_orderdate) AS o_year,
                l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount
            FROM part, supplier, lineitem, partsupp, orders, nation
            WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey
                AND p_partkey = l_partkey AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey
                AND p_name LIKE '%green%') AS profit
        GROUP BY nation, o_year ORDER BY nation, o_year DESC""",
    "Q18": """
        SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) AS quantity
        FROM customer, orders, lineitem
        WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300)
            AND c_custkey = o_custkey AND o_orderkey = l_orderkey
        GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
        ORDER BY o_totalprice DESC, o_orderdate LIMIT 100""",
}


def deployed() -> Settings:
    """Settings of a deployment that serves TPC-H to SUBJECT. Raises Absent where the data cannot be made."""
    settings = Settings(
        products=FOLDER / "products",
        policies=FOLDER / "policies",
        state=FOLDER / "state",
        secret_key="a secret of the benchmarks, 32 bytes or more",
        http_port=0,
        flight_port=0,
        postgres_port=0,
        rate_limit=0,
    )
    _generate()
    _declare()
    settings.state.mkdir(exist_ok=True)
    Directory(settings.principals, load(settings)).add(SUBJECT, "application", {"role": ("reader",)}, SUBJECT)
    publish(settings, settings.products / "tpch")
    return settings


def _generate() -> None:
    if all((DATA / f"{name}.parquet").exists() for name in TABLES):
        return
    DATA.mkdir(parents=True, exist_ok=True)
    program = installed("tpchgen-cli", "bin/tpchgen-cli")
    try:
        subprocess.run([program, "parquet", "-s", "1", "--overwrite", f"--output-dir={DATA}"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Absent("tpchgen-cli does not run here") from error


def columns(table: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is of the key, of each column."""
    parts = [word.partition(":") for word in TABLES[table].split()]
    return [(name, KINDS[letter], letter == "k") for name, _, letter in parts]


def _declare() -> None:
    """Write descriptor, contract and policies."""
    common = {
        "id": "tpch",
        "name": "TPC-H",
        "version": "1.0.0",
        "status": "active",
        "domain": "bench",
        "tenant": "demo",
    }
    said = {"purpose": "Benchmarks", "usage": "Benchmarks", "limitations": "Made up"}
    port = {"id": "tpch-postgres", "name": "tpch", "type": "postgres", "version": "1.0.0", "contractId": "tpch"}
    descriptor = {"apiVersion": "v1.1.0", "kind": "DataProduct", **common, "type": "sourceAligned", "description": said}
    owner = {"username": "bench@example.com", "role": "owner"}
    descriptor |= {"outputPorts": [port], "support": [{"channel": "#bench", "url": "https://chat.example.com/bench"}]}
    descriptor |= {"team": {"name": "Bench", "members": [owner]}}
    server = {"server": "files", "type": "local", "path": "data/{model}.parquet", "format": "parquet"}
    contract = {"apiVersion": "v3.2.0", "kind": "DataContract", **common, "description": said, "servers": [server]}
    contract |= {"schema": [_schema(name) for name in TABLES]}
    contract |= {"slaProperties": [{"property": "availability", "value": 99.9, "unit": "percent"}]}
    home, rules = FOLDER / "products" / "tpch", FOLDER / "policies"
    rules.mkdir(exist_ok=True)
    (home / "tpch.odps.yaml").write_text(yaml.safe_dump(descriptor, sort_keys=False))
    (home / "tpch.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    every = [
        {"id": f"tpch-{name}", "on": {"product": "tpch", "table": name}, "to": {"role": "reader"}} for name in TABLES
    ]
    grants = [rule | {"grant": {"columns": ["*"]} | _rows(rule["id"])} for rule in every]
    (rules / "tpch.yaml").write_text(yaml.safe_dump(grants, sort_keys=False))
    (rules / "masks.yaml").write_text("{}\n")
    (rules / "claims.yaml").write_text("{}\n")


def _rows(rule: object) -> dict[str, object]:
    return {"rows": FILTER} if rule == "tpch-lineitem" else {}


def _schema(table: str) -> dict[str, object]:
    key = [name for name, _, of_key in columns(table) if of_key]
    properties = []
    for name, kind, of_key in columns(table):
        logical = {"BIGINT": "integer", MONEY: "number", DATE: "date"}.get(kind, "string")
        one: dict[str, object] = {"name": name, "logicalType": logical, "physicalType": kind, "required": True}
        one |= {"classification": "public", "description": f"{name} of TPC-H"}
        one |= {"primaryKey": True, "primaryKeyPosition": key.index(name) + 1} if of_key else {}
        properties.append(one)
    said = {
        "physicalType": "table",
        "description": f"{table} of TPC-H",
        "dataGranularityDescription": "one row per key",
        "quality": [{"id": f"{table}-rows", "metric": "rowCount", "mustBeGreaterThan": 0}],
    }
    return {"name": table, "physicalName": table, "logicalType": "object", **said, "properties": properties}


@contextmanager
def views(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in this process over the published snapshot: the same filter as plain views, as many threads."""
    gateway = Gateway(settings)
    snapshot = gateway.pin().deployment.find("tpch")
    gateway.close()
    assert snapshot is not None
    with duckdb.connect(":memory:", config={"threads": default_threads(), "memory_limit": "4GB"}) as made:
        made.execute(f"ATTACH '{snapshot.path}' AS p (READ_ONLY)")
        for table in TABLES:
            made.execute(f"CREATE VIEW {table} AS SELECT * FROM p.core.{table}{_where(table)}")
        yield made


def _where(table: str) -> str:
    return f" WHERE {FILTER}" if table == "lineitem" else ""


def fill(running: Running, folder: Path) -> None:
    """The tables in PostgreSQL with keys and indexes, and in the schema `governed` what SUBJECT sees of them."""
    with duckdb.connect() as reader:
        for table in TABLES:
            reader.execute(
                f"COPY (FROM '{DATA / f'{table}.parquet'}') TO '{folder / table}' (FORMAT csv, HEADER false)"
            )
            declared = ", ".join(f"{name} {kind} NOT NULL" for name, kind, _ in columns(table))
            key = ", ".join(name for name, _, of_key in columns(table) if of_key)
            statements = [
                f"CREATE TABLE {table} ({declared})",
                f"\\copy {table} FROM '{folder / table}' CSV",
                f"ALTER TABLE {table} ADD PRIMARY KEY ({key})",
                *(f"CREATE INDEX ON {table} ({column})" for column in INDEXES.get(table, [])),
                f"VACUUM (FREEZE, ANALYZE) {table}",
                "CREATE SCHEMA IF NOT EXISTS governed",
                f"CREATE VIEW governed.{table} AS SELECT * FROM public.{table}{_where(table)}",
            ]
            commands = [part for statement in statements for part in ("-c", statement)]
            subprocess.run([running.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", running.url, *commands], check=True)
            (folder / table).unlink()
