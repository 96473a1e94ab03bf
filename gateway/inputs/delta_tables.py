"""A Delta table: its log read to the Parquet files of its newest version. Reads the log only.

What plain Parquet files do not tell is refused: deletion vectors, mapped columns, other readers' features, partitions
that do not stand in paths.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from gateway.inputs.lakes import LakeError, Listing, inside

# Features of a reader that change nothing about what the files hold.
_HARMLESS = {"timestampNtz", "vacuumProtocolCheck", "v2Checkpoint", "columnMapping", "deletionVectors"}
# These two do where they are used, which is looked at.
_MAPPING, _DELETIONS = "columnMapping", "deletionVectors"


def listing(folder: Path) -> Listing:
    """The newest version of the table in `folder`, and its files. Raises LakeError."""
    try:
        table = DeltaTable(str(folder))
        features = set(table.protocol().reader_features or ()) - _HARMLESS
        metadata = table.metadata()
        if metadata.configuration.get("delta.columnMapping.mode", "none") != "none":
            features.add(_MAPPING)
        # Whatever the table says that it uses: a row that was deleted is never to come back.
        if table.deletion_vectors().read_all().num_rows:
            features.add(_DELETIONS)
        version, uris = table.version(), sorted(table.file_uris())
    except (DeltaError, OSError, ValueError) as error:
        raise LakeError("this is no Delta table that can be read") from error
    if features:
        told = ", ".join(sorted(features))
        raise LakeError(f"the table has what its files do not tell ({told}): rewrite it without, or compact it")
    paths = [inside(_path(uri), folder) for uri in uris]
    by = frozenset(metadata.partition_columns)
    if by and any(_partitions(path) != by for path in paths):
        raise LakeError("the paths of some of the table's files do not tell their partitions: rewrite it")
    return Listing(str(version), tuple(map(str, paths)), partitioned=bool(by))


def _partitions(path: Path) -> frozenset[str]:
    """The columns that a path gives values of, as DuckDB reads it."""
    return frozenset(part.partition("=")[0] for part in path.parts[:-1] if "=" in part)


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)
