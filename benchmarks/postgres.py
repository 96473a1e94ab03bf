"""A private PostgreSQL with a product's rows: a peer to measure beside. Its files live as long as the block.

It trusts whoever comes over loopback, but for MEASURED, who proves a password by SCRAM-SHA-256 as clients of this
project's door do. It gives up durability, which no reader would notice.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from benchmarks.deployment import deployed
from benchmarks.processes import Absent, free_port
from gateway import Gateway, Query

MAJOR = "15"
DEBIAN = Path(f"/usr/lib/postgresql/{MAJOR}/bin")  # which is on nobody's path
MEASURED = "measured"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
}


@dataclass(frozen=True)
class Table:
    """A table of a product as PostgreSQL gets it: the rows that `subject` sees, a primary key, other indexes.

    `refers` are columns with the tables, loaded before, whose primary key they are.
    """

    product: str
    name: str
    subject: str
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    refers: tuple[tuple[str, str], ...] = ()


CUSTOMERS = Table("customer_360", "customers", "steward", ("household_id",), (("segment", "lifetime_value"),))
TRANSACTIONS = Table("retail", "transactions", "steward", ("basket_id", "product_id"), (("store_id", "sales_value"),))
MONTHLY = Table("customer_360", "monthly", "steward", ("household_id", "month"), (), (("household_id", "customers"),))
PROMOTIONS = Table("promotions", "promotions", "steward", ())


@dataclass(frozen=True)
class Running:
    """A running PostgreSQL: its process, its address, and a client."""

    pid: int
    url: str
    psql: Path

    def copied_s(self, table: Table) -> float:
        """The seconds that a client takes to get all of a table in COPY's binary format, and throw it away."""
        copy = f'\\copy (SELECT * FROM "{table.name}") TO STDOUT (FORMAT binary)'
        start = time.perf_counter()
        subprocess.run([self.psql, "-X", "-q", "-c", copy, self.url], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


@contextmanager
def postgres(*tables: Table) -> Iterator[Running]:
    """PostgreSQL with `tables`, vacuumed and analysed. Raises Absent."""
    with started(SETTINGS) as running, tempfile.TemporaryDirectory() as folder:
        role = f"CREATE ROLE {MEASURED} LOGIN PASSWORD '{MEASURED}' IN ROLE pg_read_all_data"
        subprocess.run([running.psql, "-X", "-q", "-c", role, running.url], check=True)
        for table in tables:
            _load(running.psql, running.url, table, Path(folder))
        yield running


@contextmanager
def started(settings: Mapping[str, str]) -> Iterator[Running]:
    """An empty PostgreSQL on loopback with these settings, gone after the block. Raises Absent."""
    binaries = _binaries()
    with tempfile.TemporaryDirectory() as folder:
        owner = _owner()
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = Path(folder) / "data"
        run = partial(subprocess.Popen, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not os.getuid():
            run = partial(run, user=owner.pw_uid, group=owner.pw_gid, extra_groups=())
        initialise = [binaries / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8"]
        initialise += ["--locale", "C.UTF-8", "--no-sync"]
        if run(initialise).wait():
            raise Absent("PostgreSQL cannot make a database here")
        access = data / "pg_hba.conf"
        access.write_text(f"host all {MEASURED} 127.0.0.1/32 scram-sha-256\n{access.read_text()}")
        port = free_port()
        command = [binaries / "postgres", "-D", data, "-p", str(port)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = run(command)
        try:
            _ready(data / "postmaster.pid")
            yield Running(process.pid, f"postgresql://postgres@127.0.0.1:{port}/postgres", binaries / "psql")
        finally:
            process.send_signal(signal.SIGINT)  # fast: SIGTERM waits for the clients
            process.wait()


def _ready(state: Path, patience_s: float = 60) -> None:
    """Wait until a server says in its own file that it takes connections: it listens before. Raises TimeoutError."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if state.exists() and state.read_text().splitlines()[7:8] == ["ready   "]:
            return
        time.sleep(0.1)
    raise TimeoutError("PostgreSQL does not start")


def _binaries() -> Path:
    """The folder of the server's programs. Raises Absent."""
    found = shutil.which("postgres")
    if found is not None:
        folder = Path(found).resolve().parent
    elif DEBIAN.exists():
        folder = DEBIAN
    elif shutil.which("pg_config") is None:
        raise Absent(f"PostgreSQL {MAJOR} is not installed")
    else:
        told = subprocess.run(["pg_config", "--bindir"], check=False, capture_output=True, text=True)
        folder = Path(told.stdout.strip())
    if not all((folder / name).exists() for name in ("initdb", "postgres", "psql")):
        raise Absent(f"PostgreSQL {MAJOR} is not installed: clients only")
    if _version(folder).partition(".")[0] != MAJOR:
        raise Absent(f"PostgreSQL {_version(folder)} is installed, the figures are about {MAJOR}")
    return folder


def _version(binaries: Path) -> str:
    told = subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, text=True)
    return told.stdout.split()[2]


def _owner() -> pwd.struct_passwd:
    """Who runs it: initdb refuses root."""
    if os.getuid():
        return pwd.getpwuid(os.getuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Absent("PostgreSQL does not run as root, and there is no account postgres or nobody")


def _load(psql: Path, url: str, table: Table, folder: Path) -> None:
    path = f'"{table.name}"'
    rows = folder / f"{table.name}.csv"
    columns = _export(table, rows)
    statements = [
        f"CREATE TABLE {path} ({', '.join(columns)})",
        f"\\copy {path} FROM '{rows}' CSV",
        *([f"ALTER TABLE {path} ADD PRIMARY KEY {_listed(table.key)}"] if table.key else []),
        *(f'ALTER TABLE {path} ADD FOREIGN KEY ("{name}") REFERENCES "{far}"' for name, far in table.refers),
        *(f"CREATE INDEX ON {path} {_listed(index)}" for index in table.indexes),
        f"VACUUM (FREEZE, ANALYZE) {path}",
    ]
    commands = [part for statement in statements for part in ("-c", statement)]
    subprocess.run([psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", url, *commands], check=True)
    rows.unlink()


def _listed(names: Sequence[str]) -> str:
    return "(" + ", ".join(f'"{name}"' for name in names) + ")"


def _export(table: Table, path: Path) -> list[str]:
    """Write the rows as CSV; the columns as PostgreSQL declares them (the contract's types are its types too)."""
    gateway = Gateway(deployed())
    session = gateway.impersonate(table.subject, "rest")
    visible = gateway.table(session, table.product, table.name)
    text = f'SELECT * FROM "{table.product}"."{table.name}"'
    with gateway.answer(session, Query(text), batch_rows=65_536) as result:
        options = csv.WriteOptions(include_header=False)
        with csv.CSVWriter(str(path), result.schema, write_options=options) as writer:
            for batch in result.batches():
                writer.write_table(pa.Table.from_batches([batch]))
    gateway.close()
    required = {True: " NOT NULL", False: ""}
    return [f'"{one.name}" {one.type}{required[one.required]}' for one in visible.columns]
