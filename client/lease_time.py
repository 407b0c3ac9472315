"""For how long a heartbeat extended a lease, by the server's own clock. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from .retry_after import http_date

_DATE_LAG = 2.0
"""Seconds by which an answer's `Date` may lag: it is cut to whole seconds, and servers renew it once a second."""
_SHORTEST = 1.0


def lease_seconds(until: object, headers: Mapping[str, str]) -> float | None:
    """Seconds from the answer to `until` (`lease_extended_until`: UTC, ISO 8601), rounded towards caution.

    None where it cannot be told. `until` is compared with the answer's own `Date`, so that a wrong clock on this
    machine does not matter.
    """
    date = http_date(headers.get("Date", ""))
    if date is None or not isinstance(until, str):
        return None
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        return None
    left = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - date
    return max(_SHORTEST, left - _DATE_LAG) if left > 0 else None
