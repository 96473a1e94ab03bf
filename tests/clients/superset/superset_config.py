"""What a Superset of the tests is configured with: all that it keeps is in the folder that HOME names."""

import os
from pathlib import Path

SECRET_KEY = "only tests of this machine connect to it"
SQLALCHEMY_DATABASE_URI = f"sqlite:///{Path(os.environ['HOME']) / 'superset.db'}?check_same_thread=false"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
