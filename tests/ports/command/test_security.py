"""`outport security-test`: a deployment that holds is found to hold, one that leaks or refuses everything is not."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, Password
from gateway.settings import Settings
from ports.command import doors
from ports.command.attack.attacks import DOORS, corpus, filled
from ports.command.attack.flight import FlightClient
from ports.command.attack.trust import Files
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests import measure_world
from tests.conftest import World
from tests.ports.command.conftest import Outport, environ, invoke
from tests.test_no_way_round import SECRET

# What depends on the deployment; that the engine's functions, files and settings are shut is tried elsewhere as well.
CATEGORIES = (
    "tables that are not granted",
    "hidden columns",
    "masked values",
    "filtered rows",
    "addresses that are not granted",
    "addresses of hidden columns",
    "what addresses tell of masked and filtered values",
    "cursors, snapshots and entity tags",
    "copies and cursors",
    "fields of what is not granted",
    "fields of hidden columns",
    "what documents tell of masked values",
    "what documents tell of filtered rows",
    "introspection and forged documents",
    "tools about what is not granted",
    "tools about hidden columns",
    "what tools tell of masked values",
    "what tools tell of filtered rows",
    "messages that are none of a client's",
    "documents that multiply",
)
EVERYTHING = bool(os.environ.get("FUZZ"))
# Who is attacked as, and how many attacks there are at the least: from a stranger everything is hidden by its name.
SUBJECTS = {"analyst": 300, "clerk": 300, "ml": 300, "steward": 300, "stranger": 100}


@contextmanager
def served(gateway: Gateway, settings: Settings) -> Iterator[None]:
    """Every door of `gateway` open, and noted where the command looks for them."""
    ports = {"http": HttpPort(gateway), "flight": FlightPort(gateway), "postgres": PostgresPort(gateway)}
    for port in ports.values():
        port.start()
    doors.note(settings, {name: port.address for name, port in ports.items()})
    try:
        yield
    finally:
        doors.forget(settings)
        for port in ports.values():
            port.stop()


def asked(*categories: str) -> list[str]:
    return [word for one in categories for word in ("--category", one)]


@dataclass(frozen=True)
class Ruled:
    """A gateway over the world's snapshots by other policies than the world's."""

    world: World
    folder: Path

    @contextmanager
    def by(self, text: str) -> Iterator[None]:
        """Served by the one rule file `text`, while the command goes by the world's own."""
        (self.folder / "rules.yaml").write_text(text)
        (self.folder / "masks.yaml").write_text((self.world.settings.policies / "masks.yaml").read_text())
        gateway = Gateway(self.world.settings.model_copy(update={"policies": self.folder}))
        try:
            with served(gateway, self.world.settings):
                yield
        finally:
            gateway.close()


@pytest.fixture
def ruled(world: World, tmp_path: Path) -> Ruled:
    return Ruled(world, tmp_path)


@pytest.mark.parametrize("subject", SUBJECTS if EVERYTHING else ["analyst"])
def test_every_attack_is_held_and_every_honest_twin_is_answered(world: World, outport: Outport, subject: str) -> None:
    categories = () if EVERYTHING else asked(*CATEGORIES)
    with served(world.gateway, world.settings):
        answer = outport("security-test", "--as", subject, "--targets", "1", "--json", *categories)
    found = json.loads(answer.stdout)
    assert (found["broken"], found["honest_lost"]) == ([], [])
    assert answer.exit_code == 0
    assert {line["door"] for line in found["lines"]} == set(DOORS)
    assert found["canaries"] > 100
    assert found["held"] == found["tried"] > SUBJECTS[subject]
    assert "forged credentials" in {line["category"] for line in found["lines"]}


def test_what_is_tried_with_measures_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = measure_world.build(tmp_path)
    environ(settings, monkeypatch)
    categories = ("measures of hidden columns", "addresses of measures", "documents about measures")
    gateway = Gateway(settings)
    with served(gateway, settings):
        answer = invoke("security-test", "--as", "analyst", "--json", *asked(*categories))
    gateway.close()
    found = json.loads(answer.stdout)
    assert (found["broken"], found["honest_lost"]) == ([], [])
    tried = {(line["category"], line["door"]) for line in found["lines"]}
    assert tried >= {(categories[0], door) for door in ("rest", "flight", "postgres")} | {
        (categories[1], "rest"),
        (categories[2], "graphql"),
    }
    assert found["tried"] > 50


def test_a_deployment_that_leaks_is_found_out_without_a_word_of_what_leaked(ruled: Ruled, outport: Outport) -> None:
    with ruled.by("- {id: open, on: {product: '*'}, to: {}, grant: {columns: ['*']}}\n"):
        answer = outport(
            "security-test",
            "--as",
            "analyst",
            "--targets",
            "1",
            "--json",
            *asked(*CATEGORIES[:7], *CATEGORIES[9:13], *CATEGORIES[14:18]),
        )
    assert answer.exit_code == 1
    assert not SECRET.search(answer.stdout + answer.stderr)
    broken = json.loads(answer.stdout)["broken"]
    found = Counter((one["category"], one["door"]) for one in broken)
    for category in CATEGORIES[:7]:
        assert found[category, "rest"], category
    for door in DOORS:
        faults = {one["fault"] for one in broken if one["door"] == door}
        assert {"shows the raw value of a masked column", "counts other rows than the policy leaves"} <= faults


def test_refusing_everything_is_no_way_to_hold(ruled: Ruled, outport: Outport) -> None:
    with ruled.by("- {id: nobody, on: {product: shop}, to: {role: nobody}, grant: {columns: ['*']}}\n"):
        answer = outport(
            "security-test", "--as", "analyst", "--port", "rest", "--targets", "1", *asked("hidden columns")
        )
    assert answer.exit_code == 1
    assert "LOST    the honest twin of sql/hidden-columns/1 at rest was not answered" in answer.stdout


@pytest.mark.parametrize(("patience_s", "outcome"), [(30.0, "refused"), (0.3, "gone")])
def test_what_the_servers_clock_ends_is_no_lost_answer(world: World, patience_s: float, outcome: str) -> None:
    gateway = Gateway(world.settings.model_copy(update={"compute_s": 1.0}))
    port = FlightPort(gateway)
    port.start()
    try:
        steward, clear = Password("steward", "steward-secret"), Files(secure=False, ca=None, cert=None, key=None)
        client = FlightClient(doors.Reach(port.address, None), steward, 30.0, clear)
        client._patience_s = patience_s
        reply = client.ask("WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r")
        client.close()
    finally:
        port.stop()
        gateway.close()
    assert reply.outcome == outcome


def test_a_door_is_named_by_its_address(world: World, outport: Outport) -> None:
    with served(world.gateway, world.settings):
        noted = doors.noted(world.settings)
        assert noted is not None
        host, number = noted.addresses["postgres"]
        url = f"postgresql://{host}:{number}"
        answer = outport("security-test", "--as", "stranger", "--url", url, "--json", *asked("hidden columns"))
    assert answer.exit_code == 0
    found: dict[str, Any] = json.loads(answer.stdout)
    assert {line["door"] for line in found["lines"]} == {"postgres"}
    assert found["not_applicable"] > 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--as", "nobody"), "there is no principal nobody"),
        (("--as", "analyst", "--url", "ftp://127.0.0.1"), "no door's address"),
        (("--as", "analyst", "--category", "magic"), "no category of attacks"),
        (("--as", "analyst", "--port", "rest", "--url", "http://127.0.0.1:9"), "does not"),
    ],
)
def test_what_cannot_be_attacked_is_one_clear_line(outport: Outport, words: tuple[str, ...], said: str) -> None:
    answer = outport("security-test", *words)
    assert answer.exit_code == 1
    assert said in answer.stderr
    assert answer.stderr.strip().count("\n") == 0


def test_the_corpus_is_a_table_of_attacks_that_have_twins() -> None:
    attacks = corpus()
    assert len({one.id for one in attacks}) == len(attacks) > 380
    for one in attacks:
        assert one.honest not in {one.template, ""}, one.id
        assert filled(one.template, {}) == one.template
    assert {door for one in attacks for door in one.doors} == set(DOORS)
