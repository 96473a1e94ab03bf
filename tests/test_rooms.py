"""Every file is a room: who may import what, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*ROOT.glob("gateway/**/*.py"), *ROOT.glob("ports/**/*.py")])
DUCKDB = {f"gateway/sql/{room}.py" for room in ("duck", "duck_check", "duck_errors")} | {
    "gateway/inputs/duck_writer.py"
}
CASBIN = {"gateway/policies/policy.py"}
WEB = {"rest", "graphql", "hub", "mcp"}
# The architecture of gateway/: each suite, and each room beside the suites that needs one, with the suites that it
# imports. They stand in order: nothing imports what stands below it, so no two of them need each other.
SUITES = {
    "files": "",
    "sql": "",
    "contracts": "sql",
    "dialects": "sql",
    "access": "files sql",
    "accounting": "files access",
    "snapshot": "contracts",
    "policies": "files sql contracts access accounting",
    "binding": "sql contracts dialects policies",
    "serving": "files sql contracts policies binding",
    "session": "sql access policies serving",
    "inputs": "files sql contracts serving",
    "service_levels": "files contracts access accounting serving",
    "publication": "files sql contracts access accounting policies binding serving inputs service_levels",
    "operations": "files sql contracts access accounting policies serving inputs publication",
    "reach": "sql contracts access accounting policies binding serving service_levels publication",
    "desks": "sql files contracts access accounting policies binding serving inputs service_levels publication"
    " operations reach",
    "system_catalogs": "sql contracts dialects binding serving reach",
    "pipeline": "access accounting policies binding serving service_levels reach desks system_catalogs",
    "__init__": "sql contracts dialects access binding serving publication reach desks system_catalogs",
}
ROOMS_LIMIT, TOP_LIMIT = 40, 15


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
    """Whether `gateway.x` is a module or a suite of the gateway, not a name of its front door."""
    path = ROOT / "gateway" / name.removeprefix("gateway.")
    return path.is_dir() or path.with_suffix(".py").exists()


def place(path: Path) -> str:
    """The suite that a room of the gateway stands in; of one that stands beside them, its own name."""
    return path.relative_to(ROOT / "gateway").parts[0].removesuffix(".py")


def found_suites() -> set[str]:
    return {path.parent.name for path in ROOT.glob("gateway/*/__init__.py")}


def test_a_suite_imports_the_suites_that_the_table_lists_and_needs_each_of_them() -> None:
    suites = found_suites()
    needed: dict[str, set[str]] = {suite: set() for suite in suites}
    for path in (path for path in FILES if path.is_relative_to(ROOT / "gateway")):
        reached = {name.split(".")[1] for name in within(imports(path), "gateway") if "." in name} & suites
        if reached - {place(path)}:
            needed.setdefault(place(path), set()).update(reached - {place(path)})
    assert needed == {name: set(listed.split()) for name, listed in SUITES.items()}


def test_no_suite_needs_what_stands_above_it() -> None:
    """A room beside the suites counts as one where it needs any; rooms that need none are for all."""
    above: set[str] = set()
    for name, listed in SUITES.items():
        assert set(listed.split()) <= above, name
        above.add(name)
    for path in (path for path in FILES if path.is_relative_to(ROOT / "gateway")):
        rooms = {name.split(".")[1] for name in within(imports(path), "gateway") if "." in name} & SUITES.keys()
        order = list(SUITES)
        own = order.index(place(path)) if place(path) in order else -1
        assert all(order.index(name) <= own for name in rooms), path


def test_a_suite_can_be_kept_in_the_head() -> None:
    """It holds so many rooms at most, its own file is a docstring alone, and few rooms stand beside the suites."""
    for suite in found_suites():
        (said,) = ast.parse((ROOT / "gateway" / suite / "__init__.py").read_text()).body
        assert isinstance(said, ast.Expr), f"{suite}/__init__.py exports nothing: what is imported is the room"
        assert len(list((ROOT / "gateway" / suite).glob("*.py"))) - 1 <= ROOMS_LIMIT, suite
    assert len(list((ROOT / "gateway").glob("*.py"))) <= TOP_LIMIT


def test_a_room_has_one_name() -> None:
    """Rooms are spoken of by their last names, so no two rooms, or a room and a suite, have the same."""
    names = [path.stem for path in FILES if path.is_relative_to(ROOT / "gateway") and path.stem != "__init__"]
    assert sorted([*names, *found_suites()]) == sorted({*names, *found_suites()})


def test_no_room_is_overgrown() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {room: lines for room, lines in lengths.items() if lines > 400} == {}


@pytest.mark.parametrize("path", [path for path in FILES if path.read_text()], ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
