"""Every file is a room: who may import what, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*ROOT.glob("gateway/**/*.py"), *ROOT.glob("ports/**/*.py")])
DUCKDB = {f"gateway/{room}.py" for room in ("duck", "duck_check", "duck_errors", "duck_writer")}
CASBIN = {"gateway/policy.py"}
WEB = {"rest", "graphql", "hub", "mcp"}


def imports(path: Path) -> set[str]:
    """Full dotted names of what `path` imports, whatever the form or the depth of the statement."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def within(names: set[str], package: str) -> set[str]:
    return {name for name in names if name == package or name.startswith(f"{package}.")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = str(path.relative_to(ROOT))
    names = imports(path)
    assert room in DUCKDB or not within(names, "duckdb")
    assert room in CASBIN or not within(names, "casbin")
    if room.startswith("gateway/"):
        assert not within(names, "ports"), "the gateway knows no port"
        assert not {name for name in names if name.split(".")[0] in {"fastapi", "starlette", "uvicorn"}}
        assert not within(names, "pyarrow.flight")
        return
    port = path.relative_to(ROOT / "ports").parts[0]
    if port == "command":
        return
    inside = {name for name in within(names, "gateway") if name.count(".") > 1 or is_room(name)}
    assert not inside, "a port uses the front door only"
    neighbours = {name.split(".")[1] for name in within(names, "ports") if "." in name} - {port}
    assert neighbours <= ({"http"} if port in WEB else WEB if port == "http" else set())


def is_room(name: str) -> bool:
    """Whether `gateway.x` is a module of the gateway, not a name of its front door."""
    return (ROOT / "gateway" / f"{name.removeprefix('gateway.')}.py").exists()


def test_no_room_is_overgrown() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {room: lines for room, lines in lengths.items() if lines > 400} == {}


@pytest.mark.parametrize("path", [path for path in FILES if path.read_text()], ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
