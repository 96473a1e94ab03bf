"""Superset's own commands, each an argument, one after the other in one process: it takes seconds to start."""

import sys

from flask.cli import ScriptInfo
from superset.app import create_app
from superset.cli.main import superset

started = ScriptInfo(create_app=create_app)
for command in sys.argv[1:]:
    superset.main(command.split(), standalone_mode=False, obj=started)
