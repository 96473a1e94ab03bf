"""Drivers of other languages over the Postgres door: pgjdbc, psqlODBC, node's pg and postgres, DBD::Pg, and pgbench."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ports.postgres.server import PostgresPort
from tests.clients.conftest import Tools
from tests.conftest import World

JAR = Path("/usr/share/java/postgresql.jar")
COLUMNS = "customer_id full_name email phone birth_date region lifetime tags"
ONE = "SELECT customer_id, full_name, lifetime FROM shop.customers WHERE customer_id = "


@pytest.fixture(scope="module")
def place(world: World) -> Iterator[tuple[str, str]]:
    """Host and port of an open door."""
    port = PostgresPort(world.gateway)
    port.start()
    host, number = port.address
    yield host, str(number)
    port.stop()


def ran(program: str, package: str, *arguments: str, **environment: str) -> str:
    """What an installed program prints."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(f"{program} is not installed: apt-get install {package}")
    told = subprocess.run(
        [found, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


JAVA = """
import java.sql.*;
public class Reader {
  static void told(ResultSet found, String... names) throws SQLException {
    StringBuilder line = new StringBuilder();
    while (found.next()) for (String name : names) line.append(found.getString(name)).append(" ");
    System.out.println(line.toString().trim());
  }
  public static void main(String[] given) throws Exception {
    try (Connection door = DriverManager.getConnection(given[0])) {
      door.setAutoCommit(false);
      PreparedStatement one = door.prepareStatement("ONE ?");
      for (int turn = 0; turn < 8; turn++) {
        one.setLong(1, 4);
        ResultSet found = one.executeQuery();
        if (turn == 0 || turn == 7) told(found, "customer_id", "full_name", "lifetime");
      }
      Statement many = door.createStatement();
      many.setFetchSize(100);
      ResultSet found = many.executeQuery("SELECT order_id FROM shop.orders");
      int rows = 0;
      while (found.next()) rows++;
      System.out.println(rows);
      DatabaseMetaData meta = door.getMetaData();
      told(meta.getTables(null, null, "%", new String[] {"TABLE"}), "TABLE_SCHEM", "TABLE_NAME");
      told(meta.getColumns(null, "shop", "customers", null), "COLUMN_NAME");
      told(meta.getPrimaryKeys(null, "shop", "orders"), "COLUMN_NAME");
      told(meta.getImportedKeys(null, "shop", "orders"), "PKTABLE_NAME");
      try { many.executeUpdate("DELETE FROM shop.orders"); }
      catch (SQLException refused) { System.out.println(refused.getSQLState()); }
    }
  }
}
""".replace("ONE", ONE)


def test_pgjdbc_reads_rows_and_metadata(place: tuple[str, str], tmp_path: Path) -> None:
    if not JAR.exists():
        pytest.fail("pgjdbc is not installed: apt-get install libpostgresql-jdbc-java")
    (tmp_path / "Reader.java").write_text(JAVA)
    url = f"jdbc:postgresql://{place[0]}:{place[1]}/outport?user=analyst&password=analyst-secret"
    printed = ran("java", "default-jdk-headless", "-cp", str(JAR), str(tmp_path / "Reader.java"), url)
    assert printed.splitlines() == [
        "4 N*** 4.25",
        "4 N*** 4.25",
        "900",
        "semantic alternatives semantic dimensions semantic measures semantic metric_tree semantic synonyms "
        "shop customers shop orders",
        COLUMNS,
        "order_id",
        "customers",
        "25006",
    ]


ODBC = """
import sys, pyodbc
host, port, sql, option = sys.argv[1:]
place = f"Server={host};Port={port};Database=outport;Uid=analyst;Pwd=analyst-secret;{option}"
door = pyodbc.connect("Driver={PostgreSQL Unicode};" + place)
cursor = door.cursor()
print(*cursor.execute(sql + "?", 4).fetchone())
print(len(cursor.execute("SELECT order_id FROM shop.orders").fetchall()))
print(*(row.table_name for row in cursor.tables(schema="shop")))
print(*(row.column_name for row in cursor.columns(schema="shop", table="customers")))
print(*(row.column_name for row in cursor.primaryKeys("orders", schema="shop")))
print(*(row.pktable_name for row in cursor.foreignKeys(foreignTable="orders", foreignSchema="shop")))
door.rollback()
door.close()
"""


@pytest.mark.parametrize("option", ["", "UseDeclareFetch=1;Fetch=100", "UseServerSidePrepare=1"])
def test_psqlodbc_reads_rows_and_metadata(place: tuple[str, str], tools: Tools, option: str) -> None:
    if "PostgreSQL Unicode" not in ran("odbcinst", "odbc-postgresql odbcinst", "-q", "-d"):
        pytest.fail("psqlODBC is not installed: apt-get install odbc-postgresql")
    printed = tools.python(ODBC, *place, ONE, option)
    assert printed.splitlines() == ["4 N*** 4.25", "900", "customers orders", COLUMNS, "order_id", "customers"]


NODE = """
import pg from 'pg'
import Cursor from 'pg-cursor'
import postgres from 'postgres'

const [url, text] = process.argv.slice(2)
const client = new pg.Client(url)
await client.connect()
for (const who of [4, 6]) {
  const { rows } = await client.query({ name: 'one', text, values: [who] })
  console.log(...Object.values(rows[0]))
}
const cursor = client.query(new Cursor('SELECT order_id FROM shop.orders'))
console.log((await cursor.read(100)).length, (await cursor.read(10000)).length)
await cursor.close()
await client.query('DROP TABLE shop.orders').catch((refused) => console.log(refused.code))
await client.end()

const sql = postgres(url)
const found = await sql`SELECT customer_id FROM shop.customers WHERE customer_id = ANY(${[4, 6]}) ORDER BY 1`
console.log(...found.map((row) => row.customer_id))
let rows = 0
for await (const part of sql`SELECT order_id FROM shop.orders`.cursor(100)) rows += part.length
console.log(rows)
await sql.end()
"""


def test_nodes_clients_read_rows(place: tuple[str, str], tools: Tools) -> None:
    url = f"postgresql://analyst:analyst-secret@{place[0]}:{place[1]}/outport"
    printed = tools.node(NODE, url, f"{ONE}$1")
    assert printed.splitlines() == ["4 N*** 4.25", "6 N*** 6.25", "100 800", "25006", "4 6", "900"]


PERL = """
use DBI;
my ($host, $port, $sql) = @ARGV;
my $door = DBI->connect("dbi:Pg:host=$host;port=$port;dbname=outport", "analyst", "analyst-secret", {RaiseError => 1});
print join(" ", $door->selectrow_array("$sql ?", undef, 4)), "\\n";
print scalar(@{$door->selectall_arrayref("SELECT order_id FROM shop.orders")}), "\\n";
my $columns = $door->column_info("", "shop", "customers", "%")->fetchall_arrayref({});
print join(" ", map { $_->{COLUMN_NAME} } @$columns), "\\n";
print join(" ", $door->primary_key("", "shop", "orders")), "\\n";
$door->disconnect;
"""


def test_dbd_pg_reads_rows_and_metadata(place: tuple[str, str]) -> None:
    printed = ran("perl", "libdbd-pg-perl", "-e", PERL, *place, ONE)
    assert printed.splitlines() == ["4 N*** 4.25", "900", COLUMNS, "order_id"]


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_runs_a_script_of_lookups(place: tuple[str, str], tmp_path: Path, mode: str) -> None:
    script = tmp_path / "lookup.sql"
    script.write_text("\\set who 2 * random(0, 299)\nSELECT full_name FROM shop.customers WHERE customer_id = :who;\n")
    given = [
        "-n",
        "-h",
        place[0],
        "-p",
        place[1],
        "-U",
        "analyst",
        "-M",
        mode,
        "-f",
        str(script),
        "-t",
        "50",
        "-c",
        "2",
    ]
    printed = ran("pgbench", "postgresql-contrib", *given, "outport", PGPASSWORD="analyst-secret")
    assert "number of transactions actually processed: 100/100" in printed
    assert "number of failed transactions: 0" in printed
