"""`outport diff`: a change is told, graded, and held against the version."""

from __future__ import annotations

from pathlib import Path

from tests.measure_world import CONTRACT, PRODUCT
from tests.ports.command.conftest import invoke


def written(folder: Path, *edits: tuple[str, str]) -> str:
    folder.mkdir()
    for name, text in (("till.odps.yaml", PRODUCT), ("till.odcs.yaml", CONTRACT)):
        text = text.replace("status: draft", "status: active")
        for old, new in edits:
            text = text.replace(old, new)
        (folder / name).write_text(text)
    return str(folder)


def test_a_change_is_told_and_held_against_the_version(tmp_path: Path) -> None:
    old = written(tmp_path / "old")
    same = written(tmp_path / "same", ("transformLogic: sum(amount)\n", 'transformLogic: "sum (amount)"\n'))
    edit = ("transformLogic: sum(amount)\n", "transformLogic: sum(amount - cost)\n")
    less = written(tmp_path / "less", edit, ("version: 1.0.0", "version: 1.1.0"))
    enough = written(tmp_path / "enough", edit, ("version: 1.0.0", "version: 2.0.0"))

    assert invoke("diff", old, same).stdout == "nothing has changed\n"
    told = invoke("diff", old, less)
    assert told.exit_code == 1
    assert 'MAJOR  lines.revenue: it is sum((amount - "cost")), was sum(amount)' in told.stdout
    assert "version: 2.0.0" in told.stderr
    fits = invoke("diff", old, enough)
    assert (fits.exit_code, fits.stdout.splitlines()[-1]) == (0, "a major change, and 1.0.0 -> 2.0.0 says so")


def test_a_folder_that_does_not_compile_is_told_as_apply_tells_it(tmp_path: Path) -> None:
    old = written(tmp_path / "old")
    broken = written(tmp_path / "broken", ("count(DISTINCT basket_id)", "count(DISTINCT nothing)"))
    told = invoke("diff", old, broken)
    assert told.exit_code == 1
    assert 'column "nothing" does not exist' in told.stderr
