"""The report's JSON body, both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cueworker.outcome import Report

FULL = Report(
    success=False,
    result="r",
    error="e",
    external_id="i",
    result_url="https://example.com",
    result_ref="f",
    result_type="t",
    summary="s",
    artifacts=[1, {"a": None}],
    metadata={"k": [None]},
)


def test_the_body_leaves_out_what_is_none() -> None:
    assert Report(success=True).body() == {"success": True}
    assert Report(success=False, error="", artifacts=[], metadata={}).body() == {
        "success": False,
        "error": "",
        "artifacts": [],
        "metadata": {},
    }
    assert len(FULL.body()) == 10


@pytest.mark.parametrize(
    "report", [Report(success=True), FULL, Report(success=False, artifacts=[], metadata={})]
)
def test_a_body_read_back_is_the_same_report(report: Report) -> None:
    assert Report.from_body(json.loads(json.dumps(report.body()))) == report


def test_names_that_are_no_fields_are_ignored_and_null_is_none() -> None:
    body = {"success": True, "from_a_newer_version": 1, "result": None}
    assert Report.from_body(body) == Report(success=True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "a mapping, not list"),
        (None, "a mapping, not NoneType"),
        ({}, "has a bool `success`"),
        ({"success": None}, "has a bool `success`"),
        ({"success": 1}, "`success` in the body of a report cannot be of type int"),
        ({"success": "true"}, "`success`"),
        ({"success": True, "error": 5}, "`error`"),
        ({"success": True, "result_url": ["x"]}, "`result_url`"),
        ({"success": True, "artifacts": {}}, "`artifacts`"),
        ({"success": True, "metadata": "{}"}, "`metadata`"),
    ],
)
def test_nonsense_is_refused(body: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Report.from_body(body)
