"""Where the doors of the running server are: one small file in the state. Touches that file and name look-up only."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.settings import Settings, SettingsError

Address = tuple[str, int]


@dataclass(frozen=True)
class Doors:
    """The address of each open door by the name of its port, and the process that holds them."""

    pid: int
    addresses: Mapping[str, Address]


def note(settings: Settings, addresses: Mapping[str, Address]) -> None:
    """Write down where this process listens."""
    draft = _file(settings).with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({"pid": os.getpid(), "addresses": addresses}), encoding="utf-8")
    draft.replace(_file(settings))


def forget(settings: Settings) -> None:
    """Remove the note, if it is this process's."""
    if (running := noted(settings)) is not None and running.pid == os.getpid():
        _file(settings).unlink(missing_ok=True)


def noted(settings: Settings) -> Doors | None:
    """What a server wrote down, if that process still lives."""
    try:
        body = json.loads(_file(settings).read_text(encoding="utf-8"))
        found = Doors(int(body["pid"]), {name: (str(a[0]), int(a[1])) for name, a in body["addresses"].items()})
        os.kill(found.pid, 0)
    except PermissionError:
        return found  # the process lives, under another uid
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
    return found


def address(settings: Settings, port: str) -> Address:
    """Where a client reaches `port`: the running server's address, else the settings'."""
    running = noted(settings)
    if running is not None and port in running.addresses:
        host, number = running.addresses[port]
    else:
        host, number = settings.host, settings.http_port if port == "http" else settings.flight_port
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), number  # noqa: S104


def url(scheme: str, at: Address) -> str:
    """`scheme://host:port`, an IPv6 address in brackets."""
    return f"{scheme}://[{at[0]}]:{at[1]}" if ":" in at[0] else f"{scheme}://{at[0]}:{at[1]}"


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
