"""Promise 1 in random weather: whatever befalls the network, every execution runs once and has its one outcome.

The schedules come from seeds (`support/weather.py`). In every fourth one leases are so short that some cannot be
renewed.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.faults import Answer, Fault, InTurn, Request, Reset, Rewrite
from support.stage import Stage, staged
from support.weather import Weather

IN_SUITE = 5
SOAKED = 200 if os.environ.get("CUEWORKER_SOAK") == "1" else IN_SUITE
SEEDS = [*range(IN_SUITE), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(IN_SUITE, SOAKED))]
EXECUTIONS = 16
SHORT_LEASE = 3.0
RECORDED_WITHIN = 90.0
"""Seconds: refusals without a time, and of the key, double their pause up to 30."""

WORK = """
echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/begun"
sleep {seconds}
echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/done"
"""


@dataclass
class Tally:
    """What came of all seeds of this run."""

    seeds: int = 0
    executions: int = 0
    fenced: int = 0
    """Handlers that were killed because their lease could not be renewed."""
    lost: int = 0
    doubled: int = 0


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    tally = Tally()
    yield tally
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\nweather: {tally}")


def lines(folder: Path, name: str) -> Counter[str]:
    """How often each execution stands in a file."""
    file = folder / name
    return Counter(file.read_text().split()) if file.exists() else Counter()


def handlers(folder: Path) -> dict[str, Any]:
    return {
        task: {"cmd": WORK.format(seconds=seconds), "env": {"FOLDER": str(folder)}}
        for task, seconds in (("quick", 0), ("short", 0.4), ("kept", 1.6), ("long", SHORT_LEASE + 1))
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_every_execution_runs_once_and_has_one_outcome(tmp_path: Path, seed: int, tally: Tally) -> None:
    dice = random.Random(seed)
    is_short = seed % 4 == 3
    tasks = ["quick", "short", "kept", *(["long"] if is_short else [])]
    flags = {"lease_seconds": SHORT_LEASE} if is_short else {}
    weather = Weather(seed, lasts=dice.uniform(2, 4))
    with staged(tmp_path, handlers(tmp_path), flags, workers=4, heartbeat_interval=1) as stage:
        fired: list[str] = []

        def fire() -> None:
            fired.append(stage.site.fire(dice.choice(tasks)))

        moments = [dice.uniform(0, weather.lasts * 0.8) for _ in range(EXECUTIONS)]
        weather.pass_over(stage.proxy, stage.server, [(moment, fire) for moment in moments])
        for execution in fired:
            stage.site.recorded(execution, RECORDED_WITHIN)
        stage.wait_until_settled()
        judge(stage, fired, tally, may_be_fenced=is_short)
        assert stage.pool.stop() == 0


def judge(stage: Stage, fired: list[str], tally: Tally, *, may_be_fenced: bool) -> None:
    """Compare what ran with what was recorded."""
    begun, done = lines(stage.pool.folder, "begun"), lines(stage.pool.folder, "done")
    found = {execution: stage.site.get(execution) for execution in fired}
    fenced = {
        execution
        for execution in fired
        if may_be_fenced and "could not be renewed" in str(found[execution]["outcome"]["error"])
    }
    lost = {key for key in fired if found[key]["status"] != "success"} - fenced
    doubled = {key for key in fired if begun[key] != 1}
    taken = {key: stage.statuses("outcome", key) for key in fired}
    tally.seeds += 1
    tally.executions += len(fired)
    tally.fenced += len(fenced)
    tally.lost += len(lost)
    tally.doubled += len(doubled)
    assert not lost, {key: (found[key], stage.history(key)) for key in lost}
    assert not doubled, {key: begun[key] for key in doubled}
    assert {key: done[key] for key in fired if key not in fenced} == {k: 1 for k in fired if k not in fenced}
    # An answer that was on its way when the server was killed is missing here; a second 200 would be a second outcome.
    assert not {key: statuses for key, statuses in taken.items() if statuses.count(200) > 1}
    assert not {key: statuses for key, statuses in taken.items() if set(statuses) - {200, 409}}
    for event in ("slot.crashed", "slot.hung", "slot.overdue", "execution.survivors"):
        assert not stage.pool.events(event)


def test_a_claim_that_arrives_after_it_was_given_up_is_not_forgotten(tmp_path: Path) -> None:
    """Its connection broke; the server gets to it only when the worker has asked whose the execution is."""
    with staged(tmp_path, handlers(tmp_path), workers=1) as stage:
        lose = InTurn("claim", Reset())
        late: list[str] = []

        def rule(request: Request) -> Fault | None:
            if request.action != "heartbeat" or late:
                return lose(request)
            late.append(str(request.execution_id))

            def arrive(answer: Answer) -> Answer:
                stage.server.claim(late[0], stage.pool.settings["worker_id"])
                return answer

            return Rewrite(arrive)

        stage.proxy.rule = rule
        execution = stage.site.fire("quick")
        found = stage.site.recorded(execution)
        assert late == [execution]
        assert (found["status"], found["attempts"]) == ("success", 1)
        stage.wait_until_settled()
        assert stage.statuses("heartbeat", execution) == [409, 200]
        assert stage.statuses("claim", execution) == [409]
        assert lines(tmp_path, "done") == {execution: 1}
