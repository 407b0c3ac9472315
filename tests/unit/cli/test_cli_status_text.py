"""A pool's status in words and in colour."""

from __future__ import annotations

from typing import Any

from cueworker.cli.process_usage import Usage
from cueworker.cli.status_text import text
from cueworker.cli.top_frame import frame


def slot(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "slot": number,
        "name": f"worker {number}",
        "state": "idle",
        "leaving": False,
        "pid": 100 + number,
        "age": 7500.0,
        "beat": 1.0,
        "executions": 12,
        "crashes": 0,
        "last_exit": None,
        "recycled": 0,
        "recycled_for": None,
        "execution": None,
        **changes,
    }


def execution(**changes: Any) -> dict[str, Any]:
    return {
        "id": "7f3a9c21-0000-4000-8000-000000000000",
        "task": "backup",
        "phase": "running",
        "handler_pid": 9,
        "elapsed": 12.0,
        "timeout": 7200.0,
        "time_left": 7188.0,
        "lease_left": 290.0,
        "cancelled": False,
        "output": None,
        **changes,
    }


def status(*slots: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "ok": True,
        "pid": 99,
        "worker_id": "lamp",
        "server": "https://cue.example.org",
        "state_dir": "/var/lib/lamp",
        "uptime": 7501.0,
        "stage": "running",
        "paused": False,
        "workers": len(slots),
        "tasks": ["backup"],
        "waiting_reports": 2,
        "recycling": [],
        "steward": slot(1024),
        "slots": list(slots),
        **changes,
    }


def test_a_pool_in_words() -> None:
    pool = status(
        slot(0, state="busy", execution=execution()),
        slot(1),
        slot(
            2,
            state="busy",
            execution=execution(phase="claiming", elapsed=None, timeout=None, lease_left=None),
        ),
    )
    assert text(pool) == (
        "lamp (pid 99) running, up 2h05m; 3 workers: 2 busy, 1 idle\n"
        "server https://cue.example.org; state in /var/lib/lamp; 2 report(s) wait in the spool\n"
        "\n"
        "SLOT  STATE  PID  AGE    DONE  TASK    EXECUTION  ELAPSED      LEASE  NOTE\n"
        "0     busy   100  2h05m  12    backup  7f3a9c21   12s / 2h00m  4m50s\n"
        "1     idle   101  2h05m  12    -       -          -            -\n"
        "2     busy   102  2h05m  12    backup  7f3a9c21   claiming     -"
    )


def test_what_is_not_as_usual_is_said() -> None:
    said = text(
        status(
            slot(0, state="busy", execution=execution(cancelled=True), leaving=True),
            slot(1, beat=45.0),
            slot(2, state="waiting", pid=None, age=None, beat=None, crashes=3, last_exit="exit code 71"),
            slot(3, recycled=2, recycled_for="max_memory"),
            paused=True,
            recycling=[0, 3],
            steward=slot(1024, state="waiting", pid=None, age=None, beat=None),
        )
    )
    for expected in (
        "lamp (pid 99) PAUSED",
        "`cueworker resume`",
        "recycling, one at a time: slot 0, 3",
        "steward: waiting",
        "cancelling; leaves when it is free",
        "silent for 45s",
        "3 crash(es) in a row, last exit code 71",
        "recycled 2x, last for max_memory",
    ):
        assert expected in said


def test_a_pool_that_stops_is_not_called_paused() -> None:
    assert "(pid 99) draining" in text(status(slot(0), stage="draining", paused=True))


def test_other_peoples_text_moves_no_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\nrm"
    pool = status(slot(0, execution=execution(task=hostile, id=hostile)), worker_id=hostile)
    assert "\x1b" not in text(pool) and len(text(pool).splitlines()) == 5
    assert not any("\x1b" in line.text for line in frame(pool, {}, {}))


def test_the_live_view_adds_what_handlers_take_and_say() -> None:
    pool = status(
        slot(0, state="busy", execution=execution()),
        slot(1),
        slot(2, state="busy", execution=execution(time_left=100.0)),
        slot(3, crashes=1, last_exit="exit code 71"),
    )
    lines = frame(pool, {100: Usage(cpu=149.6, memory=42 << 20, processes=3)}, {0: ["half way", "done soon"]})
    assert [(line.text.split()[:2], line.style) for line in lines[3:]] == [
        (["SLOT", "STATE"], "bold"),
        (["0", "busy"], "green"),
        (["|", "half"], "dim"),
        (["|", "done"], "dim"),
        (["1", "idle"], "dim"),
        (["2", "busy"], "yellow"),
        (["3", "idle"], "red"),
    ]
    assert "150%  42M  3" in lines[4].text
