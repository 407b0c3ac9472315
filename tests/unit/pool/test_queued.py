"""How long an execution was due: ISO 8601 in, seconds out."""

from __future__ import annotations

from cueworker.pool.queued import queued_for

NOON = 1_735_732_800.0  # 2025-01-01T12:00:00Z


CASES = [
    ("2025-01-01T11:59:30Z", 30.0),
    ("2025-01-01T11:59:30.250000+00:00", 29.75),
    ("2025-01-01T13:59:00+02:00", 60.0),
    ("2025-01-01T11:59:30", 30.0),  # UTC, as everything of the server
    ("2025-01-01T12:00:05Z", 0.0),  # its clock is ahead of ours
    ("", None),
    ("soon", None),
    ("9999-12-31T23:59:59-23:59", 0.0),
]


def test_seconds_since_it_was_due() -> None:
    for scheduled_for, seconds in CASES:
        assert queued_for(scheduled_for, NOON) == seconds, scheduled_for
