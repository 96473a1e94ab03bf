"""The list of guards does not rot: each still stands where the mutation run would remove it."""

from __future__ import annotations

import pytest

from tests.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_guard_stands_where_the_mutation_run_looks_for_it(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.guard) >= 1
