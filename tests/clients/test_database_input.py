"""A real PostgreSQL as an input: types, rights by a secret, what it says of NULL."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.postgres import SETTINGS, started
from gateway.contracts.contract import ContractError
from tests.gateway.test_databases import declare
from tests.workshop import Workshop, stored

MADE = """
CREATE SCHEMA s;
CREATE TABLE s."Orders" (
  id bigint NOT NULL, "State" text, amount numeric(18,2), day date, seen timestamptz, doc jsonb, tag uuid, tags text[]
);
INSERT INTO s."Orders" VALUES
  (1, 'open', 12.50, '2020-01-02', '2020-01-02 03:04:05+00', '{"a": 1}',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{x,y}'),
  (2, 'odd', NULL, NULL, NULL, NULL, NULL, NULL);
CREATE ROLE measured LOGIN PASSWORD 'pass@/word';
GRANT USAGE ON SCHEMA s TO measured;
GRANT SELECT ON s."Orders" TO measured;
"""
KINDS = {
    "amount": "DECIMAL(18,2)", "day": "DATE", "seen": "TIMESTAMPTZ", "doc": "JSON", "tag": "UUID", "tags": "VARCHAR[]",
}  # fmt: skip


def test_postgresql_is_read_by_its_own_types_and_a_secret(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, secrets=tmp_path / "secrets")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop").write_text("pass@/word\n")
    with started(SETTINGS | {"shared_buffers": "16MB"}) as running:

        def run(text: str) -> None:
            subprocess.run([running.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", text, running.url], check=True)

        run(MADE)
        login = {"user": "measured", "password": "${secret:shop}"}
        server = {
            "type": "postgres",
            "host": "127.0.0.1",
            "port": urlsplit(running.url).port,
            "database": "postgres",
            "schema": "s",
            "customProperties": [{"property": k, "value": v, "vendor": "outport"} for k, v in login.items()],
        }
        properties = [
            {"name": "id", "physicalType": "BIGINT", "required": True},
            {"name": "state", "physicalName": "State", "physicalType": "VARCHAR", "enum": [{"value": "open"}]},
            *({"name": name, "physicalType": kind} for name, kind in KINDS.items()),
        ]
        limit = [{"property": "quarantineLimit", "value": 1, "vendor": "outport"}]
        table = {"name": "orders", "physicalName": "Orders", "properties": properties, "customProperties": limit}
        declare(shop, server, schema=[table])
        folder = shop.settings.products / "sales"
        (folder / "models" / "kept.sql").write_text(
            "SELECT id, concat_ws(' ', amount, day, seen, doc, tag, tags) AS state FROM raw.orders"
        )
        snapshot = shop.publish("sales")
        text = '12.50 2020-01-02 2020-01-02 03:04:05+00 {"a": 1} a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 x y'
        assert stored(snapshot, "SELECT id, state FROM kept") == [(1, text)]
        columns = {one.name: one.nullable for one in snapshot.arrived[0].columns}
        assert (columns["id"], columns["State"]) == (False, True)
        run('ALTER TABLE s."Orders" ALTER id DROP NOT NULL')
        with pytest.raises(ContractError, match=r"raw\.orders\.id may be NULL now"):
            shop.publish("sales")
        run('REVOKE SELECT ON s."Orders" FROM measured')
        with pytest.raises(ContractError, match="the source cannot be read") as refusal:
            shop.publish("sales")
    assert "word" not in str(refusal.value)
    kept = b"".join(path.read_bytes() for path in shop.settings.state.rglob("*") if path.is_file())
    assert b"pass@" not in kept
    assert b"pass%40" not in kept
