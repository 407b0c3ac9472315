"""What can go wrong between the pool and the server, named after what happened.

    CueAPIError
     ├─ RefusedByServer       an HTTP status of 300 or more: the server answered, and the answer is no
     │    ├─ Redirected         3xx  never followed: a POST turned into a GET would lie
     │    ├─ BadRequest         400  the request will never pass as it is
     │    ├─ Unauthorized       401  the key is bad now; it may be replaced
     │    ├─ Forbidden          403  on a heartbeat: the lease belongs to somebody else
     │    ├─ NotFound           404  gone
     │    ├─ Conflict           409  the state says no
     │    ├─ TooLarge           413  the body is over the server's limit
     │    ├─ Unprocessable      422  a field breaks its schema
     │    ├─ RateLimited        429  wait `retry_after` seconds
     │    └─ ServerError        5xx  it may have been acted on
     ├─ ServerUnreachable     nothing was sent (name lookup, refused, connect timeout, TLS certificate)
     ├─ AnswerLost            the request was sent, the answer did not arrive: it may have been acted on
     ├─ MalformedAnswer       a 2xx that does not parse or lacks what it must say: it may have been acted on
     ├─ BudgetExhausted       not sent: the request budget says wait `retry_after` seconds
     └─ LoginEnded            a device-code login that brings no key any more

Callers settle every error whose `may_have_been_acted_on` is true before they trust the state of an execution
(promise 1). No message, repr or traceback of these carries the API key.
"""

from __future__ import annotations

from typing import Any, ClassVar


class CueAPIError(Exception):
    """Any failure of a call to the server."""

    may_have_been_acted_on: ClassVar[bool] = False
    """True when the server may have done what was asked although the call failed."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait before the next try, where the server or the budget named a time."""


class RefusedByServer(CueAPIError):
    """The server answered with an HTTP status of 300 or more. Branch on the class or on `status`.

    `code` is the envelope's code, or `http_<status>` where the answer has none (a proxy's HTML page); codes
    differ between the servers, statuses do not (PROTOCOL, "Errors").
    """

    advice: ClassVar[str] = ""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[dict[str, Any]] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        text = f"{status} {code}: {message}"
        if self.advice:
            text += f" ({self.advice})"
        super().__init__(text, retry_after=retry_after)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or []
        """The server's list of `{"field", "message"}`, empty where it gave none."""
        self.request_id = request_id
        """The answer's `X-Request-Id`, to quote to the server's operator."""


class Redirected(RefusedByServer):
    """3xx: set `base_url` to where the server points."""

    advice = "redirects are not followed: set the API base URL to the server's real address"


class BadRequest(RefusedByServer):
    """400: the request will never pass as it is."""

    advice = "the same request will be refused again: change it"


class Unauthorized(RefusedByServer):
    """401: the key is bad now; it may be replaced on disk or by login."""

    advice = "check the API key: `api_key:` in the config, then CUEAPI_API_KEY, then the credentials file"


class Forbidden(RefusedByServer):
    """403: on an execution's heartbeat the lease belongs to somebody else; on a new cue the plan is full."""


class NotFound(RefusedByServer):
    """404: no such thing under this key; a deleted cue takes its executions with it."""


class Conflict(RefusedByServer):
    """409: the state says no (already claimed, already recorded, not claimed, a name in use)."""


class TooLarge(RefusedByServer):
    """413: the body is over the server's limit (1,048,576 bytes)."""

    advice = "send less: the server takes at most 1,048,576 bytes"


class Unprocessable(RefusedByServer):
    """422: a field breaks its schema; `details` names it."""

    advice = "change the field that the message names"


class RateLimited(RefusedByServer):
    """429: over the key's rate limit; nothing was done."""

    advice = "wait before the next request"


class ServerError(RefusedByServer):
    """5xx, from the server or from a proxy before it: it may have been acted on."""

    may_have_been_acted_on = True
    advice = "the server or a proxy before it failed: try again later"


class ServerUnreachable(CueAPIError):
    """Nothing was sent: the name did not resolve, the connection was refused or timed out, TLS failed."""


class AnswerLost(CueAPIError):
    """The request was sent and no whole answer came back (reset, read timeout, cut)."""

    may_have_been_acted_on = True


class MalformedAnswer(CueAPIError):
    """The answer's status is 2xx but its body does not parse or lacks what it must say.

    A cut header block, too, reads as a 200 with an empty body: an answer that does not parse is an error,
    never a success.
    """

    may_have_been_acted_on = True


class BudgetExhausted(CueAPIError):
    """Nothing was sent: the pool's request budget has no room at this priority (promise 5)."""

    retry_after: float

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            f"the request budget has no room: try again in {retry_after:.1f} s", retry_after=retry_after
        )


_BY_STATUS: dict[int, type[RefusedByServer]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Unprocessable,
    429: RateLimited,
}


def refusal_class(status: int) -> type[RefusedByServer]:
    """The class for an HTTP status of 300 or more; other 4xx are plain `RefusedByServer`."""
    if status < 400:
        return Redirected
    if status >= 500:
        return ServerError
    return _BY_STATUS.get(status, RefusedByServer)


class LoginEnded(CueAPIError):
    """A device-code login brings no key any more: expired, turned down, given up, or its key is somebody else's."""
