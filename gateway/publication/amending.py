"""An edit of a descriptor that stands only if it is published: of one that was killed before that nothing is left.

Touches <state>/amending.json and the descriptor that it names. Who gets the publication lock undoes what is left there.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gateway.files import durable
from gateway.serving import manifest
from gateway.serving.manifest import ManifestError

NAME = "amending.json"
_log = logging.getLogger("outport.publish")


@dataclass(frozen=True, slots=True)
class Edit:
    """`file` as it was and as it is meant to be, while `snapshot` serves its product."""

    file: str
    before: str
    after: str
    snapshot: str


_FORM = TypeAdapter(Edit)


def begin(state: Path, edit: Edit) -> None:
    """Make the edit, under the publication lock. Raises OSError: then it may be there, and is undone."""
    durable.replace(state / NAME, json.dumps(asdict(edit)).encode())
    _write(Path(edit.file), edit.after)


def end(state: Path) -> None:
    """What was begun is published."""
    with suppress(OSError):  # whoever is next sees that it is
        (state / NAME).unlink(missing_ok=True)


def is_left(state: Path) -> bool:
    """Whether an edit is under way, or was killed."""
    return (state / NAME).exists()


def undone(state: Path) -> bool:
    """Undo an edit that was begun and not published; whether there was one. Raises OSError.

    Only the holder of the publication lock may call it. What somebody has written over it since stays.
    """
    if not is_left(state):
        return False
    found = False
    try:
        edit = _FORM.validate_json((state / NAME).read_bytes())
        served = {one.snapshot for one in manifest.read(state).served}
        file = Path(edit.file)
        found = edit.snapshot in served and file.exists() and file.read_bytes() == edit.after.encode()
        if found:
            _write(file, edit.before)
    except (ValidationError, ManifestError) as error:
        _log.error("it is not known what %s was to change: %s", NAME, type(error).__name__)
    (state / NAME).unlink(missing_ok=True)
    return found


def _write(file: Path, text: str) -> None:
    durable.replace(file, text.encode(), file.stat().st_mode & 0o777)
