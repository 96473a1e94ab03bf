"""The README's blocks of code by the demo that runs them, each with what it must print. Reads one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
# A snippet that asks of every product of the demo; others are asked of the products that publish quickly.
EVERY = "every"
_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*, every: bool) -> Iterator[tuple[list[str], str]]:
    """Marks and body of each block, in the page's order; `every`: those of the demo of every product, else the others.

    What a snippet prints follows it, and belongs to it.
    """
    asked = False
    for found in _BLOCK.finditer(README):
        info = found["info"].split()
        if "demo" in info:
            asked = EVERY in info
        elif info[:1] != ["text"]:
            asked = False
        if asked is every:
            yield [word for word in info if word != EVERY], found["body"]
