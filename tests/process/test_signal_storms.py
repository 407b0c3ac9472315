"""Promise 7: any storm of signals, in any phase, ends in a clean exit, and nothing is claimed but never settled."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest
from support.pool import SETTLED, Pool, end
from support.waiting import until

SEEDS = range(60) if os.environ.get("CUEWORKER_SOAK") == "1" else range(4)
TO_SUPERVISOR = (
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGQUIT),
    *(signal.SIGTSTP, signal.SIGCONT, signal.SIGTTIN, signal.SIGTTOU),
)
# The last one asks for an end; before it, anything may come.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
GRACE, KILL_GRACE = 2.0, 1.0
# shutdown_grace, then kill_grace, each with the supervisor's margin of 5 s, and the steward's 5 s for the spool.
CLEAN_END_WITHIN = GRACE + KILL_GRACE + 15


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_ends_in_a_clean_exit_and_loses_nothing(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    effects = tmp_path / "effects"
    handlers = {
        "quick": {"cmd": 'echo "$CUEAPI_EXECUTION_ID" >> "$EFFECTS"', "env": {"EFFECTS": str(effects)}},
        "slow": {
            "cmd": 'trap "" TERM; echo "$CUEAPI_EXECUTION_ID" >> "$EFFECTS"; sleep 1',
            "env": {"EFFECTS": str(effects)},
        },
    }
    pool = Pool(tmp_path, handlers, workers=3, shutdown_grace=GRACE, kill_grace=KILL_GRACE)
    stopped: list[psutil.Process] = []
    try:
        # The first storm comes while it boots, the second while it works.
        pool.spawn()
        pool.wait_for_event("pool.started")
        _storm(pool, dice, stopped, dice.randrange(0, 4), (signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1))
        _resume(stopped)
        pool.wait_until_up()
        site = pool.site()
        fired = [site.fire(dice.choice(("quick", "slow"))) for _ in range(12)]
        site.close()
        _storm(pool, dice, stopped, dice.randrange(3, 12), TO_SUPERVISOR)
        _resume(stopped)
        began = time.monotonic()
        assert pool.stop(dice.choice(ENDING)) == 0
        assert time.monotonic() - began < CLEAN_END_WITHIN
        # Whatever was claimed is settled, whatever was not is run now.
        pool.start()
        site = pool.site()
        for execution in fired:
            site.recorded(execution)
        ran = effects.read_text().split()
        assert len(ran) == len(set(ran))
        until(lambda: pool.leftovers() == SETTLED, "everything is settled")
        site.close()
        assert pool.stop() == 0
    finally:
        end(pool)


def _resume(stopped: list[psutil.Process]) -> None:
    for process in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    stopped.clear()


def _storm(
    pool: Pool,
    dice: random.Random,
    stopped: list[psutil.Process],
    gusts: int,
    signals: tuple[signal.Signals, ...],
) -> None:
    """Signals at random moments, to the supervisor and, as STOP and CONT, to single processes of the pool."""
    assert pool.process is not None
    for _ in range(gusts):
        if pool.process.poll() is not None:
            return
        if dice.random() < 0.3 and (children := pool.children()):
            child = dice.choice(children)
            with contextlib.suppress(psutil.NoSuchProcess):
                if child in stopped:
                    child.resume()
                    stopped.remove(child)
                else:
                    child.suspend()
                    stopped.append(child)
        else:
            with contextlib.suppress(ProcessLookupError):
                pool.process.send_signal(dice.choice(signals))
        time.sleep(dice.random() * 0.15)  # a random moment is what is tested
