"""The declared products of folders, and the order in which they are published. Reads descriptors and file sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.contracts.sources import SourceError, resolve
from gateway.document import Finding
from gateway.product import FileSource, Product


@dataclass(frozen=True)
class Declared:
    """One product as its folder declares it; `size_bytes` is that of the files that feed it."""

    folder: Path
    product: Product
    size_bytes: int

    @property
    def needs(self) -> frozenset[str]:
        """The products that its models read."""
        return frozenset(one.product for one in self.product.inputs if one.product is not None)


@dataclass(frozen=True)
class Reading:
    """What folders declare: the products that can be read, and every finding about the others by folder."""

    products: tuple[Declared, ...]
    findings: tuple[tuple[Path, Finding], ...]


def folders(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The product folders that `paths` name: a folder of products stands for all of them."""
    found: list[Path] = []
    for path in paths:
        inner = sorted({file.parent for file in path.glob("*/*.odps.yaml")}) if path.is_dir() else []
        found += inner if inner and not any(path.glob("*.odps.yaml")) else [path.parent if path.is_file() else path]
    return tuple(dict.fromkeys(found))


def read(paths: Sequence[Path], environment: str | None = None) -> Reading:
    """Load every folder as in `environment`; one that is wrong does not hide the next one's findings."""
    products: list[Declared] = []
    findings: list[tuple[Path, Finding]] = []
    for folder in paths:
        try:
            product = contract.load(folder, environment)
            products.append(Declared(folder, product, _size(product, folder)))
        except ContractError as error:
            findings += [(folder, finding) for finding in error.findings]
    return Reading(tuple(products), tuple(findings))


def in_order(products: Sequence[Declared]) -> tuple[Declared, ...]:
    """Small products first, and each after those that it needs; a circle keeps the order of size."""
    waiting = sorted(products, key=lambda one: (one.size_bytes, one.product.name))
    ordered: list[Declared] = []
    while waiting:
        names = {one.product.name for one in waiting}
        ready = next((one for one in waiting if not one.needs & (names - {one.product.name})), waiting[0])
        waiting.remove(ready)
        ordered.append(ready)
    return tuple(ordered)


def _size(product: Product, folder: Path) -> int:
    files = [source for _, source in product.sources]
    files += [source for one in product.inputs for _, source in one.files]
    return sum(_bytes(source, folder) for source in files)


def _bytes(source: FileSource, folder: Path) -> int:
    try:
        return resolve(source, folder).stat().st_size
    except (SourceError, OSError):
        return 0  # publication names the missing file better than a sorting order could
