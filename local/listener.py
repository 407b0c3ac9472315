"""The listening socket, and the URL that leads to it."""

from __future__ import annotations

import ipaddress
import socket


class OpenToOthers(Exception):
    """The server would be reachable from other machines without having been told who may come in."""


def listen(host: str, port: int, *, to_others: bool = False) -> socket.socket:
    """A listening TCP socket; port 0 picks a free one. `to_others` allows an address that other machines reach.

    Raises OpenToOthers; OSError (address in use, no such host).
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    if not to_others and not _is_loopback(str(address[0])):
        raise OpenToOthers(
            f"{host} can be reached from other machines. To allow that, give the key that they shall use with"
            " --api-key KEY; to stay on this machine, use --host 127.0.0.1"
        )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL for a client on this machine; a wildcard address is reached over loopback."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach the socket."""
    return _is_loopback(listener.getsockname()[0])


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
