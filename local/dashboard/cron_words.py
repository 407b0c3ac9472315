"""A cron line in words, where it is a simple one. Pure."""

from __future__ import annotations

import re

from ..schedule import expanded

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def cron_in_words(line: str) -> str | None:
    """`every day at 09:00` for `0 9 * * *`; None for a line that words would only make longer."""
    fields = expanded(line).upper().split()
    if len(fields) != 5:
        return None
    minute, hour, day, month, weekday = fields
    if (day, month, weekday) == ("*", "*", "*"):
        often = _often(minute, hour)
        if often is not None:
            return often
    at = _times(minute, hour)
    days = _days(day, month, weekday)
    return f"{days} at {at}" if at is not None and days is not None else None


def _often(minute: str, hour: str) -> str | None:
    if hour == "*":
        if minute in ("*", "*/1"):
            return "every minute"
        if (step := _step(minute)) is not None:
            return f"every {step} minutes" if 60 % step == 0 else None
        if (at := _whole(minute, 59)) is not None:
            return "every hour, on the hour" if at == 0 else f"every hour at minute {at}"
    if (step := _step(hour)) is not None and (at := _whole(minute, 59)) is not None and 24 % step == 0:
        return f"every {step} hours" + ("" if at == 0 else f" at minute {at}")
    return None


def _times(minute: str, hour: str) -> str | None:
    at = _whole(minute, 59)
    hours = [_whole(part, 23) for part in hour.split(",")]
    if at is None or len(hours) > 4:
        return None
    known = [part for part in hours if part is not None]
    return _listed([f"{part:02d}:{at:02d}" for part in known]) if len(known) == len(hours) else None


def _days(day: str, month: str, weekday: str) -> str | None:
    if (day, month) == ("*", "*"):
        return "every day" if weekday == "*" else _weekdays(weekday)
    number = _whole(day, 31)
    if number is None or weekday != "*":
        return None
    if month == "*":
        return f"on day {number} of every month"
    which = _whole(month, 12)
    return f"every year on {number} {_MONTHS[which - 1]}" if which else None


def _weekdays(field: str) -> str | None:
    if field in ("1-5", "MON-FRI"):
        return "Monday to Friday"
    if field in ("0,6", "6,0", "6,7", "SAT,SUN", "SUN,SAT"):
        return "every Saturday and Sunday"
    short = [name[:3].upper() for name in _DAYS]
    days = []
    for part in field.split(","):
        number = short.index(part) if part in short else _whole(part, 7)
        if number is None:
            return None
        days.append(_DAYS[number % 7])
    return f"every {_listed(days)}"


def _step(field: str) -> int | None:
    match = re.fullmatch(r"\*/([1-9][0-9]?)", field)
    return int(match[1]) if match and int(match[1]) > 1 else None


def _whole(field: str, most: int) -> int | None:
    return int(field) if re.fullmatch(r"[0-9]{1,2}", field) and int(field) <= most else None


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
