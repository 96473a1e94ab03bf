"""psql's own commands over the Postgres door: what they list, and what they leave out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from ports.postgres.server import PostgresPort
from tests.conftest import World


@pytest.fixture(scope="module")
def postgres(world: World) -> Iterator[tuple[str, int]]:
    """Host and port of an open door."""
    port = PostgresPort(world.gateway)
    port.start()
    yield port.address
    port.stop()


def psql(address: tuple[str, int], *commands: str) -> str:
    """What psql prints, without its alignment."""
    host, port = address
    found = shutil.which("psql")
    if found is None:
        pytest.fail("psql is not installed: apt-get install postgresql-client")
    given = [part for command in commands for part in ("-c", command)]
    told = subprocess.run(
        [found, "-X", "-A", f"postgresql://analyst:analyst-secret@{host}:{port}/outport", *given],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.stderr == ""
    return told.stdout


def test_psql_lists_what_there_is(postgres: tuple[str, int]) -> None:
    both = "shop|customers|table|outport\nshop|orders|table|outport\n"
    assert "public|pg_database_owner\nsemantic|outport\nshop|outport\n" in psql(postgres, r"\dn")
    assert both in psql(postgres, r"\dt *.*")
    assert both in psql(postgres, "SET search_path = shop", r"\dt")
    assert "salar" not in psql(postgres, r"\dt *.*", r"\di *.*", r"\dp *.*", r"\dT *.*", r"\d shop.*")


@pytest.mark.parametrize(
    "command", [r"\dt+ shop.*", r"\du", r"\df", r"\l", r"\dp shop.*", r"\di shop.*", r"\dT", r"\dx"]
)
def test_psql_reads_every_list(postgres: tuple[str, int], command: str) -> None:
    psql(postgres, command)


def test_psql_describes_a_table_without_what_is_hidden(postgres: tuple[str, int]) -> None:
    told = psql(postgres, r"\d shop.customers")
    assert "customer_id|bigint||not null|" in told
    assert "lifetime|numeric(18,2)" in told
    assert '"customers_pkey" PRIMARY KEY, btree (customer_id)' in told
    assert "salary" not in told
    assert "unsorted" not in told
