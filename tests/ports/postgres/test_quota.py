"""Each statement of a connection counts as a request of its principal; above the limit it is refused, not the rest."""

from __future__ import annotations

import psycopg
import pytest

from gateway import Gateway
from ports.postgres.server import PostgresPort
from tests.conftest import World


def test_statements_count_as_requests_and_the_connection_goes_on(world: World) -> None:
    gateway = Gateway(world.settings.model_copy(update={"rate_limit": 6}))
    port = PostgresPort(gateway)
    port.start()
    host, number = port.address
    to = f"host={host} port={number} dbname=outport user=analyst password=analyst-secret"
    try:
        with psycopg.connect(to, autocommit=True) as connection:
            for prepared in (False, True, True, False, True):
                assert connection.execute("SELECT count(*) FROM shop.orders", prepare=prepared).fetchone() == (900,)
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="too many requests") as refused:
                connection.execute("SELECT count(*) FROM shop.orders")
            assert refused.value.sqlstate == "53400"
            assert connection.execute("SHOW server_version_num").fetchone()
        with pytest.raises(psycopg.OperationalError, match="too many requests"):
            psycopg.connect(to)
    finally:
        port.stop()
        gateway.close()
