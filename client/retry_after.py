"""How long the server asks to wait, read from its headers. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str], epoch_now: float) -> float | None:
    """Seconds that `Retry-After` asks for, or None where it is missing or makes no sense.

    It may be seconds or an HTTP date (RFC 9110, 10.2.3). A date is compared with the answer's own `Date`,
    so that a wrong clock on this machine does not matter; `epoch_now` (epoch seconds) stands in when there
    is none.
    """
    value = headers.get("Retry-After")
    if value is None:
        return None
    seconds = finite(value)
    if seconds is None:
        moment = http_date(value)
        if moment is None:
            return None
        seconds = moment - server_clock(headers, epoch_now)
    return max(0.0, seconds)


def server_clock(headers: Mapping[str, str], epoch_now: float) -> float:
    """The server's epoch seconds by its `Date` header, else this machine's `epoch_now`."""
    moment = http_date(headers.get("Date", ""))
    return epoch_now if moment is None else moment


def http_date(value: str) -> float | None:
    """Epoch seconds of an HTTP date, or None."""
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


def finite(value: str | None) -> float | None:
    """A header's finite number, or None."""
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
