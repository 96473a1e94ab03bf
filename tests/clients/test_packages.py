"""What `make test-clients` installs is pinned, and comes from wherever the tester's own tools take it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def test_every_package_has_one_version_and_none_says_where_it_is_downloaded() -> None:
    declared: dict[str, str] = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in declared.values())
    locked: dict[str, dict[str, Any]] = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in declared} == declared
    assert [name for name, package in locked.items() if "resolved" in package] == []
    lines = [line for line in (HERE / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
