"""Every way the server says no, and the envelope it says it in.

Exception
 ├─ Refused            an answer with a status of 400 or more
 └─ AnsweredInternal   the 500 was sent; the connection is to be closed now
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Detail = tuple[str, str]
"""(field such as `body.name`, message)"""


class Refused(Exception):
    """A request that is answered with an error status and the documented envelope."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Detail] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})

    def envelope(self) -> dict[str, Any]:
        """`{"error": {code, message, status[, details]}}`."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = [{"field": field, "message": message} for field, message in self.details]
        return {"error": error}


class AnsweredInternal(Exception):
    """Raised after a 500 was sent: the HTTP server then drops the connection without announcing it,
    as the real service does (the next request on a pooled connection is reset)."""


def bad_request(code: str, message: str) -> Refused:
    """400: the request will never pass as it is."""
    return Refused(400, code, message)


def conflict(code: str, message: str) -> Refused:
    """409: the state says no."""
    return Refused(409, code, message)


def unprocessable(details: Sequence[Detail], *, code: str = "validation_error") -> Refused:
    """422: fields break their schema; the message repeats the first detail."""
    return Refused(422, code, details[0][1], details=details)


def execution_not_found() -> Refused:
    """404, also for an execution of another account."""
    return Refused(404, "execution_not_found", "Execution not found")


def cue_not_found() -> Refused:
    """404, also for a cue of another account."""
    return Refused(404, "cue_not_found", "Cue not found")


def internal_error() -> Refused:
    """500: what the service answers when its database refuses a value."""
    return Refused(500, "internal_error", "An internal error occurred")
