"""An Iceberg table: its metadata and manifests read to the Parquet files of one snapshot, columns by their field ids.

Reads within the table's folder only, wherever its metadata say that the table was when it was written. What plain
Parquet files do not tell is refused: delete files, files of other formats. Source: Apache Iceberg, "Table Spec".
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import ResolveError, ValidationError
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestContent, read_manifest_list
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil
from pyiceberg.types import NestedField

from gateway.inputs import iceberg_types
from gateway.inputs.lakes import FILES, LakeColumn, LakeError, Listing, inside

METADATA = "metadata"
HINT = "version-hint.text"
METADATA_JSON = ".metadata.json"
LIMIT_BYTES = 64 << 20
# As catalogs name them, and as tables without a catalog do.
_NUMBERED = re.compile(r"(?:v(?P<plain>\d{1,18})|(?P<named>\d{1,18})-[0-9a-f-]{1,64})(\.gz)?\.metadata\.json")
_HINT = re.compile(r"\d{1,18}|[0-9A-Za-z][0-9A-Za-z._-]{0,199}")
_BROKEN = (OSError, ValueError, KeyError, EOFError, zlib.error)
_FILE = re.compile(r"file:/{0,2}(?=/)")


def listing(folder: Path, metadata: Path | None) -> Listing:
    """The current snapshot by the `metadata` file, else by what the folder says is current. Raises LakeError."""
    try:
        told = _read(inside(_newest(folder) if metadata is None else metadata, folder))
        files = list(_files(told, folder))
        version = "" if told.current_snapshot_id is None else str(told.current_snapshot_id)
        return Listing(version, tuple(str(path) for path, _ in files), _columns(told, files))
    except (*_BROKEN, ValidationError, ResolveError, pa.ArrowException) as error:
        raise LakeError("this is no Iceberg table that can be read") from error


def _newest(folder: Path) -> Path:
    """The metadata file that `version-hint.text` names, else the one of the highest number.

    A number there may be behind: of tables without a catalog each next file that is there is a commit as well.
    Source: Apache Iceberg, HadoopTableOperations.refresh, and pyiceberg, StaticTable.
    """
    hinted = _hinted(folder)
    if hinted and not hinted.isdecimal():
        return folder / METADATA / f"{hinted.removesuffix(METADATA_JSON)}{METADATA_JSON}"
    found: dict[int, list[Path]] = {}
    for path in (folder / METADATA).iterdir():
        match = _NUMBERED.fullmatch(path.name)
        if match is not None:
            found.setdefault(int(match["plain"] or match["named"]), []).append(path)
    if not found:
        raise LakeError(f"the folder {METADATA} of the table holds no metadata file")
    number = max(found)
    if hinted:
        number = int(hinted)
        while number + 1 in found:
            number += 1
        if number not in found:
            raise LakeError(f"{HINT} says {number}, and no metadata file has this number")
    newest = found[number]
    if len(newest) > 1:
        raise LakeError(f"the table has {len(newest)} metadata files of the number {number}: name one as the path")
    return newest[0]


def _hinted(folder: Path) -> str:
    """What is said to be the current metadata, "" where nothing is. Raises LakeError."""
    path = folder / METADATA / HINT
    if not path.exists():
        return ""
    told = _bytes(inside(path, folder)).decode().strip()
    if not _HINT.fullmatch(told):
        raise LakeError(f"{HINT} names no metadata file")
    return told


def _read(path: Path) -> TableMetadata:
    return TableMetadataUtil.parse_raw(_bytes(path).decode())


def _bytes(path: Path) -> bytes:
    with gzip.open(path) if path.name.endswith(".gz.metadata.json") else path.open("rb") as file:
        held = file.read(LIMIT_BYTES + 1)
    if len(held) > LIMIT_BYTES:
        raise LakeError(f"a metadata file of the table is longer than {LIMIT_BYTES >> 20} MB")
    return held


def _files(told: TableMetadata, folder: Path) -> Iterator[tuple[Path, DataFile]]:
    """The data files of the current snapshot. Raises LakeError where they are not all of it."""
    snapshot = told.snapshot_by_id(told.current_snapshot_id) if told.current_snapshot_id is not None else None
    if snapshot is None:
        return
    if not snapshot.manifest_list:
        raise LakeError("the snapshot has no list of its manifests: rewrite the table")
    fence, count = _Fence(told.location, folder), 0
    for manifest in read_manifest_list(fence.new_input(snapshot.manifest_list)):
        for entry in manifest.fetch_manifest_entry(fence):
            one, count = entry.data_file, count + 1
            if manifest.content != ManifestContent.DATA or one.content != DataFileContent.DATA:
                raise LakeError("the table has delete files, whose rows its data files still hold: compact it")
            if one.file_format != FileFormat.PARQUET or one.key_metadata is not None:
                raise LakeError("a file of the table is encrypted, or no Parquet file: rewrite the table")
            if count > FILES:
                raise LakeError(f"the table has more than {FILES} files: compact it")
            yield fence.path(one.file_path), one


def _columns(told: TableMetadata, files: list[tuple[Path, DataFile]]) -> tuple[LakeColumn, ...]:
    """The columns as they are named now, each with what keeps a file's values of it from being read, if anything."""
    schema, specs = told.schema(), told.specs()
    odd = {field.field_id: iceberg_types.unread(field) for field in schema.fields}
    for path, one in files:
        held = iceberg_types.fields(pq.read_schema(path))
        for field in schema.fields:
            odd[field.field_id] = odd[field.field_id] or _odd(field, held, specs[one.spec_id])
    names = Counter(field.name.lower() for field in schema.fields)
    for field in schema.fields:
        if names[field.name.lower()] > 1:
            odd[field.field_id] = "its name differs from another one's by case only"
    return tuple(
        LakeColumn(one.name, iceberg_types.kind(one.field_type) or "", one.field_id, odd[one.field_id])
        for one in schema.fields
    )


def _odd(field: NestedField, held: dict[int, pa.Field], spec: PartitionSpec) -> str:
    """Why a file that holds these fields does not tell the values of the column, "" where it does."""
    if field.field_id in held:
        changed = not iceberg_types.same(field.field_type, held[field.field_id].type)
        return "its parts have changed since some of the files were written" if changed else ""
    partitioned = any(str(one.transform) == "identity" for one in spec.fields_by_source_id(field.field_id))
    if partitioned:
        return "some of the files have it in their partition only"
    # What was added later is NULL in files of before, unless it was given another value for them.
    return "" if field.initial_default is None else "it has a default, which older files do not hold"


class _Held(InputFile):
    """A file that is read whole, and no more of it than is allowed."""

    def __init__(self, location: str, path: Path) -> None:
        super().__init__(location)
        self._path = path

    def __len__(self) -> int:
        return self._path.stat().st_size

    def exists(self) -> bool:
        """It was there when it was looked up."""
        return True

    def open(self, seekable: bool = True) -> InputStream:
        """Its bytes."""
        return cast(InputStream, io.BytesIO(_bytes(self._path)))


class _Fence(FileIO):
    """The table's own folder, under the location that its metadata have for it; nothing else can be opened."""

    def __init__(self, location: str, folder: Path) -> None:
        super().__init__()
        self._location, self._folder = _plain(location).rstrip("/") + "/", folder

    def path(self, location: str) -> Path:
        """The file that metadata name so. Raises LakeError."""
        text = _plain(location)
        if not text.startswith(self._location):
            raise LakeError("a file of the table is not there, or lies outside of its folder")
        return inside(self._folder / text.removeprefix(self._location).lstrip("/"), self._folder)

    def new_input(self, location: str) -> InputFile:
        """A file to read. Raises LakeError."""
        return _Held(location, self.path(location))

    def new_output(self, location: str) -> OutputFile:
        """Nothing is written."""
        raise LakeError("tables are read only")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Nothing is deleted."""
        raise LakeError("tables are read only")


def _plain(location: str) -> str:
    """A location without the spellings of `file:`; other schemes are compared as they are."""
    return _FILE.sub("", location)
