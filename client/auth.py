"""The calls about the key itself."""

from __future__ import annotations

import re
from typing import Any

from .answers import Answer
from .transport import Transport

_KEY = re.compile(r"[!-~]+")


class Auth:
    """`/v1/auth` as somebody who has a key. Every call raises CueAPIError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def me(self) -> dict[str, Any]:
        """Whose key it is: `{"email", "plan", …}`. A server may not know the call (NotFound)."""
        return self._transport.call("GET", "/v1/auth/me").json_object()

    def key(self) -> str:
        """The API key of a login's session; the "key" of this client is then the session's token."""
        return key_in(self._transport.call("GET", "/v1/auth/key"))

    def regenerate_key(self) -> str:
        """A new key; the one of this client is dead at once, whether the answer arrives or not."""
        confirmation = {"X-Confirm-Destructive": "true"}
        return key_in(self._transport.call("POST", "/v1/auth/key/regenerate", headers=confirmation))


def key_in(answer: Answer) -> str:
    """The key that an answer carries; raises MalformedAnswer."""
    key = answer.json_object().get("api_key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise answer.malformed("it holds no api_key that could be sent")
    return key
