"""Where a table's file is: ODCS servers to FileSource, and FileSource to a path that cannot leave its root.

Looks at file names only; opens nothing, imports no package, fetches nothing.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path as FilePath
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import quote

from gateway.contracts import input_secrets
from gateway.contracts.odcs import DataContract, Server
from gateway.document import Path, Report, show
from gateway.product import DatabaseSource, Feed, FileSource, LakeSource, PushSource

FORMATS: dict[str, Literal["parquet", "csv", "json"]] = {"parquet": "parquet", "csv": "csv", "json": "json"}
PLACEHOLDER = "{model}"
LAKES: dict[str, Literal["delta", "iceberg"]] = {"delta": "delta", "iceberg": "iceberg"}
METADATA = ".metadata.json"
PUSH = "push"
ADBC = "adbc"
POSTGRES = "adbc_driver_postgresql"
# What these read is a file of this machine.
_EMBEDDED = frozenset({"adbc_driver_duckdb", "adbc_driver_sqlite"})
_DRIVER = re.compile(r"adbc_driver_[a-z0-9_]{1,40}")
_CONNECT_S = 30
_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SourceError(Exception):
    """A file that is absent, or lies outside its root; the message is for the product's owner."""


def sources(contract: DataContract, file: str, report: Report) -> dict[str, FileSource]:
    """Table -> its file, for every schema object that a `local` server feeds.

    A server feeds the table of its own name, the only table of the contract, or every table where its path holds
    `{model}`.
    """
    found: dict[str, FileSource] = {}
    local = [
        (index, server)
        for index, server in enumerate(contract.servers)
        if server.type == "local" and not _is_lake(server)
    ]
    tables = [schema.name for schema in contract.tables]
    for index, server in local:
        named = server.server in tables
        if named:
            fed = [server.server]
        elif PLACEHOLDER in server.key("path") or len(tables) == 1:
            fed = tables
        else:
            remedy = f"name the server as the table that it feeds, or write {PLACEHOLDER} in its path"
            report.error(file, ("servers", index), f"the server {server.server} feeds no table", remedy)
            continue
        for table in fed:
            source = _source(server, table, file, ("servers", index), report)
            if source is not None and (named or table not in found):
                found[table] = source
    return found


def feeds(contract: DataContract, file: str, report: Report) -> dict[str, Feed]:
    """Table -> how its rows come, for every schema object that no file feeds: pushed, or of another database.

    A server feeds the table of its own name, or every table of the contract that no other one names.
    """
    found: dict[str, Feed] = {}
    names = {schema.name: schema.physicalName or schema.name for schema in contract.tables}
    for index, server in enumerate(contract.servers):
        for table in [server.server] if server.server in names else names:
            feed = _feed(server, names[table], file, ("servers", index), report)
            if feed is not None and (server.server == table or table not in found):
                found[table] = feed
    return found


def _feed(server: Server, table: str, file: str, path: Path, report: Report) -> Feed | None:
    where = f"{file} {show(path)}"
    if _is_lake(server):
        location = server.key("path").replace(PLACEHOLDER, table)
        if not _is_inside(location):
            remedy = "a folder within the product's, without .. and without wildcards"
            report.error(file, (*path, "path"), f"the path {location} may not be read", remedy)
            return None
        return LakeSource(location, LAKES[server.key("format").lower()])
    if server.type in {"postgres", "postgresql"}:
        login = ":".join(_part(server.custom(name)) for name in ("user", "password") if server.custom(name))
        port, timeout = server.key("port"), f"connect_timeout={_CONNECT_S}"
        uri = f"postgresql://{login}{'@' if login else ''}{server.key('host')}:{port}/{_part(server.key('database'))}"
        return DatabaseSource(POSTGRES, f"{uri}?{timeout}", "", server.key("schema"), table, where)
    mode, adbc = server.custom(PUSH), server.custom(ADBC)
    if server.type != "custom" or (mode is None and adbc is None):
        return None
    if adbc is None:
        if mode in {"append", "upsert"}:
            return PushSource(mode)
        report.error(file, (*path, "customProperties"), f"push {mode} is unknown", "append or upsert")
        return None
    remedy = "{driver: adbc_driver_NAME, uri: ...}, or file: ... within the product's folder, and schema: ..."
    told = adbc if isinstance(adbc, dict) and all(isinstance(one, str) for one in adbc.values()) else {}
    driver, embedded = told.get("driver", ""), told.get("file", "")
    if (
        not _DRIVER.fullmatch(driver)
        or set(told) - {"driver", "uri", "file", "schema"}
        or ("uri" in told) == bool(embedded)
    ):
        report.error(file, (*path, "customProperties"), "adbc names no source", remedy)
        return None
    if (embedded and not _is_inside(embedded)) or (not embedded and driver in _EMBEDDED):
        report.error(file, (*path, "customProperties"), "the file may not be read", remedy)
        return None
    return DatabaseSource(driver, told.get("uri", ""), embedded, told.get("schema", ""), table, where)


def _is_lake(server: Server) -> bool:
    return server.type == "local" and server.key("format").lower() in LAKES


def _part(text: Any) -> str:
    """A part of an URI, quoted but for what refers to a secret."""
    whole = str(text)
    return whole if input_secrets.named(whole) == (whole[9:-1],) else quote(whole, safe="")


def _source(server: Server, table: str, file: str, path: Path, report: Report) -> FileSource | None:
    package = server.custom("package")
    location = server.key("path").replace(PLACEHOLDER, table)
    kind = FORMATS.get(server.key("format").lower())
    if kind is None:
        formats = ", ".join([*FORMATS, *LAKES])
        report.error(
            file, (*path, "format"), f"the format {server.key('format')} is not read here", f"one of {formats}"
        )
    if package is not None and not (isinstance(package, str) and _PACKAGE.fullmatch(package)):
        report.error(file, (*path, "customProperties"), "package is no package name", "an importable top-level name")
        return None
    if not _is_inside(location):
        remedy = "a path relative to the product's folder, without .. and without wildcards"
        if package:
            remedy = f"a path relative to the package {package}, without .. and without wildcards"
        report.error(file, (*path, "path"), f"the path {location} may not be read", remedy)
        return None
    return FileSource(location, kind, package) if kind else None


def _is_inside(location: str) -> bool:
    path = PurePosixPath(location)
    odd = re.search(r"[\x00-\x1f\\:*?\[\]{}~]", location)
    return bool(location) and not odd and not path.is_absolute() and ".." not in path.parts


def resolve(source: FileSource, folder: FilePath) -> FilePath:
    """The existing file of `source`, symbolic links followed. Raises SourceError if absent or outside its root."""
    root = folder if source.package is None else _package_root(source.package)
    root = root.resolve()
    path = (root / source.path).resolve()
    if not _is_inside(source.path) or not path.is_relative_to(root):
        raise SourceError(f"the file {source.path} lies outside of its folder")
    if not path.is_file():
        raise SourceError(f"the file {source.path} does not exist")
    return path


def resolve_folder(path: str, folder: FilePath) -> FilePath:
    """The existing folder at `path` within `folder`. Raises SourceError."""
    root, found = folder.resolve(), (folder / path).resolve()
    if not _is_inside(path) or not found.is_relative_to(root) or not found.is_dir():
        raise SourceError(f"the folder {path} does not exist, or lies outside of the product's")
    return found


def resolve_lake(source: LakeSource, folder: FilePath) -> tuple[FilePath, FilePath | None]:
    """The existing folder of a lake's table, and its metadata file where the source names one. Raises SourceError."""
    if source.format != "iceberg" or not source.path.endswith(METADATA):
        return resolve_folder(source.path, folder), None
    home = PurePosixPath(source.path).parent.parent
    return resolve_folder(str(home), folder), resolve(FileSource(source.path, "json", None), folder)


def _package_root(package: str) -> FilePath:
    spec = importlib.util.find_spec(package) if _PACKAGE.fullmatch(package) else None
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(f"the Python package {package} is not installed")
    return FilePath(next(iter(spec.submodule_search_locations)))
