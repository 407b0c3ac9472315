"""Promise 1 at every step: whichever process dies there, exactly one outcome is recorded and nothing is left.

The steps are enumerated from the code (`pool/steps.py`): one that is added there is tested here by being there. In the
suite each step is crashed once, the victims in rotation; `make soak` crashes each with every victim.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from cueworker.pool.steps import Step
from support.pool import SETTLED, Pool, end
from support.waiting import until

OF_STEWARD = {Step.ENTRY_READ, Step.ENTRY_ACKNOWLEDGED, Step.ENTRY_REMOVED}
OF_SUPERVISOR = {Step.LOSS_FOUND, Step.LOSS_SPOOLED, Step.LOSS_SETTLED}
# The handler leaves a line for each time that it runs, and gives a test that wants to kill its worker the time to.
HANDLER = 'echo "$$" >> "$EFFECTS"; while [ ! -e "$GO" ]; do sleep 0.02; done; echo done'


def victims_of(step: Step) -> tuple[str, ...]:
    if step in OF_SUPERVISOR:
        return ("self", "steward")
    if step in OF_STEWARD:
        return ("self", "supervisor")
    return ("self", "supervisor", "steward")


def cases() -> list[tuple[Step, str]]:
    every = [(step, victim) for step in Step for victim in victims_of(step)]
    if os.environ.get("CUEWORKER_SOAK") == "1":
        return every
    return [(step, victims_of(step)[number % len(victims_of(step))]) for number, step in enumerate(Step)]


@pytest.mark.parametrize(("step", "victim"), cases(), ids=lambda value: getattr(value, "name", value))
def test_a_death_at_any_step_leaves_one_outcome_and_nothing_else(
    tmp_path: Path, step: Step, victim: str
) -> None:
    effects, go, crashed = tmp_path / "effects", tmp_path / "go", tmp_path / "crashed"
    handler = {"cmd": HANDLER, "env": {"EFFECTS": str(effects), "GO": str(go)}}
    pool = Pool(tmp_path, {"effect": handler}, workers=2)
    try:
        pool.start(env={"CUEWORKER_CRASH_AT": f"{step.name}:{victim}:{crashed}"})
        site = pool.site()
        execution = site.fire("effect")
        if step in OF_STEWARD | OF_SUPERVISOR:
            # These are the steps after a worker's death.
            until(effects.exists, "the handler runs")
            pool.worker_of("effect").send_signal(signal.SIGKILL)
        go.touch()
        until(crashed.exists, f"a process reached {step.name}")
        if _kills_supervisor(step, victim):
            assert pool.process is not None
            pool.process.wait(30)
            site.close()
            pool.start()
            site = pool.site()
        found = site.recorded(execution)
        runs = effects.read_text().split() if effects.exists() else []
        assert len(runs) <= 1
        assert found["status"] == "failed" or len(runs) == 1
        assert not [pid for pid in runs if psutil.pid_exists(int(pid))]
        until(lambda: pool.leftovers() == SETTLED, "everything is settled")
        assert site.get(execution)["outcome"] == found["outcome"]
        # And the pool is as good as new.
        assert site.recorded(site.fire("effect"))["status"] == "success"
        site.close()
        assert pool.stop() == 0
    finally:
        end(pool)


def _kills_supervisor(step: Step, victim: str) -> bool:
    return victim == "supervisor" or (victim == "self" and step in OF_SUPERVISOR)
