"""What the environment says about the way to the server: proxies and CA certificates, read once."""

from __future__ import annotations

import os
from dataclasses import dataclass

import requests.utils

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How to reach one server."""

    proxies: dict[str, str]
    """By scheme, empty for a direct connection."""
    verify: str | bool
    """Path of a CA bundle, or True for the one that comes with `requests`."""


def surroundings(url: str) -> Surroundings:
    """Read HTTP(S)_PROXY, ALL_PROXY, NO_PROXY and the CA variables for `url`.

    `requests` would read them at every call (trust_env), and would take a password for the host from
    ~/.netrc in place of the API key.
    """
    bundle = next((os.environ[name] for name in _CA_VARIABLES if os.environ.get(name)), None)
    return Surroundings(dict(requests.utils.get_environ_proxies(url)), bundle or True)
