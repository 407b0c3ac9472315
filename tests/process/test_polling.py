"""Promise 5 and the cost of polling: one steward polls for the whole pool, within the key's request limit."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from support.faults import Fault, Request, without_header
from support.proxy import Exchange, FaultProxy
from support.stage import Stage, acting, serving, staged
from support.waiting import until

WINDOW = 5.0
"""Seconds over which idle polls are counted."""
DELIVERED_WITHIN = 0.5
"""Seconds between a handler's end and the arrival of its outcome, as long as the budget has room."""

# Its last act is to note the time.
NOTING = 'sleep {seconds}; echo "$CUEAPI_EXECUTION_ID $(date +%s.%N)" >> "$FOLDER/ends"'


def noting(folder: Path, seconds: float) -> dict[str, object]:
    return {"cmd": NOTING.format(seconds=seconds), "env": {"FOLDER": str(folder)}}


def no_long_poll(request: Request) -> Fault | None:
    """The hosted service cannot hold a listing back."""
    return without_header("X-Cueworker-Wait") if request.action == "list" else None


def polls_in(proxy: FaultProxy, begin: float, end: float) -> int:
    return sum(begin <= exchange.request.at < end for exchange in proxy.of("list"))


def test_an_idle_pool_of_1_and_of_16_workers_polls_equally_often(tmp_path: Path) -> None:
    handlers = {"never": {"cmd": "false"}}
    with serving(tmp_path) as (server, _), contextlib.ExitStack() as stack:
        proxies = []
        for workers in (1, 16):
            folder = tmp_path / f"pool-of-{workers}"
            folder.mkdir()
            proxy, pool = stack.enter_context(
                acting(folder, handlers, server, workers=workers, worker_id=folder.name, poll_interval=0.5)
            )
            proxy.rule = no_long_poll
            pool.start()
            proxies.append(proxy)
        # The pauses of an idle pool grow up to `poll_interval`: 0.1, 0.2, 0.4 s.
        until(lambda: all(len(proxy.of("list")) > 4 for proxy in proxies), "both are idle")
        begin = time.monotonic()
        until(lambda: time.monotonic() > begin + WINDOW, "the window is over")
        one, sixteen = (polls_in(proxy, begin, begin + WINDOW) for proxy in proxies)
        assert abs(one - sixteen) <= 2, (one, sixteen)
        expected = WINDOW / 0.5
        assert expected - 3 <= min(one, sixteen) <= max(one, sixteen) <= expected + 2, (one, sixteen)


def recorded(stage: Stage) -> set[str]:
    """The executions whose outcomes the server has taken. Asking the server would use up the test's own key."""
    return {
        str(exchange.request.execution_id)
        for exchange in stage.proxy.of("outcome")
        if exchange.upstream == 200
    }


def refused(stage: Stage) -> list[Exchange]:
    """The requests of the pool that were over the limit."""
    return [exchange for exchange in list(stage.proxy.exchanges) if exchange.upstream == 429]


def delays(stage: Stage, folder: Path) -> dict[str, float]:
    """Seconds from each recorded execution's end until its outcome arrived at the proxy."""
    offset = time.time() - time.monotonic()
    ends = dict(line.split() for line in (folder / "ends").read_text().splitlines())
    return {
        execution_id: stage.proxy.of("outcome", execution_id)[0].request.at
        + offset
        - float(ends[execution_id])
        for execution_id in recorded(stage)
    }


def assert_prompt(stage: Stage, folder: Path) -> None:
    late = {key: delay for key, delay in delays(stage, folder).items() if delay > DELIVERED_WITHIN}
    assert late == {}


def test_a_burst_within_the_limit_meets_no_429_and_no_delay(tmp_path: Path) -> None:
    with staged(tmp_path, {"noting": noting(tmp_path, 1)}, {"rate_limit": 60}, workers=8) as stage:
        stage.proxy.rule = no_long_poll
        executions = {stage.site.fire("noting") for _ in range(20)}
        until(lambda: recorded(stage) == executions, "all outcomes are recorded")
        stage.wait_until_settled()
        assert refused(stage) == []
        assert_prompt(stage, tmp_path)


@pytest.mark.parametrize("watched", [8.0, pytest.param(90.0, marks=pytest.mark.soak)])
@pytest.mark.timeout(150)
def test_more_work_than_the_limit_allows_meets_no_429_and_no_delay(tmp_path: Path, watched: float) -> None:
    with staged(tmp_path, {"noting": noting(tmp_path, 0.5)}, {"rate_limit": 60}, workers=8) as stage:
        stage.proxy.rule = no_long_poll
        begin = time.monotonic()
        for _ in range(55):
            stage.site.fire("noting")
        until(lambda: time.monotonic() > begin + watched, "the time is over", within=watched + 1)
        assert refused(stage) == []
        assert_prompt(stage, tmp_path)
        first_minute = sum(exchange.request.at < begin + 60 for exchange in stage.proxy.of("outcome"))
        assert first_minute >= 15
        if watched > 60:
            assert len(recorded(stage)) >= first_minute + 10, "the pool goes on as the window moves"
