"""How a client reaches a door, and what it needs for TLS there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway import Bearer, Password

Address = tuple[str, int]
Login = Password | Bearer


@dataclass(frozen=True)
class Trust:
    """What a client needs for TLS: the file of whom it trusts (None: its system's), and a certificate if asked for."""

    ca: Path | None
    mutual: bool


@dataclass(frozen=True)
class Reach:
    """How a client reaches a door; without `trust` nothing is encrypted."""

    address: Address
    trust: Trust | None = None

    def url(self, plain: str, secure: str) -> str:
        """`scheme://host:port`, an IPv6 address in brackets; `plain` or `secure` is the scheme."""
        scheme = plain if self.trust is None else secure
        host, number = self.address
        return f"{scheme}://[{host}]:{number}" if ":" in host else f"{scheme}://{host}:{number}"

    @property
    def http(self) -> str:
        """Its base URL as a web door."""
        return self.url("http", "https")

    @property
    def flight(self) -> str:
        """Its location as a Flight door."""
        return self.url("grpc", "grpc+tls")
