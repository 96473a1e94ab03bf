"""The READMEs' whole table of measures: large tables too by every persona at every door. Minutes, on two cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import parity
from tests.demo import serving
from tests.readme import TEXT


@pytest.mark.timeout(1800)
def test_every_persona_is_told_the_same_of_every_table_at_every_door(tmp_path: Path) -> None:
    with serving(tmp_path, *parity.PRODUCTS) as demo:
        found = parity.compared(demo)
    assert {key: one.different[:3] for key, one in found.items() if one.different} == {}
    assert parity.table(found) in TEXT
