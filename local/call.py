"""One request and its answer, on bare ASGI."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope

from .errors import Refused, bad_request, unprocessable
from .validate import Fields

BODY_LIMIT = 1_048_576
"""Bytes, protocol: 413 above."""
_DRAIN_LIMIT = 8 * BODY_LIMIT
"""An over-long body is read up to here, so that its sender gets to see the 413 instead of a reset."""
_HANG_UP = {"Connection": "close"}
"""For an answer after which the rest of the body is not waited for."""
_SUSPECT = re.compile(rb"\\u|NaN|Infinity|\xed|\d[eE]\+?\d{3}")
"""Bytes without which a body can hold no NUL, no lone surrogate and no non-finite number."""


_TOO_SLOW = "the body took too long"


class ClientGone(Exception):
    """The client hung up; there is nobody to answer."""


@dataclass(frozen=True)
class Answer:
    """A success. `content` None is an empty body."""

    content: Mapping[str, Any] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Caller:
    """What a request came with."""

    token: str = field(repr=False)
    digest: str
    session: bool
    """Whether the token is a person's session instead of an API key."""


NOBODY = Caller(token="", digest="", session=False)


class Call:
    """A request on its way to a handler."""

    def __init__(self, scope: Scope, receive: Receive, *, now: float) -> None:
        self._scope = scope
        self._receive = receive
        self.now = now
        """Epoch seconds."""
        self.account = 0
        """Whose key it came with; 0 on the endpoints that need none."""
        self.caller = NOBODY
        self.requests_used = 0
        """How much of the key's window is used."""
        self.raw = b""

    @cached_property
    def headers(self) -> dict[bytes, bytes]:
        """Header values by lower-case name; the last one wins."""
        return dict(self._scope["headers"])

    @property
    def worker(self) -> str | None:
        """The `X-Worker-Id` header, if there is one."""
        return self.headers.get(b"x-worker-id", b"").decode("latin-1") or None

    def path(self, name: str) -> str:
        """A parameter of the path."""
        return str(self._scope["path_params"][name])

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's parameters; the last one wins, empty ones are kept."""
        return dict(parse_qsl(self._scope["query_string"].decode("latin-1"), keep_blank_values=True))

    def page(self, limit: int, *, names: tuple[str, str] = ("limit", "offset")) -> tuple[int, int]:
        """The query's limit (1..100) and offset. Raises Refused 422."""
        fields = Fields(
            {name: _whole(self.query[name]) for name in names if name in self.query}, place="query"
        )
        wanted = fields.integer(names[0], least=1, most=100)
        offset = fields.integer(names[1], least=0, most=2**53)
        fields.finish()
        return limit if wanted is None else wanted, offset or 0

    async def read_body(self, *, within: float) -> None:
        """Reads the body into `raw`. Raises Refused 413; 408 when it takes longer than `within` (seconds);
        ClientGone."""
        if b"content-length" not in self.headers and b"transfer-encoding" not in self.headers:
            return
        task = asyncio.current_task()
        assert task is not None
        # By hand: most bodies are there already, and `asyncio.timeout` costs as much as reading them.
        timer = asyncio.get_running_loop().call_later(within, task.cancel, _TOO_SLOW)
        try:
            await self._read_body()
        except asyncio.CancelledError as error:
            if error.args != (_TOO_SLOW,):
                raise
            task.uncancel()
            raise Refused(
                408, "request_timeout", f"The body took longer than {within:g} s", headers=_HANG_UP
            ) from error
        finally:
            timer.cancel()

    async def _read_body(self) -> None:
        chunks: list[bytes] = []
        size = 0
        while True:
            message: Message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= BODY_LIMIT:
                chunks.append(chunk)
            if not message.get("more_body", False) or size > _DRAIN_LIMIT:
                break
        if size > BODY_LIMIT:
            endless = _HANG_UP if size > _DRAIN_LIMIT else None
            raise Refused(413, "request_too_large", f"The body exceeds {BODY_LIMIT} bytes", headers=endless)
        self.raw = b"".join(chunks)

    @cached_property
    def body(self) -> dict[str, Any]:
        """The body's JSON object. Raises Refused 400 `invalid_json`; 422 when it is no object."""
        try:
            value = json.loads(self.raw)
        except (ValueError, RecursionError) as error:
            raise bad_request("invalid_json", "The body is not valid JSON") from error
        if not isinstance(value, dict):
            raise unprocessable([("body", "The body must be a JSON object")])
        return value

    @property
    def optional_body(self) -> dict[str, Any]:
        """The body's JSON object; an empty body or null is an empty object."""
        return {} if self.raw.strip() in (b"", b"null") else self.body

    @cached_property
    def unstorable(self) -> bool:
        """Whether the body holds a NUL, a lone surrogate or a non-finite number: the service's database
        refuses these, and the service answers 500."""
        return bool(_SUSPECT.search(self.raw)) and unstorable(self.body)

    async def hung_up(self) -> None:
        """Returns when the client has hung up."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return


def _whole(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def holds_nul(value: Any) -> bool:
    """Whether a string somewhere in the JSON value holds a NUL."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(holds_nul(key) or holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(holds_nul(item) for item in value)


def unstorable(value: Any) -> bool:
    """Whether the JSON value holds a NUL, a lone surrogate or a non-finite number."""
    if isinstance(value, str):
        return "\0" in value or any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(unstorable(key) or unstorable(item) for key, item in value.items())
    return isinstance(value, list) and any(unstorable(item) for item in value)
