"""Every test leaves this process as it found it: no child, no orphaned grandchild, no open descriptor."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cueworker.pool.prctl import become_subreaper


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: slow; runs in `make soak` only")
    # What a test leaves behind, and what its processes leave behind, becomes a child of this process.
    become_subreaper()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CUEWORKER_SOAK") != "1":
        skip = pytest.mark.skip(reason="a soak test: make soak")
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    processes_before = _descendants()
    descriptors_before = _descriptors()
    yield
    left = {pid: name for pid, name in _descendants().items() if pid not in processes_before}
    for pid in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
    _reap()
    assert not left, f"processes left behind: {left}"
    if _descriptors().keys() - descriptors_before.keys():
        # Dear, and rarely needed: something is open that nobody may hold any more.
        gc.collect()
    opened = {fd: what for fd, what in _descriptors().items() if fd not in descriptors_before}
    assert not opened, f"descriptors left open: {opened}"


def _descendants() -> dict[int, str]:
    found: dict[int, str] = {}
    if not _has_children():
        # Orphans are this process's children as well: it is their subreaper.
        return found
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline()) or process.name()
    return found


def _has_children() -> bool:
    tasks = Path("/proc/self/task")
    with contextlib.suppress(OSError):
        return any((task / "children").read_bytes() for task in tasks.iterdir())
    return True  # a kernel without that file, or a thread that has just ended


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    # The directory that is being listed itself.
    return {fd: what for fd, what in found.items() if not what.startswith(f"/proc/{os.getpid()}/fd")}
