"""What the rate limit headers teach."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from cueworker.client.lessons import FOREIGN_HOLD, FORGET_AFTER, LONGEST_BLOCK, learn
from cueworker.client.window import WINDOW, Knowledge

NOW, EPOCH = 1000.0, 1_700_000_000.0


def lesson(known: Knowledge = Knowledge(), status: int = 200, /, **given) -> Knowledge:  # noqa: B008
    headers = given.pop("headers", {})
    defaults = {"sent_at": NOW - 0.1, "used": 1, "now": NOW, "epoch_now": EPOCH, "jitter": 0.5}
    return learn(known, status=status, headers=headers, **{**defaults, **given})


def limits(limit: object, remaining: object, **more: str) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(remaining), **more}


def test_without_headers_nothing_is_known():
    assert lesson() == Knowledge()


def test_the_latest_limit_is_followed_down_and_up():
    known = lesson(headers=limits(200, 199))
    assert known.limit == 200
    known = lesson(known, headers=limits(60, 0), used=150)
    assert known.limit == 60
    assert lesson(known, headers=limits(200, 49), used=151).limit == 200


@pytest.mark.parametrize("limit", ["", "many", "-5", "1e3", "9" * 30, "60, 60;w=60"])
def test_a_nonsense_limit_is_no_limit(limit):
    assert lesson(headers=limits(limit, 5)).limit == 0


def test_foreign_use_is_what_the_server_counts_and_we_do_not():
    assert lesson(headers=limits(60, 20), used=30).foreign == 10
    assert lesson(headers=limits(60, 40), used=30).foreign == 0


def test_a_high_estimate_of_foreign_use_is_held():
    known = lesson(headers=limits(60, 20), used=30)
    assert lesson(known, headers=limits(60, 20), used=38, now=NOW + 1).foreign == 10
    assert lesson(known, headers=limits(60, 20), used=28, now=NOW + 1).foreign == 12
    assert lesson(known, headers=limits(60, 20), used=38, now=NOW + FOREIGN_HOLD).foreign == 2
    assert (known.foreign_at(NOW + WINDOW - 1), known.foreign_at(NOW + WINDOW)) == (10, 0)


def test_a_server_that_stops_naming_a_limit_has_none():
    known = lesson(headers=limits(60, 59))
    for _ in range(FORGET_AFTER - 1):
        known = lesson(known)
        assert known.limit == 60
    assert lesson(known).limit == 0
    known = lesson(known, headers=limits(60, 59))
    assert lesson(known).limit == 60, "one answer with a limit starts the count anew"


def test_errors_without_a_limit_prove_nothing():
    known = lesson(headers=limits(60, 59))
    for _ in range(2 * FORGET_AFTER):
        known = lesson(known, 502)
    assert known.limit == 60


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "7.5"}, 7.5),
        ({"Retry-After": formatdate(EPOCH + 9, usegmt=True)}, 9.0),
        # this machine's clock is an hour off, the server's own date is not
        (
            {
                "Retry-After": formatdate(EPOCH + 3609, usegmt=True),
                "Date": formatdate(EPOCH + 3600, usegmt=True),
            },
            9.0,
        ),
        ({"Retry-After": "0"}, 1.0),
        ({"Retry-After": "-3"}, 1.0),
        ({"Retry-After": "86400"}, LONGEST_BLOCK),
        ({"Retry-After": "inf", "X-RateLimit-Reset": str(EPOCH + 20)}, 20.0),
        ({"X-RateLimit-Reset": str(EPOCH + 20)}, 20.0),
        ({"X-RateLimit-Reset": str(EPOCH + 20), "Date": formatdate(EPOCH + 5, usegmt=True)}, 15.0),
        ({"Retry-After": "7", "X-RateLimit-Reset": str(EPOCH + 20)}, 7.0),
    ],
)
def test_how_long_a_429_blocks(headers, wait):
    known = lesson(lesson(headers=limits(60, 59)), 429, headers=headers)
    assert known.blocked_until == pytest.approx(NOW + wait)
    assert (known.limit, known.refusals, known.refused_at) == (60, 1, NOW)


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Reset": str(EPOCH - 5)}, {"Retry-After": "soon"}])
def test_a_429_that_names_no_time_backs_off_with_jitter(headers):
    def blocks(jitter: float) -> list[float]:
        known, now, waits = Knowledge(), NOW, []
        for _ in range(7):
            known = lesson(known, 429, headers=headers, sent_at=now, now=now + 0.1, jitter=jitter)
            waits.append(round(known.blocked_until - now - 0.1, 6))
            now = known.blocked_until
        return waits

    assert blocks(1.0) == [2, 4, 8, 16, 30, 30, 30]
    assert blocks(0.0) == [1] * 7


def test_requests_in_flight_together_are_refused_once():
    known = lesson(Knowledge(), 429, headers={"Retry-After": "5"})
    later = lesson(known, 429, headers={"Retry-After": "2"}, now=NOW + 0.05)
    assert later.refusals == 1
    assert later.blocked_until == NOW + 5.0, "a shorter word does not take back a longer one"


def test_only_an_answer_to_a_later_request_ends_the_block():
    busy = lesson(headers=limits(60, 10), used=1)
    assert busy.foreign == 49
    blocked = lesson(busy, 429, headers={"Retry-After": "5"})
    overtaken = lesson(blocked, headers=limits(60, 0), sent_at=NOW - 0.2, now=NOW + 0.1, used=60)
    assert overtaken.refusals == 1
    probe = lesson(blocked, headers=limits(60, 10), sent_at=NOW + 5, now=NOW + 5.1, used=20)
    assert (probe.refusals, probe.foreign) == (0, 30)


def test_a_probe_answered_by_something_else_ends_the_block_too():
    blocked = lesson(Knowledge(), 429, headers={"Retry-After": "5"})
    assert lesson(blocked, 500, sent_at=NOW + 5, now=NOW + 5.1).refusals == 0
