"""What somebody gets who clones the repository and types `make run`: committed files alone, nothing prepared."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.repository import ROOT

INSTALLED_WITHIN = 300.0
"""Seconds for `make run` with everything that it has to install first."""
DONE_WITHIN = 60.0
"""Seconds for each further one."""

SAMPLES = 6

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="these files are no clone"),
]


def make_run() -> list[str]:
    return ["make", "run", f"PYTHON={sys.executable}"]


def fresh_environment(**more: str) -> dict[str, str]:
    """This process's environment without what `make test` and its virtual environment have put there."""
    ours = re.compile(r"MAKE.*|MFLAGS|PYTHON.*|VIRTUAL_ENV|RUN_ONCE|CUEWORKER_.*|CUEAPI_.*")
    return {**{name: value for name, value in os.environ.items() if not ours.fullmatch(name)}, **more}


def assert_all_samples_are_ok(output: str) -> None:
    assert len(re.findall(r"^  ok    ", output, re.MULTILINE)) == SAMPLES, output
    assert f"{SAMPLES} of {SAMPLES} samples recorded as they should be" in output
    assert "WRONG" not in output and "Traceback" not in output


def test_a_fresh_clone_runs(tmp_path: Path) -> None:
    """One test, since the installation takes most of its time: without a terminal, once on one, and for good on one."""
    clone = tmp_path / "cueworker"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    runs_without_a_terminal(clone)
    runs_once_on_a_terminal(clone)
    goes_on_on_a_terminal_until_ctrl_c(clone)
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, check=True)
    assert status.stdout == b"", "make run leaves something that is neither committed nor ignored"


def runs_without_a_terminal(clone: Path) -> None:
    with subprocess.Popen(
        make_run(),
        cwd=clone,
        env=fresh_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=INSTALLED_WITHIN)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, output
    assert_all_samples_are_ok(output)


def runs_once_on_a_terminal(clone: Path) -> None:
    with on_a_terminal(make_run(), clone, fresh_environment(RUN_ONCE="1")) as terminal:
        code = terminal.wait()
    assert code == 0, terminal.output
    assert_all_samples_are_ok(terminal.output)
    assert "Ctrl-C" not in terminal.output


def goes_on_on_a_terminal_until_ctrl_c(clone: Path) -> None:
    with on_a_terminal(make_run(), clone, fresh_environment()) as terminal:
        terminal.read_until(lambda text: "Ctrl-C stops it" in text and "check --config" in text)
        assert_all_samples_are_ok(terminal.output)
        terminal.type(b"\x03")
        terminal.wait()
    assert "stopped; 0 report(s) wait in the spool" in terminal.output
    assert "Traceback" not in terminal.output


@contextlib.contextmanager
def on_a_terminal(command: list[str], cwd: Path, env: dict[str, str]) -> Iterator[Terminal]:
    """A program on a pseudo-terminal of its own, which it can be interrupted from."""
    pid, descriptor = pty.fork()
    if pid == 0:
        try:
            os.chdir(cwd)
            os.execvpe(command[0], command, env)
        finally:
            os._exit(127)
    terminal = Terminal(pid, descriptor)
    try:
        yield terminal
    finally:
        if terminal.code is None:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(descriptor)


class Terminal:
    """What a program shows on its terminal."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.output = ""
        self.code: int | None = None
        self._pid = pid
        self._descriptor = descriptor
        self._give_up = time.monotonic() + DONE_WITHIN

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._descriptor, keys)

    def read_until(self, is_enough: Callable[[str], bool]) -> None:
        """Read until the output is as wished; fails at its end and when it takes too long."""
        while not is_enough(self.output):
            assert self._read(), f"the program has ended: {self.output}"

    def wait(self) -> int:
        """Read to the end; returns the exit code, or minus the signal."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def _read(self) -> bool:
        """Take in what comes next; False at the end."""
        wait = max(0.0, self._give_up - time.monotonic())
        ready, _, _ = select.select([self._descriptor], [], [], wait)
        assert ready, f"it takes too long: {self.output}"
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:
            # EIO: nobody has the terminal open any more.
            return False
        self.output += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)
