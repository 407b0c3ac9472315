"""Requests to a running pool: each is a value or an error that says what is wrong; and which execution is meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cueworker.supervisor.control_commands import Running, meant
from cueworker.supervisor.control_requests import (
    COMMANDS,
    Cancel,
    Drain,
    Pause,
    Recycle,
    Reload,
    Resume,
    Scale,
    Status,
    Upgrade,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

GOOD: list[tuple[dict[str, Any], object]] = [
    ({"command": "status"}, Status()),
    ({"command": "cancel", "execution": "7f3a"}, Cancel("7f3a")),
    ({"command": "pause"}, Pause()),
    ({"command": "resume"}, Resume()),
    ({"command": "scale", "workers": 8}, Scale(8)),
    ({"command": "recycle"}, Recycle(None)),
    ({"command": "recycle", "slot": 3}, Recycle(3)),
    ({"command": "reload"}, Reload()),
    ({"command": "upgrade"}, Upgrade()),
    ({"command": "drain"}, Drain()),
]


@pytest.mark.parametrize(("request_", "value"), GOOD)
def test_a_request_becomes_a_value(request_: dict[str, Any], value: object) -> None:
    assert parse(json.dumps(request_).encode()) == value


def test_every_command_is_named_and_tried() -> None:
    assert {request["command"] for request, _ in GOOD} == set(COMMANDS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "not a request"),
        (b"status", "malformed"),
        (b"[]", "Expected `object`"),
        (b"{}", "command"),
        (b'{"command": "stop"}', "'stop'"),
        (b'{"command": "cancel"}', "`execution`"),
        (b'{"command": "cancel", "execution": ""}', "length >= 1"),
        (b'{"command": "scale", "workers": 0}', "`workers`"),
        (b'{"command": "scale", "workers": 1025}', "`workers`"),
        (b'{"command": "scale", "workers": "4"}', "`workers`"),
        (b'{"command": "recycle", "slot": -1}', "`slot`"),
        (b'{"command": "status", "extra": 1}', "extra"),
        (b'{"command": "cancel", "execution": "\xff"}', "utf-8"),
        (b'{"a": ' + b"[" * 4000, "request"),
    ],
)
def test_what_is_no_request_is_told_with_the_commands_that_are(line: bytes, said: str) -> None:
    with pytest.raises(ValueError, match="not a request") as caught:
        parse(line)
    assert said.lower() in str(caught.value).lower()
    assert all(command in str(caught.value) for command in COMMANDS)


@given(st.binary(max_size=200))
def test_no_bytes_are_anything_else(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a request"):
        parse(line)


RUNNING = [Running(0, "7f3a-1", "backup"), Running(1, "7f3a-12", "report"), Running(2, "c001", "report")]


@pytest.mark.parametrize(
    ("wanted", "slots"),
    [("c", [2]), ("7f3a", [0, 1]), ("7f3a-12", [1]), ("7f3a-1", [0]), ("3a", []), ("c0011", [])],
)
def test_the_beginning_of_an_id_will_do_and_a_whole_one_is_itself(wanted: str, slots: list[int]) -> None:
    assert [one.slot for one in meant(wanted, RUNNING)] == slots
