"""Who types the operator's commands, for the audit. Asks the operating system only."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress


def name() -> str:
    """The account that asks, and who signed in at the terminal where that is another."""
    try:
        account = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        account = f"uid {os.getuid()}"
    with suppress(OSError):
        signed_in = os.getlogin()
        return account if signed_in == account else f"{signed_in} as {account}"
    return account
