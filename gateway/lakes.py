"""A Delta table within the product's folder: its log read in Python, to the Parquet files of one version.

Reads the log only. What plain Parquet files do not tell is refused: deletion vectors, mapped columns, other readers'
features.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

# Features of a reader that change nothing about what the files hold.
_HARMLESS = {"timestampNtz", "vacuumProtocolCheck", "v2Checkpoint"}


class LakeError(Exception):
    """A table that is not read here; the message is for the product's owner."""


def delta(folder: Path) -> tuple[str, tuple[Path, ...]]:
    """The newest version of the table in `folder`, and its files. Raises LakeError."""
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError
    except ImportError as error:
        raise LakeError("Delta tables need the package deltalake: pip install 'outport[lake]'") from error
    try:
        table = DeltaTable(str(folder))
        features = set(table.protocol().reader_features or ()) - _HARMLESS
        mapped = table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none"
        if "deletionVectors" in features and not table.deletion_vectors().read_all().num_rows:
            features.discard("deletionVectors")
        version, uris = table.version(), sorted(table.file_uris())
    except (DeltaError, OSError, ValueError) as error:
        raise LakeError("this is no Delta table that can be read") from error
    if features or mapped:
        told = ", ".join(sorted(features | ({"columnMapping"} if mapped else set())))
        raise LakeError(f"the table has what its files do not tell ({told}): rewrite it without, or compact it")
    return str(version), tuple(_inside(uri, folder) for uri in uris)


def _inside(uri: str, folder: Path) -> Path:
    path = Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise LakeError("a file of the table is not there, or lies outside of its folder")
    return path
