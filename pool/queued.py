"""How long an execution was due before its handler started. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def queued_for(scheduled_for: str, now: float) -> float | None:
    """Seconds from `scheduled_for` (ISO 8601; UTC where it names no zone) to `now` (epoch seconds).

    Not below zero: two clocks are compared. None for a text that is no time.
    """
    try:
        due = datetime.fromisoformat(scheduled_for)
        due = due if due.tzinfo is not None else due.replace(tzinfo=UTC)
        return max(0.0, now - due.timestamp())
    except (ValueError, OverflowError):
        return None
