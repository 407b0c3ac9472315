"""What the processes of handlers take: CPU and memory of everything below a worker.

Looked up by whoever asks, in its own process: the supervisor has better things to do.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """Of one worker's handler and all that it started."""

    cpu: float
    """Percent of one core since the last look; a process counts from its second look on."""
    memory: int
    """Bytes, resident."""
    processes: int


def below(workers: Iterable[int]) -> dict[int, Usage]:
    """What runs below each of these pids; nothing for one below which nothing runs.

    One look at the machine for all of them. psutil keeps the processes from look to look, and so their CPU times.
    """
    children: dict[int, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        children[process.info["ppid"]].append(process)
    found = {worker: _sum(_descendants(worker, children)) for worker in workers}
    return {worker: usage for worker, usage in found.items() if usage.processes}


def _descendants(pid: int, children: dict[int, list[psutil.Process]]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    seen, todo = {pid}, [pid]
    while todo:
        for child in children.get(todo.pop(), ()):
            # A snapshot taken while pids are reused can have circles.
            if child.pid not in seen:
                seen.add(child.pid)
                found.append(child)
                todo.append(child.pid)
    return found


def _sum(processes: list[psutil.Process]) -> Usage:
    cpu, memory, count = 0.0, 0, 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            cpu += process.cpu_percent(None)
            memory += process.memory_info().rss
            count += 1
    return Usage(cpu, memory, count)
