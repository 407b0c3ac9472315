"""Who sends a request: an API key, or the session of a person who logged in."""

from __future__ import annotations

from .call import Call, Caller
from .errors import Refused
from .keys import digest
from .site import Site

_ENDED = {
    "rotated": ("key_rotated", "This API key has been rotated. Use your new key."),
    "revoked": ("key_revoked", "This API key has been revoked."),
}


def authenticate(site: Site, call: Call) -> tuple[int, Caller]:
    """The account and what the request came with. Raises Refused 401, with the protocol's code for why."""
    scheme, _, rest = call.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else ""
    hashed = digest(token)
    if (account := site.keys.use(hashed, now=call.now)) is not None:
        return account, Caller(token, hashed, session=False)
    if ended := site.keys.ended(hashed):
        raise key_ended(ended)
    if (account := site.sessions.account_of(token, now=call.now)) is not None:
        return account, Caller(token, hashed, session=True)
    raise Refused(401, "invalid_api_key", "Invalid API key")


def key_ended(how: str) -> Refused:
    """The 401 for a key that was `revoked` or `rotated`."""
    return Refused(401, *_ENDED[how])
