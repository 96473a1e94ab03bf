"""Every product of the demo at every door, as the README tells: each measure by each dimension as every persona.

In a module of its own, so that it runs beside the others: a statement for each door, table and persona. Large tables
are asked here by two personas, of whom one sees a part; by all of them in tests/clients.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import parity
from tests.demo import DemoServer, serving
from tests.readme import TEXT, blocks


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    with serving(tmp_path_factory.mktemp("demo"), *parity.PRODUCTS) as server:
        yield server


LARGE = ("steward", "analyst")


@pytest.mark.timeout(900)
def test_every_measure_by_every_dimension_is_the_same_at_every_door_for_every_persona(demo: DemoServer) -> None:
    """A refusal too: with the same code, and of GraphQL as an unknown field."""
    found = parity.compared(demo, LARGE)
    assert {key: one.different[:3] for key, one in found.items() if one.different} == {}
    assert parity.otherwise(found, TEXT) == []


@pytest.mark.timeout(300)
def test_every_snippet_of_the_readme_that_asks_of_every_product_works(demo: DemoServer) -> None:
    answer = ""
    ran = 0
    for (language, *words), body in blocks(every=True):
        if words == ["demo"]:
            answer = demo.run(language, body)
            ran += 1
        elif words == ["contains"]:
            assert [line for line in body.splitlines() if line not in answer] == [], answer
        else:
            assert answer == body
    assert ran >= 3
