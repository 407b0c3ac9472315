"""What commands take as whole processes, and a supervisor that idles or is watched. `make bench` prints it."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.cli import command
from support.pool import Pool, running

RUNS = 15
WATCHED = 20.0
"""Seconds for which the supervisor's CPU is taken."""
WORKERS = 8


def main() -> None:
    """Run them against one pool with three busy workers, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="cueworker-bench-") as name:
        state_dir = str(Path(name) / "state")
        pool = Pool(Path(name), {"sleep": "sleep 120"}, workers=WORKERS, state_dir=state_dir)
        with running(pool, "--log-level", "warning"):
            site = pool.site()
            for _ in range(3):
                site.claimed(site.fire("sleep"))
            site.close()
            where = ("--state-dir", state_dir)
            for words in (("--help",), ("status", *where), ("status", "--config", str(pool.config))):
                print(f"cueworker {words[0]} {words[1] if words[1:] else ''}: {timed(words)}")
            assert pool.process is not None
            supervisor = psutil.Process(pool.process.pid)
            print(f"supervisor of {WORKERS} workers: {load(supervisor):.3f} % of a core")
            top = subprocess.Popen(command("top", "--plain", *where), stdout=subprocess.DEVNULL)
            print(f"the same with `cueworker top` open: {load(supervisor):.3f} %")
            top.send_signal(signal.SIGINT)
            top.wait()


def timed(words: tuple[str, ...]) -> str:
    """The wall time of a command, a whole process each time."""
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command(*words), stdout=subprocess.DEVNULL, check=True)
        took.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(took):.0f} ms (best {min(took):.0f}, aim 100)"


def load(process: psutil.Process) -> float:
    """Per cent of a core that a process takes."""
    before = sum(process.cpu_times()[:2])
    time.sleep(WATCHED)
    return (sum(process.cpu_times()[:2]) - before) / WATCHED * 100


if __name__ == "__main__":
    main()
