"""The workbench, once for all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.bench import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.engine.close()
