"""Whether a pool lives and can do its job: each reason why not, its threshold, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cueworker.client import (
    AnswerLost,
    BudgetExhausted,
    Conflict,
    ServerError,
    ServerUnreachable,
    Unauthorized,
)
from cueworker.pool.contact import Contact
from cueworker.pool.readiness import MIN_FREE, Condition, Disk, Reason, is_alive, reasons

NOW = 1000.0
WELL = Condition(
    last_beat=NOW - 1,
    draining=False,
    paused=False,
    worker_seen=NOW - 1,
    contact=Contact(answered=True),
    listing_failed_since=None,
    spool_stuck_since=None,
    disk=Disk(free_bytes=1 << 30, free_files=1000, read_only=False),
)


def test_a_pool_that_is_well_is_alive_and_ready() -> None:
    assert is_alive(WELL, NOW)
    assert reasons(WELL, NOW) == {}


def disk(**changes: Any) -> dict[str, Any]:
    assert WELL.disk is not None
    return {"disk": replace(WELL.disk, **changes)}


def contact(**changes: Any) -> dict[str, Any]:
    return {"contact": Contact(**changes)}


CASES: list[tuple[dict[str, Any], Reason, str]] = [
    ({"last_beat": NOW - 10.1}, Reason.SUPERVISOR_STUCK, "10 s"),
    ({"draining": True}, Reason.DRAINING, "stopped"),
    ({"paused": True}, Reason.PAUSED, "cueworker resume"),
    ({"worker_seen": None}, Reason.NO_WORKER, "slot.cannot_boot"),
    ({"worker_seen": NOW - 5.1}, Reason.NO_WORKER, "slot.cannot_boot"),
    (contact(answered=True, key_refused=True, last_error="401 bad"), Reason.KEY_REFUSED, "401 bad"),
    (contact(), Reason.SERVER_UNREACHABLE, "not answered yet"),
    (contact(silent_since=NOW - 2, last_error="refused"), Reason.SERVER_UNREACHABLE, "2 s: refused"),
    (contact(answered=True, silent_since=NOW - 30.5), Reason.SERVER_UNREACHABLE, "for 30 s"),
    ({"listing_failed_since": NOW - 61}, Reason.LISTING_FAILING, "61 s"),
    ({"spool_stuck_since": NOW - 301}, Reason.SPOOL_STUCK, "301 s"),
    ({"disk": None}, Reason.DISK_FULL, "gone"),
    (disk(read_only=True), Reason.DISK_FULL, "read-only"),
    (disk(free_bytes=MIN_FREE - 1), Reason.DISK_FULL, f"{MIN_FREE - 1} bytes"),
    (disk(free_files=0), Reason.DISK_FULL, "inodes"),
]


def test_why_a_pool_is_not_ready() -> None:
    for changes, reason, words in CASES:
        why = reasons(replace(WELL, **changes), NOW)
        assert list(why) == [reason], changes
        assert words in why[reason]
    assert {reason for _, reason, _ in CASES} == set(Reason)


def test_what_a_ready_pool_may_bear() -> None:
    changes: list[dict[str, Any]] = [
        {"last_beat": NOW - 10},
        {"worker_seen": NOW - 5},
        contact(answered=True, silent_since=NOW - 30),
        {"listing_failed_since": NOW - 60},
        {"spool_stuck_since": NOW - 300},
        disk(free_bytes=MIN_FREE),
        disk(free_files=None),
    ]
    for change in changes:
        assert reasons(replace(WELL, **change), NOW) == {}, change


def test_the_server_has_no_say_in_whether_the_pool_lives() -> None:
    worst = replace(WELL, contact=Contact(key_refused=True), disk=None, worker_seen=None, draining=True)
    assert is_alive(worst, NOW)
    assert not is_alive(replace(WELL, last_beat=NOW - 11), NOW)


def test_silence_begins_with_the_first_failure_and_ends_with_any_answer_of_the_server() -> None:
    lost, down, broken = AnswerLost("cut"), ServerUnreachable("refused"), ServerError(503, "x", "busy")
    silent = Contact().after(None, 1.0).after(lost, 2.0).after(down, 3.0).after(broken, 4.0)
    assert (silent.answered, silent.silent_since) == (True, 2.0)
    assert "busy" in silent.last_error
    assert silent.after(None, 5.0) == Contact(answered=True)
    conflict = silent.after(Conflict(409, "x", "taken"), 5.0)
    assert (conflict.silent_since, conflict.key_refused) == (None, False)


def test_a_refused_key_stays_refused_until_the_server_says_otherwise() -> None:
    refused = Contact().after(Unauthorized(401, "invalid_api_key", "no"), 1.0)
    assert refused.key_refused
    assert refused.after(ServerUnreachable("refused"), 2.0).key_refused
    assert refused.after(BudgetExhausted(3.0), 2.0) == refused
    assert not refused.after(None, 2.0).key_refused
