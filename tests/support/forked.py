"""A part of a test in a process of its own: real pids, real signals, another user id."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from support.waiting import PATIENCE

NOBODY = 65534
"""A user id without rights."""


class Forked:
    """A child process that runs `main` and sends back what it returns, as JSON."""

    def __init__(self, main: Callable[[], Any], uid: int | None = None) -> None:
        self._reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _live_and_leave(main, self._reader, writer, uid)
        os.close(writer)
        self.code: int | None = None
        """The exit code or minus the signal, once it has ended."""

    def result(self, within: float = PATIENCE) -> Any:
        """What `main` returned. Fails if it raised, was killed, or takes longer than that many seconds."""
        said = b""
        while True:
            ready, _, _ = select.select([self._reader], [], [], within)
            assert ready, "the forked process takes too long"
            data = os.read(self._reader, 65536)
            if not data:
                break
            said += data
        assert self.wait() == 0, said.decode() or f"the forked process ended with {self.code}"
        return json.loads(said)

    def fileno(self) -> int:
        """Readable as soon as `result` has something to return."""
        return self._reader

    def kill(self, signum: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal, if the process has not been waited for."""
        if self.code is None:
            os.kill(self.pid, signum)

    def wait(self) -> int:
        """Wait for its end."""
        if self.code is None:
            _, status = os.waitpid(self.pid, 0)
            self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def close(self) -> None:
        """Make sure that nothing is left of it."""
        self.kill()
        self.wait()
        os.close(self._reader)


@contextlib.contextmanager
def forked(main: Callable[[], Any], uid: int | None = None) -> Iterator[Forked]:
    """A child process that runs `main`, as another user if `uid` says so (for root only); killed at the end."""
    child = Forked(main, uid)
    try:
        yield child
    finally:
        child.close()


def in_child(main: Callable[[], Any], uid: int | None = None) -> Any:
    """What `main` returns in a process of its own."""
    with forked(main, uid) as child:
        return child.result()


def unprivileged(main: Callable[[], Any]) -> Any:
    """What `main` returns in a process that file permissions bind: root's is given to another user."""
    return in_child(main, NOBODY if os.geteuid() == 0 else None)


def _live_and_leave(main: Callable[[], Any], reader: int, writer: int, uid: int | None) -> None:
    code = 1
    try:
        os.close(reader)
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        _say(writer, json.dumps(main()))
        code = 0
    except BaseException:
        _say(writer, traceback.format_exc())
    finally:
        os._exit(code)


def _say(writer: int, text: str) -> None:
    with os.fdopen(writer, "wb") as file:
        file.write(text.encode())
