"""Secrets of sources by reference: `${secret:NAME}` in a contract, its value in a file of the deployment.

It stands in the folder of secrets, or in that of a workspace within it, and is read when a publication needs it. A
value stands in no descriptor, no record, no digest and no message; the build gets it over its stdin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(r"\$\{secret:([A-Za-z][A-Za-z0-9_]{0,62})\}", re.ASCII)


class SecretMissing(Exception):
    """A secret that is not there; the message names it."""


def named(text: str) -> tuple[str, ...]:
    """The secrets that a text refers to."""
    return tuple(dict.fromkeys(_REFERENCE.findall(text)))


def value(folder: Path | None, name: str) -> str:
    """The secret's value. Raises SecretMissing."""
    if folder is None:
        raise SecretMissing(f"the secret {name} is not there: the setting secrets names the folder of its file")
    try:
        given = (folder / name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(f"the secret {name} is no file in the folder of secrets that can be read") from error
    if not given:
        raise SecretMissing(f"the secret {name} is empty")
    return given


def filled(text: str, secrets: Mapping[str, str]) -> str:
    """The text with its secrets in place."""
    return _REFERENCE.sub(lambda match: secrets[match[1]], text)
