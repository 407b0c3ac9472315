"""Where executions come from and their outcomes go to: the protocol that every source keeps.

The errors are those of `cueworker.client`, by what they mean: Conflict (state says no), Forbidden (somebody else's),
NotFound (gone), ServerUnreachable (nothing was sent), AnswerLost and MalformedAnswer (it may have been acted on),
BudgetExhausted and RateLimited (wait `retry_after`), Unauthorized (the key is bad now).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..outcome import Report


class Source(Protocol):
    """One connection to a source; a thread has its own, made after the fork."""

    @property
    def max_wait(self) -> float | None:
        """Seconds that `list_claimable` may wait on the server's side; None if the server cannot."""

    def list_claimable(self, task: str | None = None, wait: float | None = None) -> list[dict[str, Any]]:
        """Rows that may be claimed, oldest first: execution_id, cue_id, cue_name, task, payload, attempt."""

    def claim(self, execution_id: str) -> float:
        """Claim one execution by id; returns the lease in seconds."""

    def heartbeat(self, execution_id: str) -> float | None:
        """Extend the lease of an execution that is ours; returns it in seconds, None if the server does not tell."""

    def report(self, execution_id: str, report: Report) -> None:
        """Record an outcome, once."""

    def register(self, handlers: Sequence[str]) -> None:
        """Say that this worker lives, and which tasks it runs."""

    def request_limit(self) -> int | None:
        """Requests a minute that the server allows; None if unknown or unlimited."""

    def close(self) -> None:
        """Let go of the connection."""
