"""Rolling restarts under load: reloads, upgrades in place and restarts of the whole pool (promises 1 and 6).

Three in the suite, a hundred with `CUEWORKER_SOAK=1`.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.stage import Stage, staged
from support.waiting import until

RESTARTS = 100 if os.environ.get("CUEWORKER_SOAK") == "1" else 3
KINDS = ("reload", "upgrade", "whole", "reload", "upgrade")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    say = 'echo "$CUEAPI_EXECUTION_ID" >> "$RAN"'
    env = {"RAN": str(tmp_path / "ran")}
    handlers = {
        "quick": {"cmd": say, "env": env},
        "longer": {"cmd": f"{say}; sleep 1.5", "env": env},
    }
    with staged(tmp_path, handlers, workers=4, shutdown_grace=20) as made:
        yield made


@pytest.mark.timeout(900)
def test_restarts_under_load_lose_nothing_and_double_nothing(stage: Stage, tmp_path: Path) -> None:
    fired: list[str] = []
    over = threading.Event()
    dice = random.Random(10)

    def load() -> None:
        while not over.is_set():
            fired.append(stage.site.fire(dice.choices(("quick", "longer"), (9, 1))[0]))
            until(lambda: over.is_set() or len(fired) - done() < 30, "the pool keeps up", 120)

    def done() -> int:
        history = stage.pool.state_dir / "history.jsonl"
        return history.read_bytes().count(b"\n") if history.exists() else 0

    with ThreadPoolExecutor(1) as thread:
        loading = thread.submit(load)
        try:
            for number in range(RESTARTS):
                seen = done()
                until(lambda: done() > seen, "work is done meanwhile")  # noqa: B023
                restart(stage, KINDS[number % len(KINDS)])
        finally:
            over.set()
        loading.result(120)
    for execution in fired:
        assert stage.site.recorded(execution)["status"] == "success"
    stage.wait_until_settled()
    runs = Counter((tmp_path / "ran").read_text().split())
    assert runs == Counter(fired), "lost, or run twice"
    recorded = Counter(
        exchange.request.execution_id for exchange in stage.proxy.of("outcome") if exchange.upstream == 200
    )
    assert recorded == Counter(fired)
    print(f"{RESTARTS} rolling restarts, {len(fired)} executions: 0 lost, 0 doubled")


def restart(stage: Stage, kind: str) -> None:
    """By SIGHUP or SIGUSR2, every worker is replaced as soon as it is idle; or all, as a service manager does."""
    pool = stage.pool
    if kind == "whole":
        assert pool.stop() == 0
        pool.start()
        return
    before = {worker.pid for worker in pool.workers()}
    upgraded = len(pool.events("pool.upgraded"))
    pool.send(signal.SIGHUP if kind == "reload" else signal.SIGUSR2)
    if kind == "upgrade":
        pool.wait_for_event("pool.upgraded", upgraded + 1)
    until(
        lambda: len(now := {worker.pid for worker in pool.workers()}) == 4 and not now & before,
        "every worker is a new one",
    )
