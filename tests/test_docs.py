"""What the documents say holds: snippets run, the table of settings is complete, the image is as described."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from gateway.settings import Settings
from tests import notebook
from tests.demo import DemoServer, serving
from tests.readme import READMES, blocks, headings, prose, section

ROOT = Path(__file__).parent.parent
DOCUMENTS = (*READMES, "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "policies/TRUTH_TABLE.md", "tests/FUZZ.md")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    with serving(tmp_path_factory.mktemp("demo"), "retail", "customer_360", "revenue") as server:
        yield server


@pytest.mark.timeout(1800)  # a minute where nothing else runs
def test_every_snippet_of_the_readmes_says_what_it_says_and_works(demo: DemoServer) -> None:
    """In the order of `READMES`, against one running demo: a later snippet may build on an earlier one.

    Those that ask of every product: `tests/test_parity.py`.
    """
    answer = ""
    ran = 0
    for info, body in blocks(every=False):
        match info:
            case [language, "demo"]:
                answer = demo.run(language, body)
                ran += 1
            case ["yaml", place] if place.startswith("file="):
                file = demo.folder / place.removeprefix("file=")
                file.parent.mkdir(exist_ok=True)
                file.write_text(body, encoding="utf-8")
            case ["text", "contains"]:
                missing = [line for line in body.splitlines() if line not in answer]
                assert missing == [], answer
            case ["text"] | ["mermaid"]:
                assert answer == body
            case ["js", "clients"]:
                assert "readme" in (ROOT / "tests" / "clients" / "test_readme.py").read_text()  # which runs it
            case ["sh"] | []:
                assert all(_exists(line) for line in body.splitlines() if line.startswith(("outport", "make")))
            case other:
                pytest.fail(f"a snippet of a README is marked {other}: nothing checks it")
    assert ran >= 30


def _exists(line: str) -> bool:
    """Whether the command or the make target of `line` is there."""
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        return f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
    from ports.command.main import app

    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    return words[1] in names


def test_the_page_lists_revenue_and_tells_what_else_was_proposed(demo: DemoServer) -> None:
    with httpx.Client(base_url=f"http://{demo.http}", timeout=60) as browser:
        assert "/hub/revenue" in browser.get("/", params={"as": "finance"}).text
        page = html.unescape(browser.get("/hub/revenue", params={"as": "finance"}).text)
    assert "active_households * purchase_frequency * average_basket" in page
    assert "gross_revenue, as finance proposed: Discounts were never paid by anybody" in page


def test_the_notebook_prints_and_draws_what_the_flight_door_says_now(demo: DemoServer, tmp_path: Path) -> None:
    committed = notebook.read()
    fresh = notebook.read()
    names = notebook.executed(fresh, demo, tmp_path)
    assert fresh == committed
    assert (tmp_path / notebook.PICTURE).read_bytes() == (notebook.PLACE / notebook.PICTURE).read_bytes()
    address = f"http://{demo.http}/products/revenue/-/measures/{','.join(names['MEASURES'])}?by=month&order=month"
    rows = httpx.get(address, auth=("finance", "finance-demo"), timeout=60).json()["data"][:-1]
    for name, drawn in names["lines"].items():
        values = [float(row[name]) for row in rows]
        assert drawn == pytest.approx([100 * 12 * value / sum(values) for value in values])


def test_the_table_of_settings_is_complete_and_says_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", section("Settings"), re.MULTILINE)
    expected = [(name, _default(field.default), field.description) for name, field in Settings.model_fields.items()]
    assert rows == expected


def _default(value: object) -> str:
    return "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_a_setting_that_the_code_reads_is_a_field() -> None:
    """No room but Settings takes a value from the environment."""
    readers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("gateway", "ports")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"environ(\.get\(|\[)|getenv", path.read_text(encoding="utf-8"))
    ]
    assert readers == ["gateway/settings.py"]


def test_every_readme_is_read_as_one_of_them() -> None:
    """And a document that is none has its links looked at at least."""
    rooms = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    found = [*ROOT.glob("*.md"), *(path for room in rooms for path in room.rglob("*.md"))]
    assert sorted(path.relative_to(ROOT).as_posix() for path in found) == sorted(DOCUMENTS)


def test_a_readme_of_a_room_says_what_it_is_for_and_links_back() -> None:
    for place in READMES[1:]:
        title, nothing, first = (ROOT / place).read_text(encoding="utf-8").splitlines()[:3]
        assert title.startswith("# "), place
        assert nothing == "", place
        assert first.startswith("> "), place
        assert f"({'../' * place.count('/')}README.md)" in first, place


@pytest.mark.parametrize("place", READMES)
def test_every_block_of_a_readme_is_executed_or_of_a_kind_that_is_not(place: str) -> None:
    """Executed, compared or read by a test: what `test_every_snippet...`, test_parity and tests/clients know.

    Lines that are shown and not run, each known to exist: `sh` alone; nothing at all: what something prints.
    """
    text = (ROOT / place).read_text(encoding="utf-8")
    fences = re.findall(r"^( *)(`{3,}|~{3,})(.*)$", text, re.MULTILINE)
    assert [(indent, mark) for indent, mark, _ in fences if (indent, mark) != ("", "```")] == []
    assert [info for _, _, info in fences[1::2] if info] == []
    assert len(fences) % 2 == 0
    kinds = {
        "sh demo",
        "sh demo every",
        "python demo",
        "python demo every",
        "text",
        "text contains",
        "mermaid",
        "js clients",
        "sh",
        "",
    }
    marks = [info for _, _, info in fences[::2]]
    assert [mark for mark in marks if mark not in kinds and not re.fullmatch(r"yaml file=[\w./-]+", mark)] == []
    following = [(before, mark) for before, mark in pairwise(["", *marks]) if mark.startswith("text")]
    assert [pair for pair in following if "demo" not in pair[0]] == []


def test_every_link_of_the_documents_leads_somewhere() -> None:
    broken = []
    for document in DOCUMENTS:
        text = prose((ROOT / document).read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            place, _, anchor = target.partition("#")
            file = (ROOT / document).parent / place if place else ROOT / document
            if re.match(r"[a-z]+:", target):
                continue
            there = file.resolve().is_relative_to(ROOT.resolve()) and file.exists()
            if not there or (anchor and anchor not in headings(file.read_text(encoding="utf-8"))):
                broken.append(f"{document}: {target}")
    assert broken == []


def test_files_that_the_documents_name_exist() -> None:
    named = {
        (document, name)
        for document in DOCUMENTS
        for name in re.findall(
            r"`((?:benchmarks|gateway|ports|tests)/[\w/-]+\.(?:md|py|yaml))`",
            (ROOT / document).read_text("utf-8"),
        )
    }
    assert [name for name in sorted(named) if not (ROOT / name[1]).exists()] == []


def docker() -> dict[str, list[str]]:
    """The instructions of the last stage of the Dockerfile, by name."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    assert len(stages) == 2
    assert all(stage.startswith("python:3.12-slim") for stage in stages)
    found: dict[str, list[str]] = {}
    for name, rest in re.findall(r"^([A-Z]+) +(.*)$", stages[-1], re.MULTILINE):
        found.setdefault(name, []).append(rest)
    return found


def test_the_image_serves_as_a_user_that_cannot_write_snapshots() -> None:
    image = docker()
    assert image["USER"] == ["server"]
    users = dict(re.findall(r"useradd --uid (\d+) --gid outport --no-create-home --shell \S+ (\w+)", image["RUN"][0]))
    assert users == {"10001": "publisher", "10002": "server"}
    assert any("install -d -o publisher -g outport -m 0750 /var/lib/outport/snapshots" in step for step in image["RUN"])
    assert any("-m 1770 /var/lib/outport " in step for step in image["RUN"])


def test_the_image_keeps_its_state_on_a_volume_and_looks_after_its_health() -> None:
    image = docker()
    assert image["VOLUME"] == ["/var/lib/outport"]
    assert "OUTPORT_STATE=/var/lib/outport" in image["ENV"][0]
    assert "/health" in image["HEALTHCHECK"][0]
    assert image["EXPOSE"] == ["8080 8815 5433"]
    assert "pip" not in " ".join(image["RUN"])


def test_what_is_pinned_covers_every_dependency_and_names_no_place() -> None:
    pins = (ROOT / "constraints.txt").read_text()
    names = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in pins.splitlines()}
    declared = re.findall(r'^    "([A-Za-z0-9-]+)[>=]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert [name for name in declared if name.lower() not in names | {"types-pyyaml"}] == []
    assert re.search(r"://|@|--index", pins) is None
