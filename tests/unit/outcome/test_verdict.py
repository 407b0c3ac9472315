"""The conflict table of the protocol, row by row, and the endings that the pool itself imposes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from cueworker.outcome import Ending, EndingKind, OutcomeFile, Report, resolve

ABSENT = OutcomeFile({}, present=False)
MALFORMED = OutcomeFile({}, "outcome_file_malformed_json: why", present=True)
EVIDENCE: dict[str, Any] = {
    "external_id": "pay-1",
    "result_url": "https://example.com/1",
    "result_ref": "ref",
    "result_type": "payment",
    "summary": "paid",
    "artifacts": ["receipt.pdf"],
}
KILLED_BY_POOL = [
    (Ending.lease_lost("forbidden"), "lease lost, handler killed: forbidden"),
    (Ending.shut_down(), "worker shut down, handler killed"),
    (Ending.shut_down("SIGTERM twice"), "worker shut down, handler killed: SIGTERM twice"),
    (Ending.cancelled(), "cancelled by operator"),
    (Ending.worker_lost(), "worker lost; effects unknown"),
    (Ending.worker_lost("signal 9"), "worker lost; effects unknown: signal 9"),
]
EVERY_ENDING = [
    Ending.exited(0),
    Ending.exited(3),
    Ending.signalled(11),
    Ending.timed_out(300.0),
    Ending.could_not_start("no such folder"),
    *[ending for ending, _ in KILLED_BY_POOL],
]


def said(**fields: Any) -> OutcomeFile:
    return OutcomeFile(fields, present=True)


def evidence_of(report: Report) -> dict[str, Any]:
    return {name: value for name, value in report.body().items() if name in EVIDENCE}


def entry_of(report: Report) -> dict[str, Any]:
    assert report.metadata is not None
    entry = report.metadata["_cueapi_worker"]
    assert isinstance(entry, dict)
    return entry


ROWS = [
    # exit code, file, output, success, result, error
    (0, ABSENT, "", True, "completed", None),
    (0, ABSENT, " \n", True, "completed", None),
    (0, ABSENT, "out\n", True, "out\n", None),
    (0, said(), "out", True, "out", None),
    (0, said(success=True), "", True, "completed", None),
    (0, said(success=True, result="r"), "out", True, "r", None),
    (0, said(result="r"), "out", True, "r", None),
    (0, said(result=""), "out", True, "out", None),
    (0, said(success=False), "", False, None, "handler failed"),
    (0, said(success=False), "out", False, None, "out"),
    (0, said(success=False, error="e"), "out", False, None, "e"),
    (0, said(success=False, error="e", result="r"), "out", False, "r", "e"),
    (3, ABSENT, "", False, None, "handler failed"),
    (3, ABSENT, "out", False, None, "out"),
    (3, said(), "out", False, None, "out"),
    (3, said(success=True), "out", False, None, "out"),
    (3, said(success=True, result="r"), "", False, "r", "handler failed"),
    (3, said(success=False, error="e"), "out", False, None, "e"),
    (3, said(error="e"), "out", False, None, "e"),
    (0, MALFORMED, "", True, "completed", None),
    (0, MALFORMED, "out", True, "out", None),
    (3, MALFORMED, "", False, None, "handler failed"),
    (3, MALFORMED, "out", False, None, "out"),
]


@pytest.mark.parametrize(("code", "file", "output", "success", "result", "error"), ROWS)
def test_exit_code_against_file(
    code: int, file: OutcomeFile, output: str, success: bool, result: str | None, error: str | None
) -> None:
    report = resolve(Ending.exited(code), file, output)
    assert (report.success, report.result, report.error) == (success, result, error)
    assert evidence_of(report) == {}
    diagnostics = {"outcome_file_parse_error": file.parse_error} if file.parse_error else {}
    assert report.metadata == {"_cueapi_worker": {"ending": "exited", "exit_code": code, **diagnostics}}


@pytest.mark.parametrize("success", [True, False])
@pytest.mark.parametrize("ending", [Ending.exited(0), Ending.exited(1), Ending.signalled(9)])
def test_evidence_is_attached_to_success_and_failure(ending: Ending, success: bool) -> None:
    report = resolve(ending, said(success=success, metadata={"k": 1}, **EVIDENCE), "")
    assert report.success is (ending == Ending.exited(0) and success)
    assert evidence_of(report) == EVIDENCE
    assert report.metadata is not None
    assert report.metadata["k"] == 1


@pytest.mark.parametrize(
    ("signum", "file", "output", "error"),
    [
        (9, ABSENT, "", "handler killed by signal 9 (SIGKILL)"),
        (11, said(success=True), "", "handler killed by signal 11 (SIGSEGV)"),
        (200, ABSENT, "", "handler killed by signal 200"),
        (9, ABSENT, "out", "out"),
        (9, said(error="e"), "out", "e"),
        (9, MALFORMED, "", "handler killed by signal 9 (SIGKILL)"),
    ],
)
def test_a_signalled_handler_failed(signum: int, file: OutcomeFile, output: str, error: str) -> None:
    report = resolve(Ending.signalled(signum), file, output)
    assert (report.success, report.result, report.error) == (False, None, error)
    assert entry_of(report)["ending"] == "signalled"
    assert entry_of(report)["signal"] == signum
    assert entry_of(report).get("outcome_file_parse_error") == file.parse_error


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (300.0, "Handler timeout exceeded (300s)"),
        (5, "Handler timeout exceeded (5s)"),
        (0.5, "Handler timeout exceeded (0.5s)"),
        (1234567.0, "Handler timeout exceeded (1234567s)"),
    ],
)
@pytest.mark.parametrize(
    "file", [said(success=True, result="r", error="e", metadata={"k": 1}, **EVIDENCE), MALFORMED]
)
def test_after_a_timeout_the_file_is_not_trusted(timeout: float, error: str, file: OutcomeFile) -> None:
    report = resolve(Ending.timed_out(timeout), file, "out")
    entry = {"ending": "timed_out", "timeout": timeout, "outcome_file_ignored": True, "output": "out"}
    assert report == Report(success=False, error=error, metadata={"_cueapi_worker": entry})


def test_after_a_timeout_the_end_of_the_output_is_kept() -> None:
    output = entry_of(resolve(Ending.timed_out(1), ABSENT, "x" * 5000 + "last line"))["output"]
    assert output.startswith("... [3,0")
    assert output.endswith("xlast line")
    assert len(output) <= 2000


@pytest.mark.parametrize(("ending", "error"), KILLED_BY_POOL)
def test_what_the_pool_ended_is_a_failure_in_its_words_with_evidence(ending: Ending, error: str) -> None:
    report = resolve(ending, said(success=True, result="r", error="e", **EVIDENCE), "out")
    assert (report.success, report.result, report.error) == (False, "r", error)
    assert evidence_of(report) == EVIDENCE
    assert entry_of(report) == {"ending": ending.kind.value, "output": "out"}


def test_what_could_not_start_has_no_evidence() -> None:
    report = resolve(Ending.could_not_start("no such folder: /x"), said(success=True, **EVIDENCE), "")
    entry = {"ending": "could_not_start", "outcome_file_ignored": True}
    error = "could not start: no such folder: /x"
    assert report == Report(success=False, error=error, metadata={"_cueapi_worker": entry})


def test_every_kind_of_ending_is_named() -> None:
    assert {ending.kind for ending in EVERY_ENDING} == set(EndingKind)
    for ending in EVERY_ENDING:
        assert entry_of(resolve(ending, ABSENT, ""))["ending"] == ending.kind.value


@pytest.mark.parametrize("ending", EVERY_ENDING)
def test_only_exit_0_is_a_success(ending: Ending) -> None:
    assert resolve(ending, said(success=True), "out").success is (ending == Ending.exited(0))


def test_dropped_fields_are_named() -> None:
    file = OutcomeFile({"result": "r"}, dropped_fields=("summary", "other"), present=True)
    assert entry_of(resolve(Ending.exited(0), file, ""))["outcome_file_dropped_fields"] == [
        "summary",
        "other",
    ]


def test_an_error_beside_a_success_is_named_as_dropped() -> None:
    report = resolve(Ending.exited(0), said(success=True, error="e"), "")
    assert report.error is None
    assert entry_of(report)["outcome_file_dropped_fields"] == ["error"]


def test_the_handler_cannot_forge_our_entry() -> None:
    forged = {"k": 1, "_cueapi_worker": {"ending": "exited", "exit_code": 0, "removed": ["all"]}}
    report = resolve(Ending.exited(2), said(metadata=forged), "")
    dropped = ["metadata._cueapi_worker"]
    entry = {"ending": "exited", "exit_code": 2, "outcome_file_dropped_fields": dropped}
    assert report.metadata == {"k": 1, "_cueapi_worker": entry}
    assert forged["_cueapi_worker"] == {"ending": "exited", "exit_code": 0, "removed": ["all"]}


def test_survivors_are_named_and_bounded() -> None:
    few = dataclasses.replace(Ending.timed_out(1), survivors=("dd", "tar"))
    assert entry_of(resolve(few, ABSENT, ""))["survivors"] == ["dd", "tar"]
    many = dataclasses.replace(few, survivors=tuple("n" * 100 for _ in range(1000)))
    assert len(entry_of(resolve(many, ABSENT, ""))["survivors"]) == 10


def test_a_long_detail_is_clipped() -> None:
    error = resolve(Ending.could_not_start("x" * 5000), ABSENT, "").error
    assert error is not None
    assert len(error) < 600
