"""Durations as people write them."""

from __future__ import annotations

import pytest
from cueworker.supervisor.config_duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("5m", 300.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        (" 10 s ", 10.0),
        ("45", 45.0),
        ("1e3", 1000.0),
        ("0s", 0.0),
    ],
)
def test_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "s", "5 weeks", "-5s", "5S", "1h-30m", "inf", "nan", "٣s", "5s.", "1" * 41, "m5", "1,5s", "5 5"],
)
def test_no_duration(text: str) -> None:
    assert parse_duration(text) is None
