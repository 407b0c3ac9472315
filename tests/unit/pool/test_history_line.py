"""What history keeps of an execution: enough to answer the questions that come later, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from cueworker.outcome import Ending, fit, parse_outcome, resolve
from cueworker.pool.history_line import RESULT_LENGTH, about_run, history_line
from cueworker.pool.offers import Offer
from cueworker.pool.spool import Ownership, SpoolEntry

END = 1_700_000_000.0


def offer(scheduled_for: str, cue_name: str = "nightly") -> Offer:
    return Offer("e-1", "cue_1", cue_name, "backup", 0.0, b"{}", scheduled_for)


def entry(ending: Ending, outcome: bytes = b"", output: str = "", **about: Any) -> SpoolEntry:
    report = fit(resolve(ending, parse_outcome(outcome), output))
    return SpoolEntry(
        execution_id="e-1",
        task="backup",
        ending=ending.kind.value,
        ownership=Ownership.OURS,
        report=report,
        created=END,
        about=about,
    )


def test_a_run_is_told_by_slot_times_and_cue() -> None:
    # 2023-11-14T22:13:20Z is END; it ran for 5 s and waited 10 before.
    facts = about_run(3, offer("2023-11-14T22:13:05Z"), END, 5.0)
    assert facts == {"cue": "nightly", "slot": 3, "started": END - 5, "seconds": 5.0, "queued": 10.0}


@pytest.mark.parametrize("scheduled_for", ["", "soon", "99999-01-01"])
def test_a_time_that_is_none_is_left_out(scheduled_for: str) -> None:
    assert "queued" not in about_run(0, offer(scheduled_for, ""), END, 5.0)


def test_a_clock_behind_the_servers_queues_nothing_for_less_than_no_time() -> None:
    assert about_run(0, offer("2023-11-14T23:00:00Z"), END, 5.0)["queued"] == 0.0


def test_a_success_keeps_its_first_words_and_its_evidence() -> None:
    outcome = b'{"external_id": "post-42", "artifacts": [1, 2], "nonsense": 1, "result_ref": "%s"}' % (
        b"r" * 300
    )
    line = history_line(entry(Ending.exited(0), outcome, "\n" + "x" * 300 + "\nmore", slot=1), "recorded")
    assert line["result"] == "x" * RESULT_LENGTH
    assert (line["external_id"], line["artifacts"], line["exit_code"]) == ("post-42", 2, 0)
    assert (line["dropped"], line["clipped"], line["slot"]) == (["nonsense"], {"result_ref": 300}, 1)
    assert "error" not in line and "waited" not in line and "signal" not in line


def test_a_failure_keeps_its_whole_error_and_how_it_came_about() -> None:
    line = history_line(entry(Ending.signalled(9), b"{", "line one\nline two\n"), "recorded", waited=1.23456)
    assert (line["error"], line["signal"], line["waited"]) == ("line one\nline two\n", 9, 1.235)
    assert line["outcome_file_error"].startswith("outcome_file_malformed_json")
