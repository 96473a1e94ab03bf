"""The process of a build: how long it may take, and that nothing of it is left."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateway.accounting.ledger import Ledger
from gateway.errors import Unavailable
from gateway.inputs import databases
from gateway.publication import child
from gateway.publication.runs import REFRESH
from tests.gateway.test_databases import declare, refused
from tests.workshop import KEY, Workshop

# Its own process holds what the build has inherited, and no thread of the build's gets to run.
STUCK = """
import os
import re

def model(inputs):
    os.fork()
    re.fullmatch("(a|a)*b", "a" * 100)
"""


def test_a_model_that_holds_everything_is_ended_with_what_it_has_started(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, build_s=2.0)
    folder = shop.declare("sales", {"kept": {"id": KEY}})
    (folder / "models" / "kept.py").write_text(STUCK)
    told = "longer than 2 s, at write kept; what was served is served on"
    with pytest.raises(Unavailable, match=told):
        shop.publish("sales")
    with child.lock(shop.settings.state, "another"):
        pass


def test_a_model_that_never_ends_leaves_what_is_served_and_the_run_says_so(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    folder = shop.declare("sales", {"kept": {"id": KEY}}, models={"kept": "SELECT CAST(1 AS BIGINT) AS id"})
    before = shop.publish("sales")
    numbers = "WITH RECURSIVE n AS (SELECT CAST(1 AS BIGINT) AS id UNION ALL SELECT id + 1 FROM n)"
    (folder / "models" / "kept.sql").write_text(f"{numbers} SELECT max(id) AS id FROM n")
    shop.settings = shop.settings.model_copy(update={"build_s": 2.0})
    with pytest.raises(Unavailable, match="the build took longer than 2 s"):
        shop.publish("sales")
    *_, last = Ledger(shop.settings.state).rows(REFRESH)
    assert (last["outcome"], str(last["finding"]).startswith("the build took longer than 2 s")) == ("failed", True)
    (folder / "models" / "kept.sql").write_text("SELECT CAST(1 AS BIGINT) AS id")
    assert shop.publish("sales") == before


def test_a_server_that_accepts_and_never_answers_ends_the_build(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, source_s=1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        declare(shop, {"type": "postgres", "host": "127.0.0.1", "port": port, "database": "d", "schema": "public"})
        finding = refused(shop)
    assert (finding.file, finding.problem) == ("raw.odcs.yaml", f"raw.orders: {databases.SLOW}")
