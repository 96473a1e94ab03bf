"""Hot reload: an edit is in force at the next look, a bad one is told and changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.errors import NotFound
from gateway.policies import policy_store
from gateway.policies.policy import PolicySet
from gateway.policies.policy_store import PolicyStore
from tests.policy_world import LAB, PEOPLE, at, column, principal, product, table, write

GRANT = {"id": "g", "on": {"product": "lab", "table": "people"}, "to": {}, "grant": {"columns": ["*"]}}
DENY = {"id": "d", "on": {"product": "lab"}, "to": {}, "deny": {"reason": "x"}}


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_store, "STAT_S", 0.0)


def sees(policies: PolicySet) -> bool:
    try:
        policies.decide(principal(), LAB, PEOPLE, at(), frozenset())
    except NotFound:
        return False
    return True


def test_an_edit_is_in_force_without_restart(tmp_path: Path) -> None:
    store = PolicyStore(write(tmp_path, [GRANT]))
    assert sees(store.current([LAB]))
    write(tmp_path, [GRANT, DENY])
    assert not sees(store.current([LAB]))


def test_an_unchanged_folder_gives_the_same_set(tmp_path: Path) -> None:
    store = PolicyStore(write(tmp_path, [GRANT]))
    assert store.current([LAB]) is store.current([LAB])


def test_a_bad_edit_leaves_the_last_good_set_and_says_why(tmp_path: Path) -> None:
    store = PolicyStore(write(tmp_path, [GRANT, DENY]))
    good = store.current([LAB])
    (tmp_path / "rules.yaml").write_text("- {id: g, on: {product: lab}, to: {}, grant: {columns: [nme]}}\n")
    assert store.current([LAB]) is good
    assert any("no column nme" in problem for problem in store.problems)
    write(tmp_path, [GRANT])
    assert sees(store.current([LAB]))
    assert store.problems == ()


def test_one_bad_file_keeps_the_good_edits_of_others_out(tmp_path: Path) -> None:
    store = PolicyStore(write(tmp_path, [GRANT]))
    assert sees(store.current([LAB]))
    (tmp_path / "more.yaml").write_text("- {id: x}\n")
    write(tmp_path, [GRANT, DENY])
    assert sees(store.current([LAB]))
    (tmp_path / "more.yaml").unlink()
    assert not sees(store.current([LAB]))


def test_a_folder_that_vanishes_takes_nothing_away(tmp_path: Path) -> None:
    folder = write(tmp_path / "policies", [GRANT])
    store = PolicyStore(folder)
    good = store.current([LAB])
    os.rename(folder, tmp_path / "elsewhere")
    assert store.current([LAB]) is good
    assert store.problems


def test_without_any_good_set_nothing_is_granted(tmp_path: Path) -> None:
    store = PolicyStore(tmp_path / "nowhere")
    assert not sees(store.current([LAB]))
    assert store.problems


def test_a_new_version_of_a_product_is_bound_anew(tmp_path: Path) -> None:
    store = PolicyStore(write(tmp_path, [{**GRANT, "grant": {"columns": ["*"], "rows": "region = 'N'"}}]))
    assert sees(store.current([LAB]))
    broken = product("lab", table("people", column("id", "BIGINT", "internal")), version="1.3.0")
    kept = store.current([broken])
    assert "region" in store.problems[0]
    assert sees(kept)
    with pytest.raises(NotFound):
        kept.decide(principal(), broken, broken.table("people"), at(), frozenset())


def test_a_look_at_the_files_is_not_taken_at_every_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_store, "STAT_S", 3600.0)
    store = PolicyStore(write(tmp_path, [GRANT]))
    good = store.current([LAB])
    write(tmp_path, [DENY])
    assert store.current([LAB]) is good
