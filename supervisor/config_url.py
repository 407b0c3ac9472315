"""The server's address: checked once, in the one form the rest of the code uses."""

from __future__ import annotations

import ipaddress
import urllib.parse


def normalize_api_base(text: str) -> str:
    """The base URL without a trailing slash or `/v1` (the credentials file's holds it).

    Raises ValueError with the reason; the reason never repeats the URL, which might hold a password.
    """
    try:
        url = urllib.parse.urlsplit(text.strip())
        _ = url.port
    except ValueError:  # its text may repeat the URL
        raise ValueError("is not a valid URL") from None
    if url.scheme not in ("http", "https"):
        raise ValueError("must begin with https:// or http://")
    if not url.hostname or any(
        character.isspace() or not character.isprintable() for character in url.geturl()
    ):
        raise ValueError("must be a URL with a host, such as https://api.cueapi.ai")
    if url.username is not None or url.password is not None:
        raise ValueError("must not hold a user name or a password; the key belongs into api_key")
    if url.query or url.fragment:
        raise ValueError("must not have a query or a fragment")
    path = url.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{url.scheme}://{url.netloc}{path}"


def sends_key_in_clear(api_base: str) -> bool:
    """Whether the key would cross a network unencrypted: plain HTTP to anything but this machine."""
    url = urllib.parse.urlsplit(api_base)
    if url.scheme == "https":
        return False
    host = url.hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
