"""What a Superset of the tests is configured with: all that it keeps is in the folder that HOME names."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

SECRET_KEY = "only tests of this machine connect to it"
SQLALCHEMY_DATABASE_URI = f"sqlite:///{Path(os.environ['HOME']) / 'superset.db'}?check_same_thread=false"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False


def DB_CONNECTION_MUTATOR(uri: Any, params: Any, username: str, *_: object) -> tuple[Any, Any]:
    """A database that several persons share: each connection asks on behalf of who has signed in to Superset."""
    if uri.username == "bi":
        params["connect_args"] = {**params.get("connect_args", {}), "options": f"-c role={username}"}
    return uri, params


@event.listens_for(Engine, "connect")
def _hurried(connection: Any, _record: object) -> None:
    """Its own tables may be lost with the machine: its migrations take half as long."""
    if type(connection).__module__.startswith("sqlite3"):
        connection.execute("PRAGMA synchronous = OFF")
