"""The logs of executions: bounded, private, never a reason to harm an execution, and removed when they are old."""

from __future__ import annotations

import os
import resource
import signal
import stat
from pathlib import Path

import pytest
from cueworker.pool.execution_log import ExecutionLog, folder_of, path_of
from cueworker.pool.old_logs import LOOKS, REST, STEP_EVERY, OldLogs
from cueworker.pool.output import Outputs
from cueworker.pool.redact import Redactor
from support.forked import in_child

ID = "7f3a9c21-0000-4000-8000-000000000000"


def log_of(path: Path, max_size: int = 1 << 20) -> tuple[ExecutionLog, list[OSError]]:
    failures: list[OSError] = []
    return ExecutionLog(path, max_size, failures.append), failures


def test_the_file_is_private_and_there_from_the_first_output_on(tmp_path: Path) -> None:
    path = path_of(tmp_path / "state" / "logs", ID)
    (tmp_path / "state").mkdir()
    log, failures = log_of(path)
    log.add(b"")
    assert not path.parent.exists()
    log.add(b"one\n")
    assert path.read_bytes() == b"one\n"
    log.add(b"two\n")
    log.close()
    log.add(b"after the end")
    assert path.read_bytes() == b"one\ntwo\n"
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert (modes, failures) == ([0o600, 0o700, 0o700], [])


@pytest.mark.parametrize(
    "hostile", ["../../etc/passwd", "", ".", "..", "a/b", "a\0b", "x" * 300, "\ud800", "-", ".hidden"]
)
def test_an_id_never_leads_out_of_the_folder(tmp_path: Path, hostile: str) -> None:
    path = path_of(tmp_path, hostile)
    assert path.parent == folder_of(tmp_path)
    assert path.name[0] != "." and len(os.fsencode(path.name)) < 200
    assert path_of(tmp_path, ID).name == f"{ID}.log"


def test_the_head_is_kept_and_the_cut_is_marked_between_characters(tmp_path: Path) -> None:
    log, _ = log_of(tmp_path / "x.log", max_size=5)
    log.add(b"abc")
    log.add("éé".encode())
    assert log.is_done
    log.add(b"more")
    log.close()
    assert (tmp_path / "x.log").read_text() == "abcé\n[output beyond 5 bytes is not kept]\n"
    exactly, _ = log_of(tmp_path / "y.log", max_size=5)
    exactly.add(b"12345")
    exactly.close()
    assert (tmp_path / "y.log").read_text() == "12345"


def test_a_second_run_of_an_execution_is_appended_within_the_bound(tmp_path: Path) -> None:
    for text in (b"first\n", b"second\n"):
        log, _ = log_of(tmp_path / "x.log", max_size=8)
        log.add(text)
        log.close()
    assert (tmp_path / "x.log").read_text().startswith("first\nse\n[output beyond")


def test_what_cannot_be_written_is_told_once_and_given_up(tmp_path: Path) -> None:
    secret = tmp_path / "somebody-elses"
    secret.write_text("unharmed")
    (tmp_path / "link.log").symlink_to(secret)
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "folder.log").mkdir()
    for name in ("link.log", "pipe.log", "folder.log", "a/b/c/d/e.log"):
        log, failures = log_of(tmp_path / name)
        for _ in range(3):
            log.add(b"output\n")
        log.close()
        assert len(failures) == 1, name
    assert secret.read_text() == "unharmed"


def test_a_full_disk_ends_the_log_alone(tmp_path: Path) -> None:
    def child() -> list[str]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        log, failures = log_of(tmp_path / "x.log")
        for _ in range(5):
            log.add(b"1234")
        log.close()
        return [str(failure.strerror) for failure in failures]

    assert in_child(child) == ["No space left on device"]
    assert (tmp_path / "x.log").read_bytes() == b"1234123412"


def test_both_streams_are_logged_as_they_come_and_kept_apart(tmp_path: Path) -> None:
    log, _ = log_of(tmp_path / "x.log")
    outputs = Outputs(Redactor(["hunter2-hunter2"]), log)
    out, err = outputs.streams
    out.add(b"one\n")
    err.add(b"two\n")
    assert (tmp_path / "x.log").read_bytes() == b"one\ntwo\n"
    for piece in (b"hun", b"ter2-hunt", b"er2 and\n"):
        out.add(piece)
    # Each stream has a half of it, and they meet in the log.
    out.add(b"hunter2-")
    err.add(b"hunter2")
    texts = [stream.text() for stream in outputs.streams]
    outputs.close()
    assert texts == ["one\n[redacted] and\nhunter2-", "two\nhunter2"]
    written = (tmp_path / "x.log").read_text()
    assert written.startswith("one\ntwo\n[redacted] and\n")
    assert "hunter2-hunter2" not in written


def test_without_log_or_redactor_output_is_kept_as_it_is() -> None:
    outputs = Outputs(None, None)
    outputs.streams[0].add(b"Bearer hunter2-hunter2")
    assert outputs.streams[0].text() == "Bearer hunter2-hunter2"
    outputs.close()


def test_old_logs_go_a_bounded_number_at_a_time(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    old = OldLogs(tmp_path, keep=100.0)
    old.step(now=0.0, clock=1_000_000.0)
    folder.mkdir()
    count = 2 * LOOKS + 50
    for number in range(count):
        (folder / f"{number}.log").touch()
        os.utime(folder / f"{number}.log", (0, 1_000_000 - 101))
    (folder / "fresh.log").touch()
    os.utime(folder / "fresh.log", (0, 1_000_000 - 99))
    (folder / "no-log").touch()
    os.utime(folder / "no-log", (0, 0))
    left, now = [], REST
    for _ in range(4):
        old.step(now, clock=1_000_000.0)
        old.step(now, clock=1_000_000.0)
        left.append(len(list(folder.iterdir())))
        now += STEP_EVERY
    # The files that stay were looked at in one of the steps.
    assert left[0] >= count + 2 - LOOKS and left[1] >= count + 2 - 2 * LOOKS
    assert sorted(path.name for path in folder.iterdir()) == ["fresh.log", "no-log"]
    os.utime(folder / "fresh.log", (0, 0))
    old.step(now + 1, clock=1_000_000.0)
    assert (folder / "fresh.log").exists(), "a round begins in its time"
    old.step(2 * REST + 10, clock=1_000_000.0)
    assert not (folder / "fresh.log").exists()
