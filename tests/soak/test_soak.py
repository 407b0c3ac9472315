"""Promise 8: nothing leaks. Promises 1 and 5 with many executions and many workers. `make soak` runs these.

CUEWORKER_SOAK_EXECUTIONS (10000) and CUEWORKER_SOAK_SECONDS (300) make them shorter.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.faults import Fault, Request, without_header
from support.footprint import Footprint, files, footprints, is_idle, table
from support.proxy import FaultProxy
from support.site import FINAL, Site
from support.stage import Stage, acting, serving, staged
from support.waiting import until
from support.weather import FAULTS, Weather

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

EXECUTIONS = int(os.environ.get("CUEWORKER_SOAK_EXECUTIONS", "10000"))
SECONDS = float(os.environ.get("CUEWORKER_SOAK_SECONDS", "300"))
WORKERS = 8
WARM_UP = 0.1
"""The share of the executions after which everything that is made once has been made."""
BACKLOG = 200
FAULTY = 0.01
"""The share of requests to which something happens."""
MOST_GROWTH = 1.2
MOST_CONNECTIONS = 4
DRAINED_WITHIN = 300.0
MAY_COME = {"history.jsonl.1", *(f"slots/{slot}.json" for slot in range(WORKERS))}
"""Files that are made once, perhaps not before the warm-up is over."""

BEGIN = 'echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/begun"; '
# Task: (its share in percent, its handler, whether it succeeds).
MIX: dict[str, tuple[int, dict[str, Any], bool]] = {
    "success": (60, {"cmd": BEGIN + "echo fine"}, True),
    "evidence": (20, {"cmd": BEGIN + """echo '{"external_id": "x"}' > "$CUEAPI_OUTCOME_FILE" """}, True),
    "failure": (10, {"cmd": BEGIN + "echo broken >&2; exit 3"}, False),
    "leftovers": (8, {"cmd": BEGIN + "sleep 300 & setsid sleep 300 & echo left"}, True),
    "murder": (1, {"cmd": BEGIN + 'kill -9 "$PPID"; sleep 300'}, False),
    "timeout": (1, {"cmd": BEGIN + "sleep 300", "timeout": 0.2}, False),
}


class Soak:
    """Fires the mix, keeps the weather going, and knows what should have come of it."""

    def __init__(self, stage: Stage, weather: Weather) -> None:
        self.stage = stage
        self.weather = weather
        self.expected: dict[str, str] = {}
        self._dice = random.Random(0)
        self._drained = 0

    def fire(self, count: int) -> None:
        """Fire that many more, and wait until the pool holds nothing of any of them."""
        tasks, shares = list(MIX), [share for share, _, _ in MIX.values()]
        self.stage.proxy.rule = self.weather
        for number, task in enumerate(self._dice.choices(tasks, shares, k=count)):
            execution = self.stage.site.fire(task)
            self.expected[execution] = "success" if MIX[task][2] else "failed"
            if number % 20 == 0:
                until(lambda: self._open() < BACKLOG, "the pool keeps up", DRAINED_WITHIN)
        until(lambda: self._open() == 0, "everything has been recorded", DRAINED_WITHIN)
        self.stage.proxy.clear()
        self.stage.wait_until_settled()
        until(lambda: is_idle(self.stage.pool), "every worker is idle", 60)

    def _open(self) -> int:
        self.weather.release_holes()
        return sum(
            self.stage.site.api.executions.list(status=status, limit=1)["total"]
            for status in ("pending", "delivering", "retrying", "retry_ready")
        )


def recorded(site: Site) -> dict[str, str]:
    """The status of every execution on the server."""
    found: dict[str, str] = {}
    while True:
        page = site.api.executions.list(limit=100, offset=len(found))
        found |= {row["id"]: row["status"] for row in page["executions"]}
        if not page["has_more"]:
            return found


def test_many_executions_leave_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handlers = {task: {**handler, "env": {"FOLDER": str(tmp_path)}} for task, (_, handler, _) in MIX.items()}
    with staged(tmp_path, handlers, workers=WORKERS, heartbeat_interval=1) as stage:
        soak = Soak(stage, Weather(8, lasts=60, density=FAULTY, kinds=FAULTS))
        columns = {"start": footprints(stage.pool)}
        soak.fire(int(EXECUTIONS * WARM_UP))
        columns["warm"] = footprints(stage.pool)
        files_before = files(stage.pool)
        began = time.monotonic()
        soak.fire(EXECUTIONS - len(soak.expected))
        seconds = time.monotonic() - began
        columns["end"] = footprints(stage.pool)
        files_left = files(stage.pool) - files_before - MAY_COME

        found = recorded(stage.site)
        begun = Counter((tmp_path / "begun").read_text().split())
        with capsys.disabled():
            print(f"\nsoak: {len(found)} executions, {EXECUTIONS * (1 - WARM_UP) / seconds:.1f} a second")
            print(f"statuses: {dict(Counter(found.values()))}, faults: {dict(soak.weather.met)}")
            print("\n".join(table(columns)))
            print(f"files: {len(files_before)} before, new: {sorted(files_left)}")
        assert {key: found.get(key) for key in soak.expected} == soak.expected
        assert {key: begun[key] for key in soak.expected if begun[key] != 1} == {}
        assert not files_left
        assert_unchanged(columns["warm"], columns["end"])
        assert stage.pool.stop() == 0


def assert_unchanged(before: dict[str, Footprint], after: dict[str, Footprint]) -> None:
    """Nothing has grown but, a little, memory."""
    assert set(after) == set(before)
    # A worker that was only just refilled has opened less than one that has worked.
    seasoned = max(found.descriptors for name, found in before.items() if name.startswith("worker"))
    for name, found in after.items():
        was = before[name]
        if name.startswith("worker"):
            assert found.descriptors <= seasoned, name
        else:
            assert found.descriptors == was.descriptors, name
        assert (found.threads, found.zombies) == (was.threads, 0), name
        assert found.connections <= MOST_CONNECTIONS, name
        assert found.rss < MOST_GROWTH * was.rss, name


def no_long_poll(request: Request) -> Fault | None:
    """The hosted service cannot hold a listing back."""
    return without_header("X-Cueworker-Wait") if request.action == "list" else None


def polls_a_minute(proxy: FaultProxy, since: float) -> float:
    """How often a pool asked for work since then (`time.monotonic()`)."""
    found = [exchange for exchange in proxy.of("list") if exchange.request.at >= since]
    return len(found) * 60 / (time.monotonic() - since)


def test_sixty_four_workers_record_everything_and_poll_like_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice = random.Random(64)
    work = {"work": {"argv": ["sleep", "{{ payload.seconds }}"]}}
    with serving(tmp_path) as (server, site), contextlib.ExitStack() as stack:
        pools = []
        for workers, handlers in ((64, work), (1, {"never": {"cmd": "false"}})):
            folder = tmp_path / f"pool-of-{workers}"
            folder.mkdir()
            proxy, pool = stack.enter_context(
                acting(folder, handlers, server, workers=workers, worker_id=folder.name)
            )
            proxy.rule = no_long_poll
            pool.start()
            pools.append((proxy, pool))
        (many, pool), (one, _) = pools
        begin = time.monotonic()
        fired: list[str] = []
        while time.monotonic() < begin + SECONDS * 0.8:
            fired.append(site.fire("work", {"seconds": str(dice.choice((0, 0.1, 1, 5, 15)))}))
            time.sleep(dice.expovariate(10))  # ten a second on average is the load
        busy = polls_a_minute(many, begin)
        found: dict[str, str] = {}

        def is_recorded() -> bool:
            found.update(recorded(site))
            return all(found.get(key) in FINAL for key in fired)

        until(is_recorded, "everything is recorded", DRAINED_WITHIN)
        until(lambda: is_idle(pool), "every worker is idle", 60)
        idle_from = time.monotonic()
        until(lambda: time.monotonic() > idle_from + SECONDS * 0.2, "the idle part is over", SECONDS)
        sixty_four, single = polls_a_minute(many, idle_from), polls_a_minute(one, idle_from)
        with capsys.disabled():
            print(f"\n64 workers, {SECONDS:g} s: {len(fired)} executions, {Counter(found.values())}")
            print(f"polls a minute: {busy:.0f} under load; idle {sixty_four:.0f}, 1 worker {single:.0f}")
        assert {key: found[key] for key in fired if found[key] != "success"} == {}
        assert abs(sixty_four - single) <= 0.1 * single + 120 / (SECONDS * 0.2)
