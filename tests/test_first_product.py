"""From one data file to a governed row on each door, nothing edited between."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.operations.scaffold import new
from gateway.publication.publish import publish
from gateway.settings import Settings
from tests.doors import DOORS, Refusal

RETURNS = """return_id,household_id,returned_on,amount,contact
1,1001,2017-03-01,12.50,ada@example.com
2,1002,2017-03-04,3.99,bob@example.com
3,1001,2017-05-20,41.00,ada@example.com
"""


@pytest.mark.parametrize("name", list(DOORS))
def test_a_new_product_is_served_to_its_owner_and_to_nobody_else(tmp_path: Path, name: str) -> None:
    settings = Settings(
        products=tmp_path / "products",
        policies=tmp_path / "policies",
        state=tmp_path / "state",
        secret_key="a secret of the tests, 32 bytes or more",
        http_port=0,
        flight_port=0,
        postgres_port=0,
    )
    for folder in (settings.products, settings.policies, settings.state):
        folder.mkdir()
    shutil.copy(Path(__file__).parent.parent / "policies" / "masks.yaml", settings.policies)
    file = tmp_path / "returns.csv"
    file.write_text(RETURNS)
    new("returns", file, settings.products, settings.policies)
    directory = Directory(settings.principals, load(settings))
    directory.add("owner", "person", {"role": ("returns_owner",)}, "owner-secret")
    directory.add("guest", "person", {}, "guest-secret")
    publish(settings, settings.products / "returns")
    gateway = Gateway(settings)
    door = DOORS[name](gateway)
    try:
        total = "SELECT count(*) AS n, sum(amount)::VARCHAR AS s, max(contact) AS c FROM returns.returns"
        assert door.ask("owner", total).to_pylist() == [{"n": 3, "s": "57.49", "c": "bob@example.com"}]
        with pytest.raises(Refusal) as refusal:
            door.ask("guest", total)
        assert refusal.value.code == "not_found"
    finally:
        door.close()
        gateway.close()
