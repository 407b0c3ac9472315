"""The dashboard's words for times, sizes and cron lines."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from cueworker.local.dashboard import words
from cueworker.local.dashboard.cron_words import cron_in_words
from cueworker.local.schedule import Schedule, first_run
from hypothesis import given
from hypothesis import strategies as st

DURATIONS = {
    -1: "0 s",
    0: "0 s",
    0.0042: "4 ms",
    0.35: "0.35 s",
    3.21: "3.2 s",
    9.94: "9.9 s",
    59.4: "59 s",
    59.6: "1 min",
    200: "3 min 20 s",
    7500: "2 h 5 min",
    86400 * 3 + 3600 * 4 + 59: "3 d 4 h",
}


def test_durations() -> None:
    assert {seconds: words.duration(seconds) for seconds in DURATIONS} == DURATIONS


AGES = {
    0.4: "just now",
    1: "1 s ago",
    59.9: "59 s ago",
    119: "1 min ago",
    7199: "1 h ago",
    200000: "2 d ago",
    -0.2: "in 1 s",
    -12000: "in 3 h 20 min",
}


def test_ages() -> None:
    assert {seconds: words.ago(seconds) for seconds in AGES} == AGES


def test_numbers_sizes_and_moments() -> None:
    assert (words.number(12345), words.number(10001, 10000), words.number(7, 10)) == (
        "12,345",
        "10,000+",
        "7",
    )
    assert (words.plural(1, "login"), words.plural(2, "login"), words.size(4200)) == (
        "1 login",
        "2 logins",
        "4.2 kB",
    )
    assert words.moment(1_800_000_000, ZoneInfo("Europe/Berlin")) == "Fri 15 Jan 2027, 09:00:00 CET"


CRON_LINES = {
    "* * * * *": "every minute",
    "*/5 * * * *": "every 5 minutes",
    "@hourly": "every hour, on the hour",
    "15 * * * *": "every hour at minute 15",
    "0 */6 * * *": "every 6 hours",
    "30 */6 * * *": "every 6 hours at minute 30",
    "@daily": "every day at 00:00",
    "0 9,17 * * *": "every day at 09:00 and 17:00",
    "30 2 * * 1-5": "Monday to Friday at 02:30",
    "0 9 * * sun": "every Sunday at 09:00",
    "0 9 * * 7,3": "every Sunday and Wednesday at 09:00",
    "0 9 * * 0,6": "every Saturday and Sunday at 09:00",
    "0 9 1 * *": "on day 1 of every month at 09:00",
    "@yearly": "every year on 1 January at 00:00",
    # Words would lie, or be longer than the line.
    "*/7 * * * *": None,
    "0 */5 * * *": None,
    "0 9 1 * 1": None,
    "0-30 9 * * *": None,
    "0 9 * 1 *": None,
    "0 9 L * *": None,
    "0 9 * * 1#2": None,
    "0 1,2,3,4,5 * * *": None,
    "0 9 * * 8": None,
    "0 9 1 0 *": None,
    "0 9 * *": None,
    "": None,
}


def test_cron_lines() -> None:
    assert {line: cron_in_words(line) for line in CRON_LINES} == CRON_LINES


@given(st.text("0123456789*/,-@LW#MONdaily ", max_size=20))
def test_no_cron_line_is_too_strange(line: str) -> None:
    cron_in_words(line)


def test_a_cue_by_hand_is_one_whose_run_is_far_away() -> None:
    at = first_run(Schedule("once", "UTC", None, words.BY_HAND_FROM), now=0.0)
    assert at == words.BY_HAND_FROM
