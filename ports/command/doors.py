"""Where the doors of the running server are: one small file in the state. Touches that file and name look-up only.

It reads the server's certificate too, to say by which name and authority a client reaches a door.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.access import tls
from gateway.settings import Settings, SettingsError
from ports.http.reach import Address, Reach, Trust

_TLS = ("tls_cert", "tls_ca", "tls_client_ca")
__all__ = ["Address", "Reach", "Trust"]
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@dataclass(frozen=True)
class Doors:
    """The address of each open door by the name of its port, the process that holds them, and its files of TLS."""

    pid: int
    addresses: Mapping[str, Address]
    tls: Mapping[str, Path]


def note(settings: Settings, addresses: Mapping[str, Address]) -> None:
    """Write down where this process listens, and with which certificate."""
    draft = _file(settings).with_suffix(f".{os.getpid()}")
    files = {name: str(path.absolute()) for name, path in _tls_files(settings).items()}
    draft.write_text(json.dumps({"pid": os.getpid(), "addresses": addresses, "tls": files}), encoding="utf-8")
    draft.replace(_file(settings))


def forget(settings: Settings) -> None:
    """Remove the note, if it is this process's."""
    if (running := noted(settings)) is not None and running.pid == os.getpid():
        _file(settings).unlink(missing_ok=True)


def noted(settings: Settings) -> Doors | None:
    """What a server wrote down, if that process still lives."""
    try:
        body = json.loads(_file(settings).read_text(encoding="utf-8"))
        addresses = {name: (str(a[0]), int(a[1])) for name, a in body["addresses"].items()}
        found = Doors(int(body["pid"]), addresses, {name: Path(path) for name, path in body["tls"].items()})
        os.kill(found.pid, 0)
    except PermissionError:
        return found  # the process lives, under another uid
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
    return found


def reach(settings: Settings, port: str) -> Reach:
    """How a client reaches `port`: as the running server noted, else as the settings say. Raises SettingsError."""
    running = noted(settings)
    if running is not None and port in running.addresses:
        (host, number), files = running.addresses[port], running.tls
    else:
        host, number = settings.host, getattr(settings, f"{port}_port")
        files = _tls_files(settings)
    if "tls_cert" not in files:
        return Reach((_ANY.get(host, host), number))
    shown = tls.certificate(files["tls_cert"])
    own = files["tls_cert"] if shown.self_signed else None
    return Reach((_named(host, shown), number), Trust(files.get("tls_ca", own), "tls_client_ca" in files))


def _named(host: str, shown: tls.Certificate) -> str:
    """`host` if the certificate covers it, else its first name, which is how clients are meant to call."""
    if host not in _ANY and shown.covers(host):
        return host
    return next((name for name in shown.names if not name.startswith("*.")), _ANY.get(host, host))


def _tls_files(settings: Settings) -> dict[str, Path]:
    return {name: path for name in _TLS if (path := getattr(settings, name)) is not None}


def address_of(bound: socket.socket) -> Address:
    """Where a socket is bound."""
    host, number = bound.getsockname()[:2]
    return str(host), int(number)


def free(host: str, number: int) -> bool:
    """Whether a door could listen on `host` and `number` now; 0 always can."""
    family, kind, protocol, _, at = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(at)
        except OSError:
            return False
    return True


def beyond_loopback(host: str) -> tuple[str, ...]:
    """The addresses that listening on `host` would open to other machines. Raises SettingsError if it has none."""
    try:
        found = {str(info[4][0]).partition("%")[0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise SettingsError((f"host: {host} is no address of this machine (OUTPORT_HOST)",)) from error
    return tuple(sorted(one for one in found if not _is_loopback(one)))


def _is_loopback(text: str) -> bool:
    parsed = ipaddress.ip_address(text)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _file(settings: Settings) -> Path:
    return settings.state / "doors.json"
