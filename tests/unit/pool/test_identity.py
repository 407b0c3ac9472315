"""Who a pid is: the same number is another process once it has been given away."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from cueworker.pool.identity import boot_id, is_running, start_time
from support.forked import in_child
from support.waiting import until


def test_a_process_has_one_start_time_for_everybody() -> None:
    own = start_time(os.getpid())
    assert own is not None and own == start_time(os.getpid())
    parent = os.getpid()
    assert in_child(lambda: start_time(parent)) == own
    assert in_child(lambda: start_time(os.getpid())) is not None


def test_start_times_are_in_the_order_of_the_starts() -> None:
    """They are kernel ticks since boot, so that they can be held against the clock."""
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    with subprocess.Popen(["sleep", "300"]) as process:
        started = start_time(process.pid)
        process.kill()
    assert started is not None
    ticks = os.sysconf("SC_CLK_TCK")
    assert began - 2 / ticks <= int(started) / ticks <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert int(started) > int(start_time(os.getpid()) or 0)


@pytest.mark.parametrize("name", ["plain", "a b", ") S 1 (", "((", "x)y) z"])
def test_a_programs_name_does_not_confuse_it(tmp_path: Path, name: str) -> None:
    """The kernel puts the name, whatever it contains, before the numbers."""
    program = tmp_path / name
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([str(program), "300"]) as process:
        comm = Path(f"/proc/{process.pid}/comm")
        until(lambda: comm.read_text().strip() == name, "the program runs")
        started = start_time(process.pid)
        expected = psutil.Process(process.pid).create_time()
        process.kill()
    assert started is not None and started.isdigit()
    assert int(started) / os.sysconf("SC_CLK_TCK") + psutil.boot_time() == pytest.approx(expected, abs=1.1)


def test_only_the_recorded_process_is_running() -> None:
    with subprocess.Popen(["sleep", "300"]) as process:
        pid, started, boot = process.pid, start_time(process.pid), boot_id()
        assert is_running(pid, started, boot)
        assert not is_running(pid, "1", boot), "the pid is somebody else's by now"
        assert not is_running(pid, started, "another boot")
        assert not is_running(None, started, boot)
        assert not is_running(pid, None, boot)
        assert not is_running(pid, started, None)
        process.kill()
    assert not is_running(pid, started, boot)
    assert start_time(pid) is None


def test_the_boot_has_one_name() -> None:
    assert boot_id() == in_child(boot_id)
    assert len(boot_id()) == 36
