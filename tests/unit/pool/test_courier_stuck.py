"""Since when the courier could deliver nothing: what `/readyz` calls a stuck spool."""

from __future__ import annotations

import contextlib
from pathlib import Path

from cueworker.client import Budget
from cueworker.outcome import Ending, OutcomeFile, fit, resolve
from cueworker.pool.account import Account
from cueworker.pool.clock import boottime
from cueworker.pool.counted import REPORTS
from cueworker.pool.courier import Courier
from cueworker.pool.cueapi_source import CueAPISource
from cueworker.pool.offers import Notices
from cueworker.pool.spool import Ownership, Spool, SpoolEntry
from cueworker.pool.state_dir import StateDir
from cueworker.pool.tally import STEWARD, Tally
from support.faults import always, refusal
from support.proxy import FaultProxy

KEY = "cue_sk_" + "0" * 32


def spooled(state_dir: StateDir, execution_id: str) -> None:
    report = fit(resolve(Ending.exited(0), OutcomeFile(fields={}, present=False), ""))
    Spool(state_dir).put(
        SpoolEntry(
            execution_id=execution_id,
            task="t",
            ending="exited",
            ownership=Ownership.OURS,
            report=report,
            created=0.0,
        )
    )


def test_it_is_stuck_from_the_first_failure_until_anything_is_settled(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "state")
    state_dir.prepare()
    tally = Tally()
    with (
        FaultProxy("http://127.0.0.1:9") as proxy,
        contextlib.closing(Notices()) as notices,
        contextlib.closing(Budget.create(tmp_path / "budget.lock")) as budget,
        contextlib.closing(CueAPISource("w", Account(KEY, proxy.url), budget)) as source,
    ):
        courier = Courier(lambda: source, state_dir, notices, 30.0, tally.row(STEWARD))
        courier.finish(boottime())
        assert courier.stuck_since is None, "nothing waits"

        proxy.rule = always("outcome", refusal(503))
        spooled(state_dir, "one")
        before = boottime()
        courier.finish(boottime())
        first = courier.stuck_since
        assert first is not None
        assert before <= first <= boottime()
        courier.finish(boottime())
        assert courier.stuck_since == first

        proxy.rule = always("outcome", refusal(409))
        courier.finish(boottime())
        assert courier.stuck_since is None
        assert tally.totals().cells(REPORTS)[REPORTS.place(("settled",))] == 1

        proxy.refuse()
        spooled(state_dir, "two")
        courier.finish(boottime())
        assert courier.stuck_since is not None
        assert courier.stuck_since > first
        Spool(state_dir).remove("two")
        courier.finish(boottime())
        assert courier.stuck_since is None, "nothing waits any more"
