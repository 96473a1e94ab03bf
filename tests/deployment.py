"""A deployment of a test's own: its settings, every door on a free port, and its principals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.settings import Settings


def deployment(folder: Path, principals: Mapping[str, Mapping[str, Any]]) -> Settings:
    """Settings of the products and policies in `folder`, with a state there; NAME's password is NAME-secret."""
    settings = Settings(
        products=folder / "products",
        policies=folder / "policies",
        state=folder / "state",
        http_port=0,
        flight_port=0,
        postgres_port=0,
        secret_key="a secret of the tests, 32 bytes or more",
        threads=2,
        memory_limit="1GB",
        drain_s=1,
    )
    settings.state.mkdir()
    directory = Directory(settings.principals, load(settings))
    for subject, attributes in principals.items():
        directory.add(subject, "person", attributes, f"{subject}-secret")
    return settings
