"""Throughput and cost of no-op shell handlers with 8 workers, beside an ideal loop of 8 processes.

They run in turn against one local server; what counts are the ratios within one run. `make bench` prints them. The
ideal loop runs twice: on a plain requests session, and on this project's own client, which costs half as much a call.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.local_server import LocalServerProcess
from support.pool import Pool, running
from support.site import Site
from support.waiting import until

WORKERS = 8
EXECUTIONS = 800
ROUNDS = 5
PATIENCE = 120.0
IDEAL = Path(__file__).with_name("ideal.py")


@dataclass(frozen=True)
class Figures:
    """One round."""

    rate: float
    """Executions a second."""
    cpu_ms: float
    """CPU of the contender's own processes for one execution, milliseconds."""


def main() -> None:
    """Run the rounds and print the figures."""
    with tempfile.TemporaryDirectory(prefix="cueworker-bench-") as name:
        folder = Path(name)
        with LocalServerProcess(folder / "server", rate_limit=10_000_000) as server:
            site = Site(server.url, server.api_key)
            settings = {"api_base": server.url, "api_key": server.api_key, "workers": WORKERS}
            pool = Pool(folder, {"noop": "true"}, **settings)
            pools, ideals, leans = [], [], []
            with running(pool, "--log-level", "warning"):
                idle = total_pss(pool_processes(pool))
                requests = requests_an_execution(pool, site)  # also the warm-up
                busy = total_pss(pool_processes(pool))
                for number in range(1, ROUNDS + 1):
                    pools.append(pool_round(pool, site))
                    ideals.append(ideal_round(pool, site, "requests"))
                    leans.append(ideal_round(pool, site, "ours"))
                    say(number, pools[-1], ideals[-1], leans[-1])
            site.close()
    summary(pools, ideals, leans, {"requests": requests, "idle": idle, "busy": busy})


def pool_round(pool: Pool, site: Site) -> Figures:
    """Fire while the steward is stopped, then let it go and wait for the last outcome."""
    steward = pool.steward()
    steward.send_signal(signal.SIGSTOP)
    for _ in range(EXECUTIONS):
        site.fire("noop")
    processes = pool_processes(pool)
    cpu, began, done = total_cpu(processes), time.monotonic(), lines(pool)
    steward.send_signal(signal.SIGCONT)
    until(lambda: lines(pool) >= done + EXECUTIONS, "the pool is done", PATIENCE)
    took = time.monotonic() - began
    return Figures(EXECUTIONS / took, (total_cpu(processes) - cpu) / EXECUTIONS * 1000)


def requests_an_execution(pool: Pool, site: Site) -> float:
    """What the server counted, on its first minute: nothing falls out of its window meanwhile."""
    used = requests_used(site)
    pool_round(pool, site)
    of_ours = EXECUTIONS + 2  # one fire each, the cue, the question itself
    return (requests_used(site) - used - of_ours) / EXECUTIONS


def lines(pool: Pool) -> int:
    """Executions that the pool's history holds."""
    history = pool.state_dir / "history.jsonl"
    return history.read_bytes().count(b"\n") if history.exists() else 0


def ideal_round(pool: Pool, site: Site, client: str) -> Figures:
    """The same number of executions by 8 bare loops, while the pool's steward is stopped."""
    steward = pool.steward()
    steward.send_signal(signal.SIGSTOP)
    ids = [site.fire("noop") for _ in range(EXECUTIONS)]
    loops = []
    for index in range(WORKERS):
        loop = psutil.Popen(
            [sys.executable, "-P", str(IDEAL), client, site.url, site.api_key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        loop.stdin.write("\n".join(ids[index::WORKERS]))
        loops.append(loop)
    for loop in loops:
        loop.stdin.close()
    for loop in loops:
        loop.stdout.readline()
    began, cpu = time.monotonic(), total_cpu(loops)
    last = cpu
    while any(loop.poll() is None for loop in loops):
        last = max(last, total_cpu(loops))
        time.sleep(0.02)
    took = time.monotonic() - began
    steward.send_signal(signal.SIGCONT)
    for loop in loops:
        loop.stdout.close()
    return Figures(EXECUTIONS / took, (last - cpu) / EXECUTIONS * 1000)


def pool_processes(pool: Pool) -> list[psutil.Process]:
    """Supervisor, steward, workers."""
    assert pool.process is not None
    return [psutil.Process(pool.process.pid), pool.steward(), *pool.workers()]


def total_cpu(processes: list[psutil.Process]) -> float:
    """User and system seconds of the processes themselves, without their children."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def total_pss(processes: list[psutil.Process]) -> float:
    """Proportional set size in MB."""
    return sum(process.memory_full_info().pss for process in processes) / 1e6


def requests_used(site: Site) -> int:
    """Requests that the server counted within its window."""
    return int(site.api.usage()["rate_limit"]["current_usage"])


def say(number: int, pool: Figures, ideal: Figures, lean: Figures) -> None:
    """One round on the screen."""
    print(
        f"round {number}: pool {pool.rate:6.1f}/s {pool.cpu_ms:5.2f} ms   "
        f"ideal {ideal.rate:6.1f}/s {ideal.cpu_ms:5.2f} ms   "
        f"ideal on our client {lean.rate:6.1f}/s {lean.cpu_ms:5.2f} ms   "
        f"ratios {pool.rate / ideal.rate:4.2f} {pool.rate / lean.rate:4.2f}",
        flush=True,
    )


def summary(
    pools: list[Figures], ideals: list[Figures], leans: list[Figures], others: dict[str, float]
) -> None:
    """Medians, and the figures aimed at."""
    figures = {
        "executions/s": round(statistics.median(pool.rate for pool in pools), 1),
        "of the ideal loop (aim >= 0.7)": ratio(pools, ideals),
        "of the ideal loop on our client": ratio(pools, leans),
        "CPU ms an execution (aim <= 6)": cost(pools),
        "ideal loop's CPU ms": cost(ideals),
        "ideal loop's CPU ms on our client": cost(leans),
        "requests an execution (aim <= 2.2)": round(others["requests"], 2),
        "total PSS in MB, idle": round(others["idle"], 1),
        "total PSS in MB, busy (aim <= 100)": round(others["busy"], 1),
    }
    print(json.dumps(figures, indent=1))


def ratio(ours: list[Figures], theirs: list[Figures]) -> float:
    """Median of the rates' ratios, round by round."""
    return round(statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True)), 2)


def cost(rounds: list[Figures]) -> float:
    """Median CPU milliseconds."""
    return round(statistics.median(figures.cpu_ms for figures in rounds), 2)


if __name__ == "__main__":
    main()
