"""`outport doctor`: each thing that can be wrong is found, with its fix."""

from __future__ import annotations

import shutil
import socket
import time
from collections import namedtuple
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.settings import Settings
from ports.command.doctor import Finding, examine
from tests.certificates import DAY, Authority
from tests.conftest import World
from tests.idp import Idp
from tests.ports.command.conftest import Outport, invoke


def found(settings: Settings, topic: str, level: str) -> list[Finding]:
    return [finding for finding in examine(settings) if (finding.topic, finding.level) == (topic, level)]


def test_a_sound_deployment_has_no_error(outport: Outport, world: World) -> None:
    answer = outport("doctor")
    assert answer.exit_code == 0, answer.stdout
    topics = {finding.topic for finding in examine(world.settings)}
    assert topics == {"ports", "tls", "keys", "principals", "issuers", "disk", "clock", "products", "policies"}


def test_every_finding_that_is_not_ok_says_how_to_fix_it(world: World) -> None:
    assert [finding for finding in examine(world.settings) if finding.level != "ok" and not finding.fix] == []


def test_unclassified_columns_are_named(world: World) -> None:
    (finding,) = found(world.settings, "products", "warning")
    assert finding.what == "shop.customers: unclassified, so restricted: unsorted"


def test_a_port_that_another_program_holds_is_found(world: World) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        settings = world.settings.model_copy(update={"flight_port": holder.getsockname()[1]})
        (finding,) = found(settings, "ports", "error")
    assert "flight" in finding.what
    assert "--flight-port" in finding.fix


def test_the_state_of_tls_and_the_end_of_the_certificate_are_said(world: World, tmp_path: Path) -> None:
    def said(level: str, **given: object) -> list[str]:
        return [one.what for one in found(world.settings.model_copy(update=given), "tls", level)]

    assert said("ok") == ["off: only this machine reaches the doors"]
    assert "serve will refuse" in said("error", host="0.0.0.0")[0]
    authority = Authority(tmp_path)
    files = {"tls_client_ca": authority.cert}
    for days, level in ((29, "warning"), (31, "ok")):
        pair = authority.server("127.0.0.1", ends=days * DAY + DAY / 2)
        files |= {"tls_cert": pair.cert, "tls_key": pair.key}
        assert f"in {days} days" in said(level, **files)[0]
        assert said("error", host="0.0.0.0", **files) == []
    assert said("ok", **files)[1] == "clients must show a certificate"
    pair.key.chmod(0o644)
    assert "readable by every user" in said("error", **files)[0]
    assert "not that of the first" in said("error", **files | {"tls_cert": authority.cert})[0]
    nameless = authority.server(file="nameless")
    assert "names no host" in said("warning", tls_cert=nameless.cert, tls_key=nameless.key)[0]


def test_a_missing_secret_is_found(world: World) -> None:
    (finding,) = found(world.settings.model_copy(update={"secret_key": None}), "keys", "error")
    assert "OUTPORT_SECRET_KEY" in finding.what


def test_the_keys_that_sign_and_that_are_still_taken_are_named_by_their_ids(world: World) -> None:
    before, now = "the secret of last year, 32 bytes long", "the secret of this year, 32 bytes long"
    settings = world.settings.model_copy(update={"secret_key": SecretStr(f"{now}\n{before}"), "mask_key_version": 2})
    (finding,) = found(settings, "keys", "ok")
    first, second = load(settings).ids
    assert finding.what == f"key {first} signs, {second} still taken; pseudonyms of version 2"


def test_an_issuer_whose_keys_cannot_be_had_is_found(world: World, tmp_path: Path) -> None:
    idp, file = Idp(), tmp_path / "issuers.yaml"
    settings = world.settings.model_copy(update={"issuers": file})
    try:
        file.write_text(f"issuers: [{{name: corp, issuer: '{idp.url}', audience: outport}}]")
        assert [one.what for one in found(settings, "issuers", "ok")] == ["corp: 3 keys"]
        idp.answer = lambda _: (500, b"")
        (finding,) = found(settings, "issuers", "error")
        assert finding.what == "corp: its keys: it answers 500"
    finally:
        idp.close()
    file.write_text("issuers: [{name: corp}]")
    assert "issuers.0.issuer" in found(settings, "issuers", "error")[0].what


def test_an_issuer_at_which_nobody_can_sign_in_is_found(world: World, tmp_path: Path) -> None:
    idp, file = Idp(), tmp_path / "issuers.yaml"
    settings = world.settings.model_copy(update={"issuers": file})
    try:
        client = "sign_in: {client_id: hub}"
        file.write_text(f"issuers: [{{name: corp, issuer: '{idp.url}', audience: outport, {client}}}]")
        assert found(settings, "issuers", "error") == []
        assert "corp: people sign in to the hub there" in [one.what for one in found(settings, "issuers", "ok")]
        idp.told = {"token_endpoint": "http://10.0.0.1/token"}
        (finding,) = found(settings, "issuers", "error")
        assert "nobody can sign in to the hub there" in finding.what
        assert "token_endpoint" in finding.what
    finally:
        idp.close()


def test_a_full_disk_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 10**6))
    assert len(found(world.settings, "disk", "error")) == 1


def test_a_clock_that_went_back_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = time.time() - 7200
    monkeypatch.setattr(time, "time", lambda: earlier)
    (finding,) = found(world.settings, "clock", "error")
    assert "behind" in finding.what


def test_demo_credentials_beyond_loopback_and_open_files_are_found(own_world: Settings) -> None:
    Directory(own_world.principals, load(own_world)).add("alice", "person", {}, "alice-demo")
    own_world.principals.chmod(0o644)
    errors = found(own_world.model_copy(update={"host": "0.0.0.0"}), "principals", "error")
    assert [finding.fix.split()[0] for finding in errors] == ["chmod", "remove"]


def test_products_and_policies_that_are_wrong_stale_or_not_served_are_found(own_world: Settings) -> None:
    (own_world.state / "manifest.json").unlink()
    assert {finding.what for finding in found(own_world, "products", "error")} == {
        "hr is declared and not served",
        "shop is declared and not served",
    }
    (own_world.policies / "more.yaml").write_text("- {id: x, on: {product: shop}, too: {}, grant: {columns: ['*']}}\n")
    contract = own_world.products / "hr" / "hr.odcs.yaml"
    contract.write_text(contract.read_text().replace("schema:", "schemas:"))
    answer = invoke("doctor")
    assert answer.exit_code == 1
    assert "more.yaml" in answer.stdout
    assert "hr.odcs.yaml" in answer.stdout


def test_an_edit_that_is_not_published_is_found(own_world: Settings) -> None:
    contract = own_world.products / "hr" / "hr.odcs.yaml"
    contract.write_text(
        contract.read_text().replace("description:", "description: ", 1).replace("purpose: ", "purpose: New ", 1)
    )
    assert "before its last edit" in " ".join(finding.what for finding in found(own_world, "products", "warning"))
