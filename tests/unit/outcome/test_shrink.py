"""Shrinking: a fixed order, one thing at a time, strictly smaller, and the verdict is never lost."""

from __future__ import annotations

import itertools
import json
from typing import Any

from cueworker.outcome import Report, fit, shrink
from hypothesis import given
from unit.outcome.report_checking import PATIENT, REPORTS, refusals

BOOKKEEPING = {"clipped", "cleaned", "removed"}


def said_in(report: Report) -> int:
    """The bytes of what a report says, the record of what was cut apart."""
    body = report.body()
    metadata = dict(body.pop("metadata", {}))
    ours = {k: v for k, v in metadata.pop("_cueapi_worker", {}).items() if k not in BOOKKEEPING}
    return sum(len(json.dumps(part)) for part in (body, metadata, ours))


def size(report: Report) -> tuple[int, int]:
    return said_in(report), len(json.dumps(report.body()))


def chain(report: Report) -> list[Report]:
    """`report` and all that it shrinks to; too many steps are a failure."""
    reports = [report]
    while (smaller := shrink(reports[-1])) is not None:
        reports.append(smaller)
        assert len(reports) <= 11
    return reports


FULL = Report(
    success=True,
    result="é" * 2000,
    error="first " + "x" * 1500 + " last",
    external_id="i",
    result_url="https://example.com",
    result_ref="f",
    result_type="t",
    summary="s",
    artifacts=["a"],
    metadata={"k": 1, "_cueapi_worker": {"ending": "exited", "exit_code": 0, "survivors": ["dd"]}},
)


def removed(report: Report) -> Any:
    return (report.metadata or {}).get("_cueapi_worker", {}).get("removed", [])


def test_one_thing_goes_at_a_time_in_a_fixed_order() -> None:
    reports = chain(FULL)
    order = ["artifacts", "metadata", "result_url", "result_ref", "external_id", "result_type", "summary"]
    order += ["details", "long_texts"]
    assert len(reports) == len(order) + 2
    for steps, report in enumerate(reports[:-1]):
        assert sorted(removed(report)) == sorted(order[:steps])
    for name, before, after in zip(order[:7], reports, reports[1:], strict=False):
        assert name == "metadata" or (getattr(before, name) and getattr(after, name) is None)
    assert reports[2].metadata == {
        "_cueapi_worker": {
            "ending": "exited",
            "exit_code": 0,
            "survivors": ["dd"],
            "removed": ["artifacts", "metadata"],
        }
    }


def test_before_the_end_texts_are_short_ascii() -> None:
    short = chain(FULL)[-2]
    assert short.result is not None
    assert short.error is not None
    for text in (short.result, short.error):
        assert text.isascii()
        assert len(text) <= 200
    assert short.error.startswith("first x")
    assert short.error.endswith("x last")
    assert short.metadata is not None
    assert short.metadata["_cueapi_worker"]["clipped"] == {"result": 2000, "error": 1511}


def test_the_last_report_is_bare() -> None:
    last = chain(FULL)[-1]
    assert set(last.body()) == {"success", "error"}
    assert chain(Report(success=False, result="r", error="e"))[-1] == Report(success=False, error="e")


def test_nothing_is_left_to_cut_from_a_bare_report() -> None:
    assert shrink(Report(success=True)) is None
    assert shrink(Report(success=False, error="why")) is None


def test_a_long_error_alone_can_be_cut() -> None:
    assert shrink(Report(success=False, error="\x07")) is not None


@PATIENT
@given(REPORTS)
def test_each_step_is_smaller_and_acceptable_and_keeps_the_verdict(report: Report) -> None:
    reports = chain(fit(report))
    for before, after in itertools.pairwise(reports):
        assert size(after) < size(before)
        assert refusals(after.body()) == []
        assert after.success is report.success
        assert (after.error is None) is (report.error is None)
    assert set(reports[-1].body()) <= {"success", "error"}
    assert len(json.dumps(reports[-1].body())) < 1000
