"""A product's folder copied under another name: a draft at 0.1.0 derived from the first. Writes that folder.

Policies speak of products by name, so nobody is granted the copy, and the copy is granted no other product yet.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from gateway.contracts import amendment, contract
from gateway.contracts.columns import IDENTIFIER
from gateway.contracts.contract import ContractError
from gateway.contracts.descriptor import CONTRACT_SUFFIX, MODELS, PRODUCT_SUFFIX
from gateway.document import Finding
from gateway.product import Product

VERSION = "0.1.0"
# What was said of the first alone.
_ITS = ("acceptedBy", "acceptedOn", "deprecatedOn", "sunsetOn", "attestations")


def fork(folder: Path, name: str, environment: str | None) -> Product:
    """The copy of `folder` beside it, as the product `name`. Raises ContractError, and leaves nothing then."""
    source = contract.load(folder, environment)
    if not IDENTIFIER.fullmatch(name):
        raise ContractError([Finding("", 0, name, "is no product's name", "lower case letters, digits and _")])
    target = folder.with_name(name)
    if target.exists():
        raise ContractError([Finding("", 0, name, "exists already", "another name")])
    shutil.copytree(folder, target, symlinks=True)
    try:
        _renamed(target, source, name)
        return contract.load(target, environment)
    except BaseException:
        shutil.rmtree(target)
        raise


def _renamed(target: Path, source: Product, name: str) -> None:
    """Make the copy its own: id, version, status, derivedFrom, and its models' names for its own tables."""
    file = next(target.glob(f"*{PRODUCT_SUFFIX}"))
    text = amendment.put(file.read_text(encoding="utf-8"), {"id": name, "version": VERSION})
    said = {"derivedFrom": f"{source.name}@{source.version}"}
    made = amendment.amended(file.name, text, "draft", said)
    file.write_text(amendment.without(file.name, made, _ITS), encoding="utf-8")
    own = re.compile(rf"\b{re.escape(source.name)}\s*\.\s*(?=[\"a-z])", re.IGNORECASE)
    for model in (target / MODELS).glob("*.sql"):
        model.write_text(own.sub(f"{name}.", model.read_text(encoding="utf-8")), encoding="utf-8")
    for suffix in (PRODUCT_SUFFIX, CONTRACT_SUFFIX):
        old = target / f"{source.name}{suffix}"
        if old.exists():
            old.rename(target / f"{name}{suffix}")
