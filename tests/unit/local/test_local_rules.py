"""The server's pure decisions: the request window, the verification modes, the checks of fields."""

from __future__ import annotations

import pytest
from cueworker.local.errors import Refused
from cueworker.local.limiter import WINDOW, SlidingWindow
from cueworker.local.validate import Fields, is_web_url
from cueworker.local.verification import outcome_state
from hypothesis import given
from hypothesis import strategies as st


def test_a_refused_request_does_not_count() -> None:
    window = SlidingWindow(2)
    assert [window.admit(t).admitted for t in (0.0, 10.0, 20.0, 59.9)] == [True, True, False, False]
    freed = window.admit(60.0)  # the request of 0.0 has left; had the refused ones counted, this would fail
    assert (freed.admitted, freed.remaining, freed.frees_in) == (True, 0, 10.0)


@given(st.integers(1, 5), st.lists(st.floats(0, 30), max_size=60))
def test_no_window_of_60_seconds_holds_more_than_the_limit(limit: int, gaps: list[float]) -> None:
    window, now, admitted = SlidingWindow(limit), 0.0, []
    for gap in gaps:
        now += gap
        before = [t for t in admitted if t > now - WINDOW]
        admission = window.admit(now)
        assert admission.admitted == (len(before) < limit)
        if admission.admitted:
            admitted.append(now)


@pytest.mark.parametrize(
    ("mode", "evidence", "state"),
    [
        ("none", {}, "reported_success"),
        ("manual", {"external_id": "1"}, "verification_pending"),
        ("require_external_id", {"external_id": "1"}, "verified_success"),
        ("require_external_id", {"external_id": ""}, "verification_failed"),
        ("require_result_url", {"result_url": "https://a.example"}, "verified_success"),
        ("require_result_url", {"external_id": "1"}, "verification_failed"),
        ("require_artifacts", {"artifacts": [1]}, "verified_success"),
        ("require_artifacts", {"artifacts": []}, "verification_failed"),
    ],
)
def test_a_success_counts_by_its_mode(mode: str, evidence: dict[str, object], state: str) -> None:
    assert outcome_state(mode, True, evidence)[0] == state
    assert outcome_state(mode, False, evidence)[0] == "reported_failure"


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://a.example/x?y#z", True),
        ("http://[::1]:8000/", True),
        ("HTTP://a.example", True),
        ("https://", False),
        ("https:///path", False),
        ("ftp://a.example", False),
        ("a.example", False),
        ("https://a.example:port/", False),
        ("https://[half", False),
        ("https://a example/", False),
    ],
)
def test_web_urls(url: str, good: bool) -> None:
    assert is_web_url(url) is good


def test_every_problem_is_named_and_the_message_repeats_the_first() -> None:
    fields = Fields({"success": 1, "result": "x" * 11, "metadata": []})
    fields.boolean("success", required=True)
    fields.string("result", longest=10)
    fields.mapping("metadata")
    with pytest.raises(Refused) as caught:
        fields.finish()
    error = caught.value.envelope()["error"]
    assert [detail["field"] for detail in error["details"]] == [
        "body.success",
        "body.result",
        "body.metadata",
    ]
    assert error["status"] == 422
    assert error["message"] == error["details"][0]["message"]
