"""Where tickets can be redeemed: at every process that serves, since a ticket holds all that it needs. Pure."""

from __future__ import annotations

import ipaddress

from gateway import Gateway, Tls


def every(gateway: Gateway, tls: Tls | None) -> tuple[str, ...]:
    """The locations of all processes, this one's first; none where the client has the only one that it can reach.

    gRPC shares no listening socket, so that each process has a port of its own. An address that stands for every one of
    this machine's is none that a client could use.
    """
    siblings, host = gateway.siblings, gateway.settings.host
    ports = siblings.own_ports.get("flight", ())
    if siblings.count == 1 or not ports or _wildcard(host):
        return ()
    turned = (*ports[siblings.index :], *ports[: siblings.index])
    return tuple(written(host, port, tls) for port in turned)


def written(host: str, port: int, tls: Tls | None) -> str:
    """A location as gRPC takes it."""
    scheme = "grpc" if tls is None else "grpc+tls"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
