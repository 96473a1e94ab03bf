"""The hub in a browser: a person who has read nothing finds, understands, sees, asks and answers; nothing objects.

`python -m tests.clients.test_hub` writes the pictures of README.md anew (`make pictures`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.clients.conftest import TOOLS, Tools, environment
from tests.demo import serving

pytestmark = pytest.mark.timeout(600)
HERE = Path(__file__).parent / "hub"
WALK = (HERE / "walk.mjs").read_text()
PICTURES = HERE / "pictures"
BROWSER = "/usr/bin/chromium"
PRODUCTS = ("retail", "customer_360")
LIMIT_S = 300


def walked(folder: Path, tools: Path, pictures: str = "") -> dict[str, Any]:
    """What a person sees who walks through the hub of a demo in `folder`; `tools` is where the program may run."""
    (folder / "demo").mkdir()
    with serving(folder / "demo", *PRODUCTS) as demo:
        command = ["node", "--input-type=module", "-", BROWSER, f"http://{demo.http}", pictures]
        told = subprocess.run(
            command,
            cwd=tools,
            env=environment(),
            input=WALK,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    assert told.returncode == 0, told.stdout + told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


@pytest.fixture(scope="module")
def seen(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return walked(tmp_path_factory.mktemp("hub"), tools.folder)


def test_a_person_finds_a_product_by_what_they_call_it(seen: dict[str, Any]) -> None:
    assert seen["steps"]["found"][0] == "Customer 360"
    assert seen["steps"]["live"] == ["customers.email"]


def test_the_sample_is_each_persona_s_own(seen: dict[str, Any]) -> None:
    steward, analyst = seen["steps"]["steward"], seen["steps"]["analyst"]
    assert all("@" in one for one in steward)
    assert analyst is None or not set(steward) & set(analyst)
    assert seen["steps"]["ml"] is None


def test_a_question_is_asked_and_answered(seen: dict[str, Any]) -> None:
    assert seen["steps"]["kept"].startswith("Kept.")
    assert seen["steps"]["thread"] == ["How fresh is <b>lifetime value</b>?", "It is told at the end of 2017."]


def test_the_playground_answers_with_a_table_and_a_drawing(seen: dict[str, Any]) -> None:
    assert seen["steps"]["drawn"].endswith("by segment")
    assert seen["steps"]["bars"] == 4
    assert seen["steps"]["sql"] or seen["failed"]


def test_the_keyboard_leads_through_it_and_nothing_needs_a_script(seen: dict[str, Any]) -> None:
    assert seen["steps"]["first_focus"] == "Skip to content"
    assert "ml-pipeline" in seen["steps"]["plain"]


@pytest.mark.parametrize("objection", ["console", "outside", "violations", "wide"])
def test_nothing_objects(seen: dict[str, Any], objection: str) -> None:
    """No word in the console, no other host, nothing that axe finds in light or dark, nothing wider than a phone."""
    assert seen[objection] == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        workplace = Path(place) / "node"
        workplace.mkdir()
        (workplace / "node_modules").symlink_to(TOOLS / "node_modules")
        PICTURES.mkdir(exist_ok=True)
        objections = walked(Path(place), workplace, str(PICTURES))
        for file in PICTURES.glob("*.png"):  # a page has few colours: of all of them, a picture is twice as large
            Image.open(file).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)
        sys.exit(any(objections[name] for name in ("console", "outside", "violations", "wide")))
