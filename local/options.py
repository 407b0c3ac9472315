"""The rules a local server keeps, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The server's limits and clocks. Durations are in seconds; the defaults are the hosted service's."""

    lease_seconds: float = 900.0
    """What a claim's answer promises, and the age at which a silent worker's claim is taken back (rule 2)."""
    take_back_after: float = 300.0
    """A `delivering` execution that nobody renewed for this long is given to another worker (rule 1)."""
    worker_stale_after: float = 180.0
    """A worker whose last heartbeat is older than this counts as silent (rule 2)."""
    missed_after: float = 900.0
    """A `pending` execution that nobody claimed for this long is `missed` (rule 3)."""
    rate_limit: int | None = None
    """Requests a key may make in any 60 s; None is no limit."""
    max_cues: int | None = None
    """Cues an account may hold; None is no limit."""
    retention: float = 30 * 86400.0
    """How long an ended execution is kept; infinity is for ever."""
    monthly_executions: int | None = None
    """Executions a month that the plan is said to allow: answers warn when they near it, and nothing is refused."""
    quirks: str | None = None
    """Whose peculiarities are imitated: `core` for the open-source core's; None for the hosted service."""
    body_within: float = 30.0
    """How long a request's body may take to arrive."""
    max_wait: float = 30.0
    """The longest a listing of claimable executions is held."""
