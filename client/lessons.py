"""What an answer teaches about the rate limit. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .retry_after import finite, retry_after, server_clock
from .window import PROBE_INTERVAL, Knowledge

FOREIGN_HOLD = 15.0
"""Seconds for which a high estimate of foreign use outlives lower ones: while many requests are in flight the
estimate is too low (they are counted here and not yet there)."""
FORGET_AFTER = 32
"""Successes in a row without a limit header after which the server has none any more (restarted without)."""
LONGEST_BLOCK = 300.0
"""Seconds; a nonsense `Retry-After` must not silence the pool for good."""
_BACKOFF_FROM, _BACKOFF_TO = 1.0, 30.0


def learn(
    known: Knowledge,
    *,
    status: int,
    headers: Mapping[str, str],
    sent_at: float,
    used: int,
    now: float,
    epoch_now: float,
    jitter: float,
) -> Knowledge:
    """The knowledge after an answer; `used` counts this pool's requests, this one too unless it was a 429.

    `sent_at` and `now` are CLOCK_MONOTONIC seconds, `epoch_now` epoch seconds, `jitter` a random number in
    0..1. A lower or higher limit is followed at once: a miss of the server's auth cache holds a paying key
    to 60/min for a while (PROTOCOL).
    """
    limit = _count(headers.get("X-RateLimit-Limit"))
    remaining = _count(headers.get("X-RateLimit-Remaining"))
    if status == 429:
        return _refused(
            known,
            limit=limit,
            headers=headers,
            sent_at=sent_at,
            now=now,
            epoch_now=epoch_now,
            jitter=jitter,
        )
    # Only an answer to a request sent after the 429 proves that the server takes requests again.
    probed = bool(known.refusals) and sent_at > known.refused_at
    if probed:
        known = known._replace(refusals=0)
    if limit is None:
        return _without_limit(known, status)
    if limit != known.limit or known.bare_answers:
        known = known._replace(limit=limit, bare_answers=0)
    if remaining is None:
        return known
    estimate = max(0, limit - remaining - used)
    if probed or estimate >= known.foreign or now - known.foreign_since >= FOREIGN_HOLD:
        known = known._replace(foreign=estimate, foreign_since=now)
    return known


def _refused(
    known: Knowledge,
    *,
    limit: int | None,
    headers: Mapping[str, str],
    sent_at: float,
    now: float,
    epoch_now: float,
    jitter: float,
) -> Knowledge:
    # Requests that were in flight together are refused together: that is one refusal.
    refusals = known.refusals + 1 if sent_at > known.refused_at or not known.refusals else known.refusals
    wait = retry_after(headers, epoch_now)
    if wait is None:
        wait = _until_reset(headers, epoch_now)
    if wait is None:
        ceiling = min(_BACKOFF_TO, _BACKOFF_FROM * 2.0 ** min(refusals, 10))
        wait = _BACKOFF_FROM + (ceiling - _BACKOFF_FROM) * jitter
    # A wait of zero would let every process through at once.
    wait = min(max(wait, PROBE_INTERVAL), LONGEST_BLOCK)
    return known._replace(
        limit=known.limit if limit is None else limit,
        refusals=refusals,
        refused_at=now,
        blocked_until=max(known.blocked_until, now + wait),
    )


def _until_reset(headers: Mapping[str, str], epoch_now: float) -> float | None:
    reset = finite(headers.get("X-RateLimit-Reset"))
    if reset is None:
        return None
    wait = reset - server_clock(headers, epoch_now)
    return wait if wait > 0 else None


def _without_limit(known: Knowledge, status: int) -> Knowledge:
    if not known.limit or not 200 <= status < 300:
        return known
    bare = known.bare_answers + 1
    return (
        known._replace(limit=0, bare_answers=0) if bare >= FORGET_AFTER else known._replace(bare_answers=bare)
    )


def _count(value: str | None) -> int | None:
    if value is None:
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if 0 <= number < 2**31 else None
