"""`cueworker logs`: the pool's log or an execution's output, its end, and what comes after."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cueworker.cli.logs import logs
from cueworker.cli.tail import follow, last_lines
from cueworker.pool.execution_log import folder_of
from cueworker.pool.identity import start_time
from support.cli import cueworker
from support.records import prepared, write_record
from support.waiting import until

LINES = [f"line {number} {'x' * (number % 70)}\n" for number in range(5000)]


@pytest.mark.parametrize("count", [0, 1, 2, 999, 4999, 5000, 5001])
@pytest.mark.parametrize("last", ["\n", ""])
def test_the_last_lines_of_a_file(tmp_path: Path, count: int, last: str) -> None:
    path, out = tmp_path / "x.log", io.BytesIO()
    text = "".join(LINES).rstrip("\n") + last
    path.write_text(text)
    assert last_lines(path, count, out) == len(text)
    shown = "".join(LINES[max(0, len(LINES) - count) :] if count else [])
    assert out.getvalue().decode() == (shown.rstrip("\n") + last if count else "")


def test_following_goes_on_through_a_new_file_and_a_cut_one_until_the_end(tmp_path: Path) -> None:
    path, out = tmp_path / "x.log", io.BytesIO()
    path.write_text("before\n")
    is_over = threading.Event()
    thread = threading.Thread(target=follow, args=(path, 7, lambda: not is_over.is_set(), out))
    thread.start()

    def shown(text: str) -> None:
        until(lambda: out.getvalue().decode() == text, f"{text!r} is shown, not {out.getvalue()!r}")

    with path.open("a") as file:
        file.write("one\n")
    shown("one\n")
    path.rename(tmp_path / "x.log.1")
    with (tmp_path / "x.log.1").open("a") as file:
        file.write("the last of the old\n")
    shown("one\nthe last of the old\n")
    path.write_text("two\n")
    shown("one\nthe last of the old\ntwo\n")
    path.write_text("3\n")
    shown("one\nthe last of the old\ntwo\n3\n")
    with path.open("a") as file:
        file.write("end\n")
    is_over.set()
    thread.join(20)
    assert out.getvalue().decode().endswith("3\nend\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With a configuration, and the logs of three executions."""
    text = "state_dir: state\nlog: {file: pool.log}\nhandlers: {say: echo}\n"
    (tmp_path / "cueworker.yaml").write_text(text)
    prepared(tmp_path / "state")
    folder = folder_of(tmp_path / "state" / "logs")
    folder.mkdir(parents=True)
    for name in ("abc-1", "abc-12", "def-1"):
        (folder / f"{name}.log").write_text(f"first\noutput of {name}\n")
    return tmp_path


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(logs, [*arguments, "--config", str(home / "cueworker.yaml")])


def test_an_execution_is_named_by_what_its_id_begins_with(home: Path) -> None:
    assert run(home, "d").output == "first\noutput of def-1\n"
    assert run(home, "abc-1", "-n", "1").output == "output of abc-1\n"
    ambiguous = run(home, "abc")
    assert (ambiguous.exit_code, ambiguous.stdout) == (4, "")
    assert "2 executions begin with abc: abc-1, abc-12" in ambiguous.stderr
    nothing = run(home, "xyz")
    assert nothing.exit_code == 4 and "no output of an execution that begins with xyz" in nothing.stderr
    followed = run(home, "def", "-f")
    assert (followed.exit_code, followed.stdout) == (0, "first\noutput of def-1\n")


def test_one_that_runs_and_has_written_nothing_is_told_from_an_unknown_one(home: Path) -> None:
    worker_started = start_time(os.getpid())
    write_record(prepared(home / "state"), execution_id="silent-1", worker_started=worker_started)
    silent = run(home, "silent")
    assert silent.exit_code == 4 and "nothing has been written yet" in silent.stderr


def test_the_pools_own_log(home: Path) -> None:
    early = run(home)
    assert early.exit_code == 4 and "nothing has been written yet" in early.stderr
    (home / "pool.log").write_text("".join(LINES[:60]))
    assert cueworker("logs", home=home).stdout == "".join(LINES[10:60])
    assert run(home, "--log-file", "/nonexistent/other.log").exit_code == 4
    (home / "cueworker.yaml").write_text("state_dir: state\nexecution_logs: false\nhandlers: {say: echo}\n")
    done = run(home)
    assert done.exit_code == 4 and "logs to standard error" in done.stderr
    off = run(home, "nobody")
    assert off.exit_code == 4 and "execution_logs: false" in off.stderr


def test_a_wrong_configuration_is_told_from_a_log_that_is_not_there(home: Path) -> None:
    (home / "cueworker.yaml").write_text("log: {keep: many}\nhandlers: {say: echo}\n")
    assert run(home).exit_code == 78
