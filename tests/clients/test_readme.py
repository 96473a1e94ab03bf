"""The READMEs' snippets in JavaScript say what they say, against a running demo."""

from __future__ import annotations

import re
from pathlib import Path

from tests.clients.conftest import Tools
from tests.demo import PAGE, serving
from tests.readme import blocks

SNIPPETS = [body for info, body in blocks(every=False) if info == ["js", "clients"]]


def test_the_readme_s_postgrest_client_reads_the_demo(tools: Tools, tmp_path: Path) -> None:
    (snippet,) = SNIPPETS
    with serving(tmp_path, "retail", "customer_360") as demo:
        printed = tools.node(snippet.replace(PAGE, demo.http))
    assert "***@" in printed
    assert re.search(r"null \d+$", printed.strip())
