"""When a cue runs next, across time zones and clock changes."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from cueworker.local.schedule import BadSchedule, BadTimezone, Schedule, first_run, next_run
from cueworker.local.wire import parse_time, stamp
from hypothesis import given
from hypothesis import strategies as st


def _runs(cron: str, timezone: str, after: str, count: int) -> list[str]:
    schedule = Schedule("recurring", timezone, cron)
    moment = parse_time(after)
    runs = []
    for _ in range(count):
        following = next_run(schedule, after=moment)
        assert following is not None
        moment = following
        runs.append(stamp(moment))
    return runs


@pytest.mark.parametrize(
    ("alias", "first"),
    [
        ("@hourly", "2026-03-04T06:00:00Z"),
        ("@daily", "2026-03-05T00:00:00Z"),
        ("@midnight", "2026-03-05T00:00:00Z"),
        ("@weekly", "2026-03-08T00:00:00Z"),
        ("@monthly", "2026-04-01T00:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("@annually", "2027-01-01T00:00:00Z"),
        ("*/7 * * * *", "2026-03-04T05:14:00Z"),
    ],
)
def test_first_run_of_a_cron_line(alias: str, first: str) -> None:
    assert (
        stamp(first_run(Schedule("recurring", "UTC", alias), now=parse_time("2026-03-04T05:07:08Z"))) == first
    )


def test_a_local_time_that_the_clock_skips_runs_at_the_change() -> None:
    """2026-03-08, New York: 02:00 becomes 03:00, so there is no 02:30."""
    assert _runs("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2) == [
        "2026-03-08T07:00:00Z",
        "2026-03-09T06:30:00Z",
    ]


def test_a_local_time_that_comes_twice_runs_once() -> None:
    """2026-11-01, New York: 01:00 to 02:00 comes twice."""
    assert _runs("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2) == [
        "2026-11-01T05:30:00Z",
        "2026-11-02T06:30:00Z",
    ]


def test_the_second_pass_of_a_repeated_hour_never_looks_back() -> None:
    after = parse_time("2026-11-01T06:10:00Z")  # 01:10 for the second time
    following = next_run(Schedule("recurring", "America/New_York", "30 1 * * *"), after=after)
    assert following is not None
    assert stamp(following) == "2026-11-02T06:30:00Z"


@given(
    st.sampled_from(["30 1 * * *", "*/15 * * * *", "0 3 * * 0", "59 23 31 * *"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.floats(min_value=1.7e9, max_value=1.9e9),
)
def test_the_next_run_lies_ahead(cron: str, timezone: str, after: float) -> None:
    following = next_run(Schedule("recurring", timezone, cron), after=after)
    assert following is not None
    assert following > after
    assert datetime.fromtimestamp(following, ZoneInfo(timezone)).second == 0


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule("recurring"),
        Schedule("recurring", cron=" "),
        Schedule("recurring", cron="nonsense"),
        Schedule("recurring", cron="61 * * * *"),
        Schedule("recurring", cron="0 0 0 1 1 *"),
        Schedule("recurring", cron="0 0 30 2 *"),
        Schedule("once"),
        Schedule("once", at=1000.0),
        Schedule("sometimes", cron="* * * * *"),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_refused(schedule: Schedule) -> None:
    with pytest.raises(BadSchedule):
        first_run(schedule, now=1000.0)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "", "\0"])
def test_an_unknown_timezone_is_refused(name: str) -> None:
    with pytest.raises(BadTimezone):
        first_run(Schedule("recurring", name, "* * * * *"), now=1000.0)


def test_a_single_run_comes_once() -> None:
    schedule = Schedule("once", at=2000.0)
    assert first_run(schedule, now=1000.0) == 2000.0
    assert next_run(schedule, after=1500.0) is None
