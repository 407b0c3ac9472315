"""Which names the dashboard answers to: a page on another name may be DNS rebinding, by which a web site reads
what only this machine should. Pure.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_ours(header: str, *, listened: str, reached: str) -> bool:
    """Whether a request with this Host header was meant for us.

    It was when the host is a loopback name or address, the host that the server was told to listen on, or the
    address at which the connection `reached` us: an address cannot be rebound, only a name can.
    """
    host = _host_of(header)
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost") or host == listened.lower().strip("[]"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or str(address) == reached.partition("%")[0]


def same_origin(origin: str, host_header: str) -> bool:
    """Whether the Origin header of a form names the page that we serve under this Host header."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host_header.lower()


def _host_of(header: str) -> str | None:
    try:
        return urlsplit("//" + header).hostname
    except ValueError:
        return None
