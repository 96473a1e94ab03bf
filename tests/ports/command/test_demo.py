"""What the demo puts beside its products: consumers' projections, once each."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.serving.catalog import Catalog
from gateway.serving.projection import parse
from gateway.settings import Settings
from ports.command import demo
from tests import projection_world
from tests.gateway.test_projection_desk import MINE

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = projection_world.build(tmp_path)
    folder = made.products.parent / demo.PROJECTIONS
    folder.mkdir()
    (folder / "analyst_mail.yaml").write_text(yaml.safe_dump({**MINE, "owner": "analyst"}))
    return made


def defined(settings: Settings) -> list[tuple[str, str]]:
    return [(one.projection.name, one.by) for one in Catalog(settings.state).projections.current().every]


def test_a_projection_is_defined_as_its_owner_with_the_product_that_it_is_over(settings: Settings) -> None:
    before = defined(settings)
    demo.projected(settings, "another")
    assert defined(settings) == before
    demo.projected(settings, "shop")
    assert set(defined(settings)) - set(before) == {("analyst_mail", "analyst")}


@pytest.mark.parametrize("text", ["a: [", "just words", "{owner: nobody, of: shop}", "{owner: analyst, of: shop}"])
def test_a_file_that_is_none_leaves_the_others_as_they_are(settings: Settings, text: str) -> None:
    (settings.products.parent / demo.PROJECTIONS / "a.yaml").write_text(text)
    demo.projected(settings, "shop")
    assert ("analyst_mail", "analyst") in defined(settings)


@pytest.mark.parametrize("file", sorted((ROOT / "projections").glob("*.yaml")), ids=lambda one: one.stem)
def test_what_stands_here_names_what_its_product_has(file: Path) -> None:
    declared, _ = parse(file.name, file.read_text(), "nobody")
    contract = (ROOT / "products" / declared.of / f"{declared.of}.odcs.yaml").read_text()
    for table in declared.tables:
        assert all(f"name: {one.name}" in contract for one in table.names)
