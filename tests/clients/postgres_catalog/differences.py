"""The committed list of fixtures whose answers differ from PostgreSQL's, each with a reason."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

LIST = Path(__file__).with_name("differences.yaml")


def known() -> Callable[[str], str | None]:
    """The reason why a fixture (`tool/name`) may differ, None where it may not."""
    listed: dict[str, list[str]] = yaml.safe_load(LIST.read_text()) or {}

    def reason(key: str) -> str | None:
        return next((why for why, keys in listed.items() if any(fnmatchcase(key, one) for one in keys)), None)

    return reason
