"""Promise 1 against the network: no outcome is lost, none is recorded twice, and every handler runs once."""

from __future__ import annotations

import signal
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from support.faults import AnswerLost, CutBody, CutHeaders, InTurn, Reset, Slow, always, page, refusal
from support.stage import Stage, staged
from support.waiting import until

# Each run leaves a line; then it goes on when the gate opens.
GATED = """
echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/runs"
while [ ! -e "$FOLDER/gate" ]; do sleep 0.1; done
"""

NOT_DONE = (
    refusal(401),
    refusal(401),
    page(502),
    refusal(503, {"Retry-After": "1"}),
    page(504),
    refusal(500, then_close=True),
)
DONE_BUT_NOT_TOLD = (CutHeaders(), CutBody(), AnswerLost())

ON_ITS_WAY = 0.3
"""Seconds that a request may take from the pool's decision to send it until it arrives."""


def gated(folder: Path) -> dict[str, object]:
    return {"cmd": GATED, "env": {"FOLDER": str(folder)}}


def runs(folder: Path) -> list[str]:
    """The executions that ran, one entry for each run."""
    file = folder / "runs"
    return sorted(file.read_text().split()) if file.exists() else []


def open_gate(folder: Path) -> None:
    (folder / "gate").touch()


def assert_recorded_once(stage: Stage, execution_id: str) -> None:
    """The server took exactly one outcome; whatever else it was sent it refused as a second one."""
    statuses = stage.statuses("outcome", execution_id)
    assert statuses[0] == 200, statuses
    assert set(statuses[1:]) <= {409}, statuses


@pytest.mark.parametrize("outage", [2.0, pytest.param(15.0, marks=pytest.mark.soak)])
def test_eight_outcomes_survive_an_outage_and_bad_answers(tmp_path: Path, outage: float) -> None:
    with staged(tmp_path, {"gated": gated(tmp_path)}, workers=8) as stage:
        executions = [stage.site.fire("gated") for _ in range(8)]
        until(lambda: runs(tmp_path) == sorted(executions), "all eight run")

        stage.proxy.refuse()
        over = time.monotonic() + outage
        open_gate(tmp_path)
        until(lambda: len(stage.pool.leftovers()["spool"]) == 8, "all eight reports wait")
        until(lambda: time.monotonic() >= over, "the outage is over")
        assert {stage.site.get(execution)["status"] for execution in executions} == {"delivering"}

        weather = InTurn("outcome", *NOT_DONE, *DONE_BUT_NOT_TOLD, Reset(), Slow(0.5))
        stage.proxy.rule = weather
        stage.proxy.admit()
        for execution in executions:
            assert stage.site.recorded(execution)["status"] == "success"
        stage.wait_until_settled()
        assert weather.is_over
        for execution in executions:
            assert_recorded_once(stage, execution)
            assert len(stage.history(execution)) == 1
        assert runs(tmp_path) == sorted(executions)


def test_a_lost_answer_to_an_outcome_is_settled_by_the_second_one(tmp_path: Path) -> None:
    open_gate(tmp_path)
    with staged(tmp_path, {"gated": gated(tmp_path)}) as stage:
        stage.proxy.rule = InTurn("outcome", AnswerLost())
        execution = stage.site.fire("gated")
        assert stage.site.recorded(execution)["status"] == "success"
        stage.wait_until_settled()
        assert stage.statuses("outcome", execution) == [200, 409]
        (entry,) = stage.history(execution)
        assert entry["success"] is True
        assert entry["fate"] == "already recorded"


def test_lost_claims_are_settled_by_a_heartbeat_and_the_handler_runs_once(tmp_path: Path) -> None:
    open_gate(tmp_path)
    with staged(tmp_path, {"gated": gated(tmp_path)}, workers=1) as stage:
        # The server granted it, and the heartbeat says so.
        stage.proxy.rule = InTurn("claim", AnswerLost())
        granted = stage.site.fire("gated")
        assert stage.site.recorded(granted)["status"] == "success"
        assert stage.statuses("claim", granted) == [200]
        assert stage.statuses("heartbeat", granted)[0] == 200

        # The server never saw it: nobody has it, and it is claimed once more.
        stage.proxy.rule = InTurn("claim", refusal(500, then_close=True))
        never_seen = stage.site.fire("gated")
        assert stage.site.recorded(never_seen)["status"] == "success"
        assert stage.statuses("heartbeat", never_seen)[0] == 409
        assert stage.statuses("claim", never_seen) == [200]

        stage.wait_until_settled()
        assert runs(tmp_path) == sorted([granted, never_seen])
        for execution in (granted, never_seen):
            assert stage.statuses("outcome", execution) == [200]


def test_waiting_reports_survive_the_steward_and_a_restart(tmp_path: Path) -> None:
    open_gate(tmp_path)
    with staged(tmp_path, {"gated": gated(tmp_path)}) as stage:
        stage.proxy.rule = always("outcome", page(503))
        executions = [stage.site.fire("gated") for _ in range(2)]
        until(lambda: len(stage.pool.leftovers()["spool"]) == 2, "both reports wait")

        first = stage.pool.steward()
        first.send_signal(signal.SIGKILL)
        stage.pool.wait_for_event("slot.crashed")
        tried = len(stage.proxy.of("outcome"))
        until(lambda: len(stage.proxy.of("outcome")) > tried, "a new steward tries")

        assert stage.pool.stop() == 0
        assert len(stage.pool.leftovers()["spool"]) == 2
        assert {stage.site.get(execution)["status"] for execution in executions} == {"delivering"}

        stage.proxy.rule = None
        stage.pool.start()
        for execution in executions:
            assert stage.site.recorded(execution)["status"] == "success"
        stage.wait_until_settled()
        for execution in executions:
            assert stage.statuses("outcome", execution) == [200]
            assert [entry["fate"] for entry in stage.history(execution)] == ["recorded"]
        assert runs(tmp_path) == sorted(executions)


def test_a_429_silences_the_pool_for_as_long_as_it_says(tmp_path: Path) -> None:
    open_gate(tmp_path)
    offset = time.time() - time.monotonic()
    with staged(tmp_path, {"gated": gated(tmp_path)}) as stage:
        for kind in ("seconds", "date", "none"):
            date = int(time.time()) + 3
            headers = {
                "seconds": {"Retry-After": "1.5"},
                "date": {"Retry-After": formatdate(date, usegmt=True)},
                "none": {},
            }[kind]
            stage.proxy.rule = InTurn("outcome", refusal(429, headers))
            execution = stage.site.fire("gated")
            assert stage.site.recorded(execution)["status"] == "success"
            stage.wait_until_settled()
            assert stage.statuses("outcome", execution) == [200]

            refused, taken = (exchange.request.at for exchange in stage.proxy.of("outcome", execution))
            silent_for = {"seconds": 1.5, "date": date - offset - refused, "none": 1.0}[kind]
            assert taken - refused >= silent_for
            # What was on its way already when the answer came does not count.
            early = [
                exchange.request
                for exchange in list(stage.proxy.exchanges)
                if refused + ON_ITS_WAY < exchange.request.at < refused + silent_for
            ]
            assert early == []


def test_a_name_that_does_not_resolve_is_waited_out(tmp_path: Path) -> None:
    with staged(tmp_path, {"gated": gated(tmp_path)}) as stage:
        pool, site = stage.pool, stage.site
        running = site.fire("gated")
        until(lambda: runs(tmp_path) == [running], "the first one runs")
        address = pool.settings["api_base"]
        pool.configure({"gated": gated(tmp_path)}, api_base="http://cueapi.invalid")
        pool.send(signal.SIGHUP)
        said = pool.wait_for_event("listing.failed")
        assert "http://cueapi.invalid cannot be reached" in said[0]
        open_gate(tmp_path)
        assert site.recorded(running)["status"] == "success"
        later = site.fire("gated")
        pool.configure({"gated": gated(tmp_path)}, api_base=address)
        pool.send(signal.SIGHUP)
        pool.wait_for_event("pool.reloaded", 2)
        assert site.recorded(later)["status"] == "success"
        assert runs(tmp_path) == sorted([running, later])
        assert_recorded_once(stage, running)
        assert_recorded_once(stage, later)
