"""Whether the server would accept a `result_url`, decided on the strict side of the known rules."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, quote, urlsplit

MAX_CHARACTERS = 2_000
_MAX_ENCODED = 2_083
"""Bytes once everything beyond ASCII is percent-encoded: the core's limit, on its longest reading."""

_ASCII = "".join(map(chr, range(0x80)))
_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f]")
_HOST = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def is_acceptable(url: str) -> bool:
    """True when `url` is http(s), has a host that parses, and is short enough for both known servers."""
    if len(url) > MAX_CHARACTERS or _CONTROL_OR_SPACE.search(url):
        return False
    try:
        parts = urlsplit(url)
        return (
            len(quote(url, safe=_ASCII)) <= _MAX_ENCODED
            and parts.scheme in {"http", "https"}
            and parts.port != 0  # reading it raises ValueError for what is no port
            and _has_host(parts)
        )
    except ValueError:  # UnicodeError among them: lone surrogates, labels that are no IDNA
        return False


def _has_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        return ipaddress.IPv6Address(host).scope_id is None
    ascii_host = host.encode("idna").decode("ascii")
    if not _HOST.fullmatch(ascii_host) or "\\" in parts.netloc:
        return False
    labels = ascii_host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):  # such a host is an IPv4 address or nothing
        ipaddress.IPv4Address(".".join(labels))
    return all(label.encode("ascii").decode("idna") for label in labels)
