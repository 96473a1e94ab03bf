"""`outport apply` of several products: all at one moment or none, each built from the others' new state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.contracts.contract import ContractError
from gateway.publication import production
from gateway.publication.progress import Progress, Step
from gateway.publication.publish import together
from gateway.serving import manifest
from gateway.serving.catalog import Catalog
from gateway.snapshot import Snapshot
from tests.workshop import KEY, STEWARD, Workshop, column, stored

READS = {"id": "reads", "on": {"product": "base"}, "to": {"kind": "product"}, "grant": {"columns": ["*"]}}
BASE = {"id": {**KEY}, "price": column()}
TOTALS = {"id": {**KEY}, "price": column()}
# Publishes both, and ends as by kill -9 at the step that is named.
PUBLISHER = """
import os, signal, sys
from pathlib import Path
from gateway.publication.publish import together
from gateway.settings import Settings
settings, when = Settings(config=Path(sys.argv[1])), sys.argv[2]
def told(event):
    if f"{event.product}.{getattr(event, 'step', '')}" == when:
        os.kill(os.getpid(), signal.SIGKILL)
together(settings, [settings.products / "totals", settings.products / "base"], progress=told)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.allow(STEWARD, READS)
    declare(made, 1)
    return made


def declare(shop: Workshop, price: int, extra: bool = False) -> None:
    """Two products, of which `totals` reads `base`; with an `extra` column in both."""
    more = {"extra": column()} if extra else {}
    rows = {"id": [1, 2], "price": [price, price]} | ({"extra": [7, 7]} if extra else {})
    shop.declare("base", {"items": BASE | more}, data={"items": pa.table(rows)}, version="1.1.0" if extra else "1.0.0")
    names = ", ".join(["id", "price", *more])
    model = f"SELECT {names} FROM base.items"
    version = "1.1.0" if extra else "1.0.0"
    shop.declare("totals", {"all": TOTALS | more}, models={"all": model}, inputs=["base"], version=version)


def bundle(shop: Workshop, *names: str) -> list[Path]:
    return [shop.settings.products / name for name in names or ("totals", "base")]


def served(shop: Workshop) -> dict[str, Snapshot]:
    return {one.product.name: one for one in Catalog(shop.settings.state).current().snapshots}


def folders(shop: Workshop) -> set[str]:
    """The snapshots that there are, those set aside as unfit left out."""
    return {one.name for one in shop.snapshots.iterdir() if not one.name.endswith(".failed")}


def test_each_is_built_on_the_others_new_state_and_the_same_again_changes_nothing(shop: Workshop) -> None:
    first = together(shop.settings, bundle(shop))
    assert [one.product.name for one in first] == ["totals", "base"]
    assert stored(first[0], 'SELECT sum(price) FROM "all"') == [(2,)]
    text = (shop.settings.state / manifest.NAME).read_bytes()
    heard: list[Progress] = []
    assert together(shop.settings, bundle(shop), progress=heard.append) == first
    assert (shop.settings.state / manifest.NAME).read_bytes() == text
    assert [one.step for one in heard if isinstance(one, Step)] == ["contract", "contract", "unchanged", "unchanged"]
    # A column that the base that is served does not have: alone it cannot be built.
    declare(shop, 5, extra=True)
    with pytest.raises(ContractError):
        together(shop.settings, bundle(shop, "totals"))
    totals, _ = together(shop.settings, bundle(shop))
    assert stored(totals, 'SELECT sum(price), sum(extra) FROM "all"') == [(10, 14)]
    assert served(shop)["totals"].id == totals.id


def test_one_that_is_not_fit_publishes_none(shop: Workshop) -> None:
    before = together(shop.settings, bundle(shop))
    declare(shop, 9)
    shop.declare("totals", {"all": {"id": {**KEY}, "price": column(unique=True)}}, inputs=["base"],
                 models={"all": "SELECT id, price FROM base.items"})  # fmt: skip
    with pytest.raises(ContractError) as refused:
        together(shop.settings, bundle(shop))
    assert refused.value.folder == shop.settings.products / "totals"
    assert {one.id for one in served(shop).values()} == {one.id for one in before} == folders(shop)


def test_one_major_is_declared_once_in_a_bundle(shop: Workshop) -> None:
    copied = shop.settings.products / "copy"
    (shop.settings.products / "base").rename(copied)
    shop.declare("base", {"items": BASE}, data={"items": pa.table({"id": [1], "price": [1]})})
    with pytest.raises(ContractError, match="base 1 is declared by"):
        together(shop.settings, [copied, *bundle(shop, "base")])
    assert not served(shop)


def test_a_bundle_that_is_killed_publishes_none_and_the_next_one_all(shop: Workshop, tmp_path: Path) -> None:
    before = together(shop.settings, bundle(shop))
    declare(shop, 3)
    settings = shop.settings.model_dump(mode="json", exclude_none=True) | {"secret_key": shop.secret}
    (tmp_path / "outport.toml").write_text("".join(f"{name} = {json.dumps(v)}\n" for name, v in settings.items()))
    ended = subprocess.run(
        [sys.executable, "-c", PUBLISHER, str(tmp_path / "outport.toml"), "totals.audit"],
        check=False,
        timeout=60,
        env=os.environ,
    )
    assert ended.returncode == -signal.SIGKILL
    assert {one.id for one in served(shop).values()} == {one.id for one in before}
    totals, base = together(shop.settings, bundle(shop))
    assert stored(totals, 'SELECT max(price) FROM "all"') == [(3,)]
    assert {totals.id, base.id} == {one.id for one in served(shop).values()}
    assert folders(shop) == manifest.read(shop.settings.state).ids


def test_a_stop_before_the_last_product_leaves_no_folder_of_the_first(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def progress(event: Progress) -> None:
        if isinstance(event, Step) and event.product == "totals":
            monkeypatch.setattr(production, "_built", stop)

    with pytest.raises(KeyboardInterrupt):
        together(shop.settings, bundle(shop), progress=progress)
    assert folders(shop) == set()
    assert not served(shop)
