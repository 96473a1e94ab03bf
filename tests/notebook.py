"""The notebook of the product revenue, run without a kernel: its cells in order, in one namespace.

`python -m tests.notebook` writes its outputs and its picture anew. What a cell prints becomes its output: the cells
show nothing but text, and write the picture to a file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tests.demo import FLIGHT, ROOT, DemoServer, serving

PLACE = ROOT / "products" / "revenue" / "notebook"
FILE, PICTURE = "drivers.ipynb", "drivers.svg"


def read() -> dict[str, Any]:
    """The notebook as it is committed."""
    found: dict[str, Any] = json.loads((PLACE / FILE).read_text(encoding="utf-8"))
    return found


def executed(notebook: dict[str, Any], demo: DemoServer, folder: Path) -> dict[str, Any]:
    """Run the code cells of `notebook` against a demo, in `folder`; fills in their outputs. Returns what they named."""
    names: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(folder)
    try:
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        for number, cell in enumerate(code, start=1):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec("".join(cell["source"]).replace(FLIGHT, demo.flight), names)  # noqa: S102  our own cells
            text = printed.getvalue().splitlines(keepends=True)
            cell["execution_count"] = number
            cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": text}] if text else []
    finally:
        os.chdir(before)
    return names


def written(notebook: dict[str, Any]) -> str:
    """The text of a notebook's file."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Run the notebook on a demo of its own; write its outputs and the picture."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), "retail", "customer_360", "revenue") as demo:
        notebook = read()
        executed(notebook, demo, PLACE)
    (PLACE / FILE).write_text(written(notebook), encoding="utf-8")


if __name__ == "__main__":
    main()
