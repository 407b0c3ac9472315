"""Turning a call's arguments into what is sent. Pure.

What a caller leaves out is never sent, not even as null.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .transport import header_value

Moment = str | datetime


def given(**arguments: Any) -> dict[str, Any]:
    """The arguments that are not None."""
    return {name: value for name, value in arguments.items() if value is not None}


def worker_name(worker_id: str) -> str:
    """`worker_id` if the server and a header take it: 1..255 printable ASCII; ValueError if not."""
    if len(worker_id) > 255:
        raise ValueError("the worker id must have at most 255 characters")
    return header_value(worker_id, "the worker id")


def wire_time(moment: Moment) -> str:
    """ISO 8601 with an offset; text is passed through. ValueError for a datetime without a time zone."""
    if isinstance(moment, str):
        return moment
    if moment.utcoffset() is None:
        raise ValueError("a datetime needs a time zone: the server would read another moment")
    return moment.isoformat()


def schedule_of(
    cron: str | None, at: Moment | None, timezone: str, schedule: dict[str, Any] | None
) -> dict[str, Any]:
    """The wire's schedule from `cron`, `at` or a whole `schedule`; raises ValueError unless one is given."""
    if sum(choice is not None for choice in (cron, at, schedule)) != 1:
        raise ValueError("a cue needs one of cron=, at= and schedule=")
    if schedule is not None:
        return schedule
    if cron is not None:
        return {"type": "recurring", "cron": cron, "timezone": timezone}
    return {"type": "once", "at": wire_time(at or ""), "timezone": timezone}
