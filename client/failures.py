"""What a failed exchange means: was anything sent? Pure but for looking at exceptions."""

from __future__ import annotations

import ssl

import requests
import urllib3.exceptions as below

from .errors import AnswerLost, CueAPIError, ServerUnreachable

_NEVER_A_REQUEST = (
    requests.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidProxyURL,
    below.LocationValueError,
)
_HANDSHAKE_REASONS = {"WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE"}


def may_be_repeated(error: BaseException | None, method: str) -> bool:
    """True where sending the same request once more at once does no harm and may well succeed.

    For a GET: the connection was closed or reset before the first byte of the answer, as it happens to a kept
    one that the server closed while the request was on its way. For any: another thread closed the kept
    connections after a 5xx before this request had taken one.
    """
    if type(error) is not requests.ConnectionError:
        return False
    cause = _below(error)
    if isinstance(cause, below.ClosedPoolError):
        return True
    was_reset = isinstance(cause, below.ProtocolError) and isinstance(cause.args[-1], OSError)
    return was_reset and method == "GET"


def failure(error: Exception, call: str, url: str) -> CueAPIError:
    """The error for an exchange that ended without an answer; in doubt it is AnswerLost (promise 1)."""
    if nothing_was_sent(error):
        return ServerUnreachable(f"{call} was not sent, {url} cannot be reached: {_reason(error)}")
    return AnswerLost(
        f"{call} was sent, but its answer was lost: {_reason(error)}; whether it was done is unknown"
    )


def nothing_was_sent(error: Exception) -> bool:
    """True only where the request certainly never left this machine."""
    if isinstance(error, _NEVER_A_REQUEST):
        return True
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        return True  # what happens on a connection comes wrapped; a bare OSError is a missing CA bundle
    cause = _below(error)
    if isinstance(error, requests.exceptions.SSLError):
        return _handshake_failed(cause)
    if isinstance(cause, below.MaxRetryError):
        return isinstance(cause.reason, (below.NewConnectionError, below.ConnectTimeoutError))
    return isinstance(cause, below.ClosedPoolError)


def _handshake_failed(cause: object) -> bool:
    inner = cause.reason if isinstance(cause, below.MaxRetryError) else cause
    while isinstance(inner, Exception):
        if isinstance(inner, ssl.SSLCertVerificationError):
            return True
        if isinstance(inner, ssl.SSLError):
            return inner.reason in _HANDSHAKE_REASONS
        inner = inner.args[0] if inner.args else None
    return False


def _below(error: Exception) -> object:
    return error.args[0] if error.args else None


def _reason(error: Exception) -> str:
    """One line about the innermost cause, without the object addresses of the layers between."""
    cause: object = error
    while isinstance(cause, Exception):
        inner: object = cause.reason if isinstance(cause, below.MaxRetryError) else None
        inner = inner or next((part for part in reversed(cause.args) if isinstance(part, Exception)), None)
        if inner is None:
            break
        cause = inner
    text = str(cause).partition("): ")[2] or str(cause)
    return " ".join(text.split()) or type(cause).__name__
