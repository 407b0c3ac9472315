"""The log file: lines of many processes, whole and none lost, while it is set aside again and again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import psutil
import pytest
from cueworker.pool.log_file import LogFile, set_aside
from support.forked import forked, in_child
from support.waiting import until

NOW = 1_700_000_000.0
WRITERS = 9
LINES = 5000


def log_file(path: Path, max_size: int = 1 << 30, max_age: float | None = None, keep: int = 5) -> LogFile:
    return LogFile(path, max_size=max_size, max_age=max_age, keep=keep)


def all_lines(path: Path) -> list[str]:
    """Of all files, from the oldest line to the newest."""
    files = [file for _, file in reversed(set_aside(path))]
    return [line for file in (*files, path) if file.exists() for line in file.read_text().splitlines()]


def test_nine_writers_lose_no_line_however_often_the_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"
    shared = log_file(path, max_size=8192, keep=100_000)
    shared.write(b"before the fork\n", NOW)

    def write(writer: int) -> None:
        for number in range(LINES):
            shared.write(f"{writer} {number} {'x' * (number % 90)}\n".encode(), NOW)
        shared.reopen()

    with contextlib.ExitStack() as stack:
        for process in [stack.enter_context(forked(partial(write, writer))) for writer in range(WRITERS)]:
            process.result()
    shared.reopen()
    first, *lines = all_lines(path)
    found = Counter(tuple(map(int, line.split()[:2])) for line in lines)
    wanted = Counter((writer, number) for writer in range(WRITERS) for number in range(LINES))
    print(f"lines found: {found.total():,} of {wanted.total():,} in {len(set_aside(path)) + 1} files")
    assert (first, found) == ("before the fork", wanted)
    assert len(set_aside(path)) > 100
    for writer in range(WRITERS):
        own = [int(line.split()[1]) for line in lines if line.startswith(f"{writer} ")]
        assert own == sorted(own)


def test_only_so_many_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"
    (tmp_path / "pool.log.old").write_text("somebody else's\n")
    file = log_file(path, max_size=10, keep=3)
    for number in range(8):
        file.write(f"line number {number}\n".encode(), NOW)
    assert [number for number, _ in set_aside(path)] == [1, 2, 3]
    assert all_lines(path) == ["line number 5", "line number 6", "line number 7"]
    fewer = log_file(path, max_size=10, keep=1)
    fewer.write(b"line number 8\n", NOW)
    assert all_lines(path) == ["line number 8"]
    none = log_file(path, max_size=10, keep=0)
    none.write(b"line number 9\n", NOW)
    assert all_lines(path) == ["line number 8"]
    assert (tmp_path / "pool.log.old").exists()


def test_a_file_of_an_earlier_period_is_set_aside_before_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"
    day = 86400.0
    file = log_file(path, max_age=day)
    file.write(b"yesterday\n", NOW)
    os.utime(path, (NOW, NOW))
    file.write(b"the same day\n", NOW + 3600 - NOW % day % 3600)
    assert set_aside(path) == []
    os.utime(path, (NOW, NOW))
    tomorrow = (NOW // day + 1) * day
    file.write(b"today\n", tomorrow)
    os.utime(path, (tomorrow, tomorrow))
    file.write(b"today, too\n", tomorrow + 1)
    file.reopen()
    assert path.read_text() == "today\ntoday, too\n"
    assert (tmp_path / "pool.log.1").read_text() == "yesterday\nthe same day\n"


def test_a_file_that_somebody_else_moved_cut_or_deleted_is_opened_anew(tmp_path: Path) -> None:
    path, moved = tmp_path / "pool.log", tmp_path / "elsewhere.log"
    file = log_file(path)
    file.write(b"one\n", NOW)
    path.rename(moved)
    file.write(b"two\n", NOW)
    os.truncate(path, 0)
    file.write(b"three\n", NOW)
    assert (moved.read_text(), path.read_text()) == ("one\n", "three\n")
    path.unlink()
    file.write(b"four\n", NOW)
    file.reopen()
    assert path.read_text() == "four\n"


def test_reopening_lets_go_of_a_deleted_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"
    file = log_file(path)
    file.write(b"one\n", NOW)
    path.unlink()
    file.reopen()
    assert not [opened for opened in psutil.Process().open_files() if "pool.log" in opened.path]


def test_a_process_that_was_stopped_with_the_lock_holds_up_nobody(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"
    file = log_file(path, max_size=10)
    file.write(b"1\n", NOW)
    with path.open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        began = time.monotonic()
        for number in range(2, 9):
            file.write(f"{number}\n".encode(), NOW)
        assert set_aside(path) == []
        assert time.monotonic() - began < 5
    file.write(b"9\n", NOW)
    assert all_lines(path) == [str(number) for number in range(1, 10)]
    assert len(set_aside(path)) == 1


def test_a_full_disk_is_an_error_and_leaves_no_half_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"

    def child() -> list[str]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        file = log_file(path)
        file.write(b"one\n", NOW)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        failures = []
        for _ in range(2):
            try:
                file.write(b"a line that does not fit\n", NOW)
            except OSError as error:
                failures.append(str(error.strerror))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        file.write(b"two\n", NOW)
        return failures

    assert in_child(child) == ["No space left on device"] * 2
    assert path.read_text() == "one\ntwo\n"


def test_what_is_no_regular_file_is_an_error_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "no" / "folder.log"):
        with pytest.raises(OSError):
            log_file(path).write(b"one\n", NOW)
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(reader), pytest.raises(OSError, match="not a regular file"):
        log_file(tmp_path / "pipe").write(b"one\n", NOW)


def test_a_folder_that_lets_no_file_be_moved_is_told_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"
    (tmp_path / "pool.log.1").mkdir()
    (tmp_path / "pool.log.1" / "full").touch()
    file = log_file(path, max_size=4, keep=1)
    for _ in range(3):
        file.write(b"line\n", NOW)
    assert isinstance(file.stuck, OSError)
    assert path.read_text() == "line\n" * 3
    (tmp_path / "pool.log.1" / "full").unlink()
    (tmp_path / "pool.log.1").rmdir()
    file.write(b"line\n", NOW)
    assert (file.stuck, path.exists()) == (None, False)


def test_a_signal_handler_may_reopen_while_lines_are_written(tmp_path: Path) -> None:
    path = tmp_path / "pool.log"

    def child() -> int:
        file = log_file(path)
        reopened = 0

        def on_signal(*_: object) -> None:
            nonlocal reopened
            reopened += 1
            file.reopen()

        signal.signal(signal.SIGUSR1, on_signal)
        (tmp_path / "ready").touch()
        number = 0
        while reopened < 50:
            file.write(f"{number}\n".encode(), NOW)
            number += 1
        return number

    with forked(child) as process:
        until((tmp_path / "ready").exists, "the child writes")
        while (
            process.code is None
            and os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        ):
            process.kill(signal.SIGUSR1)
            os.sched_yield()
        assert all_lines(path) == [str(number) for number in range(process.result())]
