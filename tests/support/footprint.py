"""What the processes of a pool hold while they are idle: descriptors, threads, memory, files (promise 8)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

import psutil
from support.pool import Pool


@dataclass(frozen=True)
class Footprint:
    """One process."""

    descriptors: int
    """Without connections: how many of those are kept depends on whose server closed one last."""
    connections: int
    threads: int
    zombies: int
    """Dead children that were not reaped."""
    rss: int
    """Bytes."""


def footprints(pool: Pool) -> dict[str, Footprint]:
    """The supervisor, the steward and the workers, each by its role."""
    assert pool.process is not None
    supervisor = psutil.Process(pool.process.pid)
    found = {"supervisor": _of(supervisor)}
    for process in supervisor.children():
        with contextlib.suppress(psutil.Error):
            title = " ".join(process.cmdline()).removeprefix("cueworker: ").split()
            found[" ".join(title[:2]) if title[:1] == ["worker"] else " ".join(title)] = _of(process)
    return found


def is_idle(pool: Pool) -> bool:
    """Whether every worker waits for an offer, with its lease's thread gone."""
    workers = pool.workers()
    return len(workers) == pool.settings["workers"] and all(map(_waits, workers))


def files(pool: Pool) -> set[str]:
    """What lies in the state directory."""
    return {str(path.relative_to(pool.state_dir)) for path in pool.state_dir.rglob("*") if path.is_file()}


def table(columns: dict[str, dict[str, Footprint]]) -> Iterable[str]:
    """The lines of a table: one row a process, one column a moment."""
    yield f"{'':12}" + "".join(f"{moment:>34}" for moment in columns)
    yield f"{'':12}" + f"{'fds':>10}{'conns':>6}{'thr':>5}{'zomb':>5}{'RSS MB':>8}" * len(columns)
    for name in sorted({name for column in columns.values() for name in column}):
        cells = [column.get(name) for column in columns.values()]
        yield f"{name:12}" + "".join(map(_cell, cells))


def _cell(found: Footprint | None) -> str:
    if found is None:
        return f"{'-':>34}"
    return f"{found.descriptors:10}{found.connections:6}{found.threads:5}{found.zombies:5}{found.rss / 2**20:8.1f}"


def _of(process: psutil.Process) -> Footprint:
    descriptors = os.listdir(f"/proc/{process.pid}/fd")
    connections = len(process.net_connections("inet"))
    zombies = [child for child in process.children() if child.status() == psutil.STATUS_ZOMBIE]
    return Footprint(
        len(descriptors) - connections,
        connections,
        process.num_threads(),
        len(zombies),
        process.memory_info().rss,
    )


def _waits(worker: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return worker.cmdline()[0].endswith(" idle") and worker.num_threads() == 1
    return False
