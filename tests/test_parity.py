"""Every measure of the demo by every dimension as every persona: the same at every door, as the README tells.

In a module of its own, so that it runs beside the others: a statement for each door, table and persona.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import parity
from tests.demo import ROOT, serving


@pytest.mark.timeout(900)  # half a minute where nothing else runs
def test_every_measure_by_every_dimension_is_the_same_at_every_door_for_every_persona(tmp_path: Path) -> None:
    """A refusal too: with the same code, and of GraphQL as an unknown field."""
    with serving(tmp_path, "retail", "customer_360", "revenue", "promotions") as demo:
        found = parity.compared(demo)
    assert {key: one.different[:3] for key, one in found.items() if one.different} == {}
    assert parity.table(found) in (ROOT / "README.md").read_text(encoding="utf-8")
