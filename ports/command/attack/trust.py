"""TLS as a client of the doors needs it: whom it trusts, and its own certificate where the doors ask for one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ports.command.attack.reply import CannotConnect
from ports.command.doors import Reach


@dataclass(frozen=True)
class Files:
    """The files of a door's TLS; none where it has none."""

    secure: bool
    ca: Path | None
    cert: Path | None
    key: Path | None

    def context(self) -> ssl.SSLContext | None:
        """For sockets; None in the clear."""
        if not self.secure:
            return None
        made = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        if self.cert is not None:
            made.load_cert_chain(self.cert, self.key)
        return made

    def of_flight(self) -> dict[str, Any]:
        """For pyarrow's client."""
        found: dict[str, Any] = {}
        if self.secure and self.ca is not None:
            found["tls_root_certs"] = self.ca.read_bytes()
        if self.secure and self.cert is not None and self.key is not None:
            found |= {"cert_chain": self.cert.read_bytes(), "private_key": self.key.read_bytes()}
        return found


def files(at: Reach, ca: Path | None, cert: Path | None, key: Path | None) -> Files:
    """The files for a door; `ca` stands in place of whom it is known to be trusted by.

    Raises CannotConnect where it asks for a certificate that is not given.
    """
    if at.trust is None:
        return Files(False, None, None, None)
    if at.trust.mutual and (cert is None or key is None):
        raise CannotConnect("the doors ask for a client's certificate: give --cert and --key")
    return Files(True, ca or at.trust.ca, cert, key)
