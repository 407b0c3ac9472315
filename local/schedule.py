"""When a cue runs next. Pure: a schedule and a moment give the next moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = 5  # a sixth would be seconds: first here, last in other cron dialects, so it is refused


class BadSchedule(ValueError):
    """The schedule can never be followed; the message says why."""


class BadTimezone(ValueError):
    """No such timezone."""


@dataclass(frozen=True)
class Schedule:
    """`recurring` has a cron line, `once` a moment in epoch seconds."""

    type: str
    timezone: str = "UTC"
    cron: str | None = None
    at: float | None = None


def zone_of(name: str) -> ZoneInfo:
    """The named timezone. Raises BadTimezone."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise BadTimezone(f"Unknown timezone: {name}") from error


def first_run(schedule: Schedule, *, now: float) -> float:
    """The first run of a new schedule, epoch seconds.

    Raises BadSchedule for an unknown type, a cron line that does not parse or never comes, and for a single
    run without a time or in the past (protocol: 400 `invalid_schedule`); BadTimezone.
    """
    zone = zone_of(schedule.timezone)
    if schedule.type == "once":
        if schedule.at is None:
            raise BadSchedule("A schedule of type 'once' needs 'at'")
        if schedule.at <= now:
            raise BadSchedule("'at' must lie in the future")
        return schedule.at
    if schedule.type != "recurring":
        raise BadSchedule(f"Unknown schedule type: {schedule.type!r}; use 'once' or 'recurring'")
    if not schedule.cron or not schedule.cron.strip():
        raise BadSchedule("A schedule of type 'recurring' needs 'cron'")
    return _next_of_cron(schedule.cron, zone, after=now)


def next_run(schedule: Schedule, *, after: float) -> float | None:
    """The run that follows `after`, epoch seconds; None when there is none, as for a single run."""
    if schedule.type != "recurring" or schedule.cron is None:
        return None
    try:
        return _next_of_cron(schedule.cron, zone_of(schedule.timezone), after=after)
    except (BadSchedule, BadTimezone):
        return None


def expanded(line: str) -> str:
    """The cron line with five fields that `@daily` and its like stand for; any other line as it is."""
    return _ALIASES.get(line.strip().lower(), line)


def _next_of_cron(line: str, zone: ZoneInfo, *, after: float) -> float:
    expression = expanded(line)
    if len(expression.split()) != _FIELDS:
        raise BadSchedule(f"Invalid cron expression: {line!r} needs {_FIELDS} fields")
    try:
        for moment in CronSim(expression, datetime.fromtimestamp(after, zone)):
            # In the hour that a clock change repeats, cronsim names the first pass, which may lie behind us.
            if moment.timestamp() > after:
                return moment.timestamp()
    except (CronSimError, ValueError, OverflowError) as error:
        raise BadSchedule(f"Invalid cron expression: {line!r}: {error}") from error
    raise BadSchedule(f"Invalid cron expression: {line!r} never comes")
