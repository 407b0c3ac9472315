"""History: one line for each execution, lost by nobody, never a reason to lose an outcome."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import stat
import time
from functools import partial
from pathlib import Path

from cueworker.pool import history
from support.forked import forked, in_child


def facts(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip(b"\0")]


def test_a_line_says_what_became_of_an_execution(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    before = time.time()
    history.record(path, execution_id="e-1", success=True, error="line one\nline two – é")
    history.record(path, execution_id="e-2", success=False)
    first, second = facts(path)
    assert before - 0.001 <= float(str(first.pop("time"))) <= time.time() + 0.001
    assert first == {"execution_id": "e-1", "success": True, "error": "line one\nline two – é"}
    assert second["execution_id"] == "e-2"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_history_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    history.record(tmp_path / "no" / "folder" / "history.jsonl", execution_id="e-1")
    history.record(tmp_path, execution_id="e-1")
    assert os.listdir(tmp_path) == []


def full(path: Path, room: int) -> None:
    """A file that has room for that many bytes before it is set aside. It takes no space on the disk."""
    with path.open("wb") as file:
        file.truncate(history.MAX_BYTES - room - 1)
        file.seek(0, os.SEEK_END)
        file.write(b"\n")


def test_a_large_file_is_set_aside_and_replaces_the_one_before(tmp_path: Path) -> None:
    path, aside = tmp_path / "history.jsonl", tmp_path / "history.jsonl.1"
    aside.write_text("the one before\n")
    full(path, room=0)
    history.record(path, execution_id="e-1")
    assert not path.exists()
    assert facts(aside)[0]["execution_id"] == "e-1"
    history.record(path, execution_id="e-2")
    assert [entry["execution_id"] for entry in facts(path)] == ["e-2"]


def test_a_full_disk_leaves_no_half_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"

    def child() -> None:
        history.record(path, execution_id="e-1")
        # A limit on a file's size cuts a write short just as a full disk does.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit = path.stat().st_size + 50
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        history.record(path, execution_id="e-2", error="x" * 500)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        history.record(path, execution_id="e-3")

    in_child(child)
    assert [entry["execution_id"] for entry in facts(path)] == ["e-1", "e-3"]


def test_writers_that_set_it_aside_at_once_lose_no_line(tmp_path: Path) -> None:
    path, aside = tmp_path / "history.jsonl", tmp_path / "history.jsonl.1"
    writers, lines = 4, 200
    full(path, room=20_000)

    def write(writer: int) -> None:
        for number in range(lines):
            history.record(path, execution_id=f"{writer}-{number}")

    with contextlib.ExitStack() as stack:
        for process in [stack.enter_context(forked(partial(write, writer))) for writer in range(writers)]:
            process.result()
    found = [entry["execution_id"] for entry in (*facts(aside), *facts(path))]
    assert sorted(map(str, found)) == sorted(f"{w}-{n}" for w in range(writers) for n in range(lines))
    assert aside.stat().st_size > history.MAX_BYTES
    assert path.exists()
