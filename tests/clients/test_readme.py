"""The README's snippets in JavaScript say what they say, against a running demo."""

from __future__ import annotations

import re
from pathlib import Path

from tests.clients.conftest import ROOT, Tools
from tests.demo import PAGE, serving

SNIPPETS = re.findall(r"^```js clients\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def test_the_readme_s_postgrest_client_reads_the_demo(tools: Tools, tmp_path: Path) -> None:
    (snippet,) = SNIPPETS
    with serving(tmp_path, "retail", "customer_360") as demo:
        printed = tools.node(snippet.replace(PAGE, demo.http))
    assert "***@" in printed
    assert re.search(r"null \d+$", printed.strip())
