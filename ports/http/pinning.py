"""Which snapshots a request names: ids in its header, and wherever else a door lets them stand. Pure."""

from __future__ import annotations

from starlette.datastructures import Headers

from gateway import BadQuery

SNAPSHOT_HEADER = "x-outport-snapshot"
SNAPSHOT_LIMIT = 100


def snapshot_ids(text: str) -> tuple[str, ...]:
    """The ids of one or several snapshots, separated by commas. Raises BadQuery (value)."""
    ids = tuple(part.strip() for part in text.split(","))
    if not all(ids) or len(ids) > SNAPSHOT_LIMIT:
        raise BadQuery(
            f"snapshot takes ids of snapshots, separated by commas, at most {SNAPSHOT_LIMIT}",
            reason="value",
            hint="every answer names its own in X-Outport-Products: ;snapshot=<id>",
        )
    return ids


def snapshots(headers: Headers, *texts: str) -> tuple[str, ...]:
    """The ids that `texts` and then the header name, each once. Raises BadQuery (value)."""
    given = [*texts, *headers.getlist(SNAPSHOT_HEADER)]
    return tuple(dict.fromkeys(one for text in given for one in snapshot_ids(text)))
