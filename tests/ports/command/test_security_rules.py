"""`outport security-test` against delegation, columns that are only used, agreements, and behind TLS."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication.publish import publish
from gateway.settings import Settings
from ports.command import doors
from ports.command.opening import opened
from tests import test_agreements, test_delegation, use_world
from tests.certificates import Authority, Resettled
from tests.conftest import World, build
from tests.ports.command.conftest import Outport, environ, invoke
from tests.ports.command.test_security import asked, served

DELEGATION = ("asking for who may not be asked for", "what is not there on behalf of another")
USE = ("columns for aggregates only", "columns for joins only", "addresses of used columns")
DENIED = (
    "tables that are not granted",
    "addresses that are not granted",
    "snapshots and purposes of what is not granted",
    "snapshots of what is not granted",
)


def report(settings: Settings, monkeypatch: pytest.MonkeyPatch, subject: str, *categories: str) -> dict[str, Any]:
    """What the command says of the deployment, which is served."""
    environ(settings, monkeypatch)
    answer = invoke("security-test", "--as", subject, "--json", *asked(*categories))
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def held(found: dict[str, Any]) -> Counter[tuple[str, str]]:
    """How many attacks were tried of each category at each door; none may have broken anything."""
    assert (found["broken"], found["honest_lost"]) == ([], [])
    return Counter({(line["category"], line["door"]): line["tried"] for line in found["lines"]})


@pytest.fixture(scope="module")
def delegating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = build(tmp_path_factory.mktemp("delegating"))
    directory = Directory(settings.principals, load(settings))
    for subject, attributes in test_delegation.PEOPLE.items():
        directory.add(subject, "person", attributes, f"{subject}-secret")
    (settings.policies / "delegation.yaml").write_text(yaml.safe_dump(test_delegation.RULES))
    gateway = Gateway(settings)
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(use_world.build(tmp_path_factory.mktemp("survey")))
    yield gateway
    gateway.close()


def test_games_with_who_is_asked_for_are_held(delegating: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(delegating, delegating.settings):
        tried = held(report(delegating.settings, monkeypatch, "superset", *DELEGATION))
    for category in DELEGATION:
        for door, least in (("rest", 5), ("flight", 3), ("postgres", 11)):
            assert tried[category, door] >= least, (category, door)


def test_a_delegation_that_is_too_wide_is_found_out(
    delegating: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The served rules let it ask for anybody, of whom all see everything: the command goes by the stricter ones."""
    for name in ("masks.yaml", "claims.yaml"):
        (tmp_path / name).write_text((delegating.settings.policies / name).read_text())
    everybody = {"role": ["north", "south", "steward", "bi", "analyst", "clerk", "ml"]}
    rules = [
        {"id": "all", "on": {"product": "*"}, "to": {}, "grant": {"columns": ["*"]}},
        {"id": "wide", "to": {"subject": "superset"}, "delegate": {"for": everybody}},
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    wide = Gateway(delegating.settings.model_copy(update={"policies": tmp_path}))
    with served(wide, delegating.settings):
        found = report(delegating.settings, monkeypatch, "superset", *DELEGATION)
    wide.close()
    broken = {(one["category"], one["door"]) for one in found["broken"]}
    assert broken == {(category, door) for category in DELEGATION for door in ("rest", "flight", "postgres")}


def test_attacks_on_columns_that_are_only_used_are_held(survey: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(survey, survey.settings):
        tried = held(report(survey.settings, monkeypatch, "partner", *USE))
    assert tried["columns for aggregates only", "flight"] >= 40
    assert tried["columns for joins only", "postgres"] >= 40  # texts and binary
    assert tried["addresses of used columns", "rest"] >= 12


def test_a_used_column_that_is_shown_is_found_out(
    survey: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "masks.yaml").write_text((survey.settings.policies / "masks.yaml").read_text())
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(use_world.RULES[:1]))
    shown = Gateway(survey.settings.model_copy(update={"policies": tmp_path}))
    with served(shown, survey.settings):
        found = report(survey.settings, monkeypatch, "partner", *USE)
    shown.close()
    broken = Counter((one["category"], one["door"]) for one in found["broken"])
    for category, door in (("columns for aggregates only", "rest"), ("columns for joins only", "flight")):
        assert broken[category, door] >= 15
    assert broken["addresses of used columns", "rest"] >= 8


def test_a_product_whose_agreement_has_ended_is_attacked_as_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = build(tmp_path / "ended")
    descriptor = settings.products / "hr" / "hr.odps.yaml"
    asks = "customProperties: [{property: agreementRequired, vendor: outport, value: true}]\n"
    descriptor.write_text(descriptor.read_text().replace("version: 1.2.0\nstatus", "version: 1.2.1\nstatus") + asks)
    publish(settings, settings.products / "hr")
    rules = [{"id": "clerks", "on": {"product": "hr"}, "to": {"role": "clerk"}, "grant": {"columns": ["*"]}}]
    (settings.policies / "more.yaml").write_text(yaml.safe_dump(rules))
    ended = {**test_agreements.AGREED, "product": "hr", "end": "2021-01-01", "reassessment": "2020-06-01"}
    test_agreements.agree(settings.policies, ended)
    gateway = Gateway(settings)
    with served(gateway, settings):
        tried = held(report(settings, monkeypatch, "clerk", *DENIED))
    gateway.close()
    assert tried["snapshots and purposes of what is not granted", "rest"] >= 6
    assert tried["snapshots of what is not granted", "postgres"] >= 3
    assert tried["tables that are not granted", "flight"] >= 26


@pytest.fixture(params=[False, True], ids=["server certificate", "both certificates"])
def secured(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[tuple[Authority, bool]]:
    """Doors behind TLS that are noted for the command, without the authority that signed for them."""
    authority = Authority(tmp_path)
    pair, mutual = authority.server("localhost"), bool(request.param)
    files = {"tls_client_ca": authority.cert} if mutual else {}
    resettled = Resettled(world.gateway, tls_cert=pair.cert, tls_key=pair.key, **files)
    with opened(resettled) as addresses:  # type: ignore[arg-type]
        doors.note(resettled.settings, addresses)
        yield authority, mutual
    doors.forget(world.settings)


def test_doors_behind_tls_are_attacked_by_whom_their_authority_lets_in(
    secured: tuple[Authority, bool], outport: Outport
) -> None:
    authority, mutual = secured
    words = ["security-test", "--as", "analyst", "--targets", "1", "--json", *asked("masked values")]
    untrusted = outport(*words)
    assert untrusted.exit_code == 1
    assert "Traceback" not in untrusted.stderr
    assert ("--cert and --key" if mutual else "not") in untrusted.stderr
    own = authority.client()
    pair = ["--cert", str(own.cert), "--key", str(own.key)]
    if mutual:
        assert outport(*words, "--ca", str(authority.cert)).exit_code == 1
    stranger = Authority(authority.cert.parent / "stranger")
    assert outport(*words, *pair, "--ca", str(stranger.cert)).exit_code == 1
    answer = outport(*words, "--ca", str(authority.cert), *(pair if mutual else []))
    found = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert {line["door"] for line in found["lines"]} == {"rest", "flight", "postgres", "graphql", "mcp"}
    assert found["held"] == found["tried"] > 80


@pytest.mark.parametrize("flag", ["--insecure", "--no-verify", "-k"])
def test_there_is_no_flag_to_trust_anybody(outport: Outport, flag: str) -> None:
    answer = outport("security-test", "--as", "analyst", flag)
    assert answer.exit_code == 2
    assert "No such option" in answer.stderr
