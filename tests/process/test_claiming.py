"""Claims: everything that a handler exists for runs exactly once, whoever else claims beside the pool."""

from __future__ import annotations

import contextlib
import itertools
import threading
from pathlib import Path

import pytest
from support.faults import Fault, InTurn, Request, always, refusal
from support.pool import SETTLED
from support.stage import acting, serving, staged
from support.waiting import until

FULL_PAGE = 50
"""Rows in the server's listing at most (PROTOCOL)."""
REST = 2.0
"""Seconds that a row rests at least after its claim was refused."""
BAD_KEY_HOLD = 1.0
"""Seconds without a claim after one was answered 401."""

# One line for each run; `>>` appends in one piece, whoever else does.
COUNTED = 'sleep 0.05; echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/runs"'


def counted(folder: Path) -> dict[str, object]:
    return {"cmd": COUNTED, "env": {"FOLDER": str(folder)}}


def runs(folder: Path) -> list[str]:
    """The executions that ran, one entry for each run."""
    file = folder / "runs"
    return file.read_text().split() if file.exists() else []


def test_an_execution_that_somebody_else_was_faster_to_claim_is_left_to_them(tmp_path: Path) -> None:
    with staged(tmp_path, {"counted": counted(tmp_path)}) as stage:
        thief = threading.Semaphore(1)

        def rule(request: Request) -> Fault | None:
            # Between the pool's listing and its claim.
            if request.action == "claim" and thief.acquire(blocking=False):
                stage.server.claim(str(request.execution_id), "another-worker")
            return None

        stage.proxy.rule = rule
        stolen = stage.site.fire("counted")
        until(lambda: stage.statuses("claim", stolen) == [409], "the claim is refused")
        own = stage.site.fire("counted")
        assert stage.site.recorded(own)["status"] == "success"
        stage.wait_until_settled()
        assert runs(tmp_path) == [own]
        assert stage.site.get(stolen)["status"] == "delivering"
        assert stage.proxy.of("outcome", stolen) == []


@pytest.mark.parametrize("claims", [2, pytest.param(4, marks=pytest.mark.soak)])
def test_a_row_that_is_listed_but_always_refused_is_backed_off_from(tmp_path: Path, claims: int) -> None:
    """The open-source core lists rows of which every claim is refused."""
    with staged(tmp_path, {"counted": counted(tmp_path)}) as stage:
        stage.proxy.rule = always("claim", refusal(409))
        odd = stage.site.fire("counted")
        until(lambda: stage.proxy.of("claim", odd), "its claim is refused")
        stage.proxy.rule = always("claim", refusal(409), odd)
        # Meanwhile the rest of the work goes its way.
        others = [stage.site.fire("counted") for _ in range(3)]
        for execution in others:
            assert stage.site.recorded(execution)["status"] == "success"
        assert sorted(runs(tmp_path)) == sorted(others)

        until(lambda: len(stage.proxy.of("claim", odd)) >= claims, "it is tried again and again")
        times = [exchange.request.at for exchange in stage.proxy.of("claim", odd)]
        for number, (earlier, later) in enumerate(itertools.pairwise(times)):
            assert later - earlier >= REST * 2**number, times


def test_two_pools_run_sixty_executions_once_each(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, site), contextlib.ExitStack() as stack:
        pools = []
        for name in ("first", "second"):
            folder = tmp_path / name
            folder.mkdir()
            handlers = {"counted": counted(tmp_path)}
            pools.append(
                stack.enter_context(acting(folder, handlers, server, workers=4, worker_id=f"the-{name}"))
            )
        for _, pool in pools:
            pool.spawn()
        for _, pool in pools:
            pool.wait_until_up()
        executions = [site.fire("counted") for _ in range(60)]
        for execution in executions:
            found = site.recorded(execution)
            assert found["status"] == "success"
            assert found["attempts"] == 1
        until(lambda: all(pool.leftovers() == SETTLED for _, pool in pools), "everything is settled")
        assert sorted(runs(tmp_path)) == sorted(executions)
        granted = [
            [str(claim.request.execution_id) for claim in proxy.of("claim") if claim.upstream == 200]
            for proxy, _ in pools
        ]
        assert sorted(itertools.chain(*granted)) == sorted(executions)
        assert all(granted), "both pools worked"


def test_rows_without_a_handler_are_left_alone_and_hide_nothing(tmp_path: Path) -> None:
    with staged(tmp_path, {"counted": counted(tmp_path)}) as stage:
        foreign = [stage.site.fire("somebody-elses") for _ in range(FULL_PAGE + 1)]
        own = stage.site.fire("counted")
        assert stage.site.recorded(own)["status"] == "success"
        stage.wait_until_settled()
        assert {exchange.request.execution_id for exchange in stage.proxy.of("claim")} == {own}
        for execution in foreign:
            found = stage.site.get(execution)
            assert (found["status"], found["attempts"]) == ("pending", 0)


def test_a_bad_key_holds_the_pool_until_it_is_good(tmp_path: Path) -> None:
    handlers = {"counted": counted(tmp_path)}
    with staged(tmp_path, handlers, is_up=False, workers=1, poll_interval=0.2) as stage:
        stage.proxy.rule = always("list", refusal(401))
        stage.pool.start()
        execution = stage.site.fire("counted")
        until(lambda: len(stage.proxy.of("list")) >= 3, "it goes on asking")
        asked = [exchange.request.at for exchange in stage.proxy.of("list")]
        assert asked[2] - asked[1] > 3 * 0.2, "less often than when it is idle"
        assert stage.proxy.of("claim") == []

        # The key goes bad between a listing and a claim.
        stage.proxy.rule = rule = InTurn("claim", refusal(401))
        assert stage.site.recorded(execution)["status"] == "success"
        assert rule.is_over
        first, second = (exchange.request.at for exchange in stage.proxy.of("claim", execution))
        assert second - first >= BAD_KEY_HOLD
        assert runs(tmp_path) == [execution]
        assert stage.pool.events("listing.recovered")
