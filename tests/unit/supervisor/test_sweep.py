"""What a dead pool's handlers left running is killed before a new pool begins, and nothing else is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from cueworker.pool import StateDir
from cueworker.pool.identity import start_time
from cueworker.pool.process_tree import MARKER, marker_value
from cueworker.supervisor.sweep import sweep
from support.records import prepared, write_record

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    return prepared(tmp_path / "state")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program in a session of its own; ends it after the test."""
    with contextlib.ExitStack() as stack:

        def starter(*command: str, **env: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                command or ("cat",),
                env={"PATH": os.environ["PATH"], **env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield starter


def marked(state_dir: StateDir) -> dict[str, str]:
    return {MARKER: marker_value("e-1", str(state_dir.root))}


def was_killed(process: subprocess.Popen[bytes]) -> bool:
    return process.wait(10) == -signal.SIGKILL


def runs(process: subprocess.Popen[bytes]) -> bool:
    """Whether it still answers: one that has just been killed may look alive for a moment."""
    return process.communicate(b"still here", timeout=10)[0] == b"still here"


def test_a_clean_state_directory_has_nothing_to_sweep(state_dir: StateDir, start: Start) -> None:
    bystander = start()
    sweep(state_dir)
    assert runs(bystander)


def test_marked_processes_are_killed_without_a_record(state_dir: StateDir, start: Start) -> None:
    """A pool that died between the start of a handler and its record."""
    leftover = start(**marked(state_dir))
    sweep(state_dir)
    assert was_killed(leftover)


def test_marks_of_another_pool_are_not_ours(state_dir: StateDir, start: Start, tmp_path: Path) -> None:
    others = [
        start(**{MARKER: marker_value("e-1", str(tmp_path / "other"))}),
        start(**{MARKER: marker_value("e-1", f"{state_dir.root}-2")}),
        start(**{MARKER: marker_value("e-1", str(tmp_path / "another" / state_dir.root.name))}),
        start(ANOTHER_NAME=marker_value("e-1", str(state_dir.root))),
    ]
    sweep(state_dir)
    assert all(map(runs, others))


def test_a_recorded_session_is_killed_though_it_cleared_its_environment(
    state_dir: StateDir, start: Start
) -> None:
    handler = start()
    write_record(state_dir, handler_pid=handler.pid, handler_started=start_time(handler.pid))
    sweep(state_dir)
    assert was_killed(handler)


def test_what_outlives_its_sessions_leader_is_killed(state_dir: StateDir, start: Start) -> None:
    leader = start("sh", "-c", "sleep 300 > /dev/null & echo $!")
    assert leader.stdout is not None
    started = start_time(leader.pid)
    background = psutil.Process(int(leader.stdout.readline()))
    leader.wait()
    write_record(state_dir, handler_pid=leader.pid, handler_started=started)
    sweep(state_dir)
    assert not background.is_running() or background.status() == psutil.STATUS_ZOMBIE


def test_a_recycled_session_number_does_not_harm_a_bystander(state_dir: StateDir, start: Start) -> None:
    bystander = start()
    write_record(state_dir, handler_pid=bystander.pid, handler_started="12345")
    sweep(state_dir)
    assert runs(bystander)


def test_a_record_of_another_boot_does_not_harm_a_bystander(state_dir: StateDir, start: Start) -> None:
    bystander = start()
    started = start_time(bystander.pid)
    write_record(state_dir, handler_pid=bystander.pid, handler_started=started, boot="another boot")
    sweep(state_dir)
    assert runs(bystander)


def test_a_record_that_names_our_own_session_does_not_kill_us(state_dir: StateDir) -> None:
    session = os.getsid(0)
    write_record(state_dir, handler_pid=session, handler_started=start_time(session))
    sweep(state_dir)


def test_records_that_tell_nothing_do_not_stop_the_sweep(state_dir: StateDir, start: Start) -> None:
    state_dir.slot_record(0).write_text("garbage")
    write_record(state_dir, slot=1, handler_pid=None)
    leftover = start(**marked(state_dir))
    sweep(state_dir)
    assert was_killed(leftover)


def test_a_leftover_that_goes_on_forking_is_caught(state_dir: StateDir, start: Start) -> None:
    forker = start("sh", "-c", "while :; do (sleep 300 &); done", **marked(state_dir))
    sweep(state_dir)
    assert was_killed(forker)
    assert not [process for process in psutil.process_iter() if is_marked(process, state_dir)]


def is_marked(process: psutil.Process, state_dir: StateDir) -> bool:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get(MARKER) == marked(state_dir)[MARKER]
    return False
