"""Numbers and times in words. Pure; `static/live.js` counts ages on in the same words."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

BY_HAND_FROM = datetime(2099, 1, 1, tzinfo=UTC).timestamp()
"""A single run this far away is a cue that is there to be fired by hand."""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def duration(seconds: float) -> str:
    """`0.35 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`: at most two units."""
    seconds = max(0.0, seconds)
    if 0 < seconds < 9.95:
        return f"{seconds:.2g} s" if seconds >= 0.0995 else f"{seconds * 1000:.0f} ms"
    whole = round(seconds)
    for index, (size, unit) in enumerate(_UNITS):
        if whole >= size:
            smaller, name = (*_UNITS, (1, "s"))[index + 1]
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s"


def ago(seconds: float) -> str:
    """How long ago something was, in one unit; below zero, how far away it is, in two."""
    if seconds < 0:
        return f"in {duration(max(1.0, round(-seconds)))}"
    if seconds < 1:
        return "just now"
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    return f"{int(seconds // size)} {unit} ago"


def moment(epoch: float, zone: tzinfo | None = None) -> str:
    """`Tue 24 Nov 2026, 22:46:34 UTC`, in the machine's own timezone unless another one is given."""
    return datetime.fromtimestamp(epoch, UTC).astimezone(zone).strftime("%a %-d %b %Y, %H:%M:%S %Z")


def number(count: int, most: int | None = None) -> str:
    """`12,345`; with `most` the count was stopped there: `10,000+`."""
    return f"{most:,}+" if most is not None and count > most else f"{count:,}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 worker`, `2 workers`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def size(count: int) -> str:
    """Bytes: `312 bytes`, `4.2 kB`."""
    return plural(count, "byte") if count < 1000 else f"{count / 1000:,.1f} kB"
