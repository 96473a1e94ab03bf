"""The READMEs' blocks of code by the demo that runs them, each with what it must print. Reads these files only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
# In the order in which they are read and their snippets run: one of a room may build on those before it.
READMES = (
    "README.md",
    "products/README.md",
    "policies/README.md",
    "ports/README.md",
    "ports/rest/README.md",
    "ports/graphql/README.md",
    "ports/mcp/README.md",
    "ports/flight/README.md",
    "ports/postgres/README.md",
    "ports/http/README.md",
    "ports/hub/README.md",
    "ports/command/README.md",
    "gateway/README.md",
    "products/revenue/README.md",
    "products/supply_chain/README.md",
    "benchmarks/README.md",
)
TEXT = "\n".join((ROOT / place).read_text(encoding="utf-8") for place in READMES)
# A snippet that asks of every product of the demo; others are asked of the products that publish quickly.
EVERY = "every"
_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*, every: bool) -> Iterator[tuple[list[str], str]]:
    """Marks and body of each block, in their order; `every`: those of the demo of every product, else the others.

    What a snippet prints follows it, and belongs to it.
    """
    asked = False
    for found in _BLOCK.finditer(TEXT):
        info = found["info"].split()
        if "demo" in info:
            asked = EVERY in info
        elif info[:1] != ["text"]:
            asked = False
        if asked is every:
            yield [word for word in info if word != EVERY], found["body"]


def file(place: str) -> str:
    """The file `place` as a README shows it, in a block of its own."""
    (body,) = (body for info, body in blocks(every=False) if f"file={place}" in info)
    return body


def section(title: str) -> str:
    """The text below the one heading `title`, up to the next heading of its level or above."""
    (found,) = re.finditer(rf"^(#+) {re.escape(title)}$", TEXT, re.MULTILINE)
    rest = TEXT[found.end() :]
    return re.split(rf"^#{{1,{len(found[1])}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def prose(text: str) -> str:
    """`text` without its blocks of code."""
    return _BLOCK.sub("", text)


def headings(text: str) -> list[str]:
    """What GitHub makes of the headings of `text`, in order: the anchors that a link may name."""
    anchors: list[str] = []
    for title in re.findall(r"^#{1,6} +(.+?) *$", prose(text), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title)).lower().replace(" ", "-")
        again = sum(re.fullmatch(rf"{re.escape(plain)}(-\d+)?", one) is not None for one in anchors)
        anchors.append(f"{plain}-{again}" if again else plain)
    return anchors
