"""What metrics cost: one scrape of a pool of 64 workers with 10 tasks, and the counting of one execution.

python tests/bench/scrape.py
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cueworker.pool.call_counting import counting
from cueworker.pool.clock import boottime
from cueworker.pool.counted import CLAIMS, DURATION, EXECUTIONS, QUEUE_DELAY, REPORTS
from cueworker.pool.metrics_server import MetricsServer, pages_of
from cueworker.pool.queued import queued_for
from cueworker.pool.settings import Listen
from cueworker.pool.tally import Row
from cueworker.pool.vitals import Vitals
from support.shared import shared_by

WORKERS = 64
TASKS = [f"task-{number}" for number in range(10)]
SCRAPES = 200
EXECUTIONS_COUNTED = 20_000


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, shared_by(WORKERS, TASKS, Path(folder)) as shared:
        pages = pages_of(shared, Vitals(shared, lambda: None), "bench")
        for slot in range(WORKERS):
            for task in TASKS:
                count_one(shared.tally.row(slot), task)
        with MetricsServer(Listen("127.0.0.1", 0), pages) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = server.url
            took = timed(lambda: requests.get(url, timeout=5), SCRAPES)
            alone = timed(lambda: pages["/metrics"](""), SCRAPES)
            size = len(requests.get(url, timeout=5).content)
            server.shutdown()
    print(f"a scrape over HTTP, {WORKERS} workers, {len(TASKS)} tasks, {size} bytes: {took:.2f} ms (median)")
    print(f"of that the page itself: {alone:.2f} ms")
    row = shared.tally.row(0)
    began = time.process_time()
    for _ in range(EXECUTIONS_COUNTED):
        count_one(row, "task-3")
    print(f"counting one execution: {(time.process_time() - began) / EXECUTIONS_COUNTED * 1e6:.1f} µs CPU")


def count_one(row: Row, task: str) -> None:
    """All that a worker counts for one execution."""
    on_answer = counting(row)
    on_answer("claim", None)
    row.add(CLAIMS, "granted", task=task)
    queued = queued_for("2025-01-01T00:00:00.123456Z", time.time())
    row.observe(QUEUE_DELAY, queued or 0.0, task)
    row.add(EXECUTIONS, "exited", "success", task=task)
    row.observe(DURATION, boottime() % 100, task)
    on_answer("report", None)
    row.add(REPORTS, "recorded")


def timed(call: Callable[[], object], times: int) -> float:
    """The median of a call's wall time in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    main()
