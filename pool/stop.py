"""How a worker or the steward is told to stop: signals raise a level, the loop acts on it.

| signal | level | a worker then |
|---|---|---|
| TERM | DRAIN | takes no further offer; what it runs ends by itself |
| INT  | STOP  | starts the kill ladder on its handler, reports, leaves |
| QUIT | KILL  | kills its handler at once, reports, leaves |
| ALRM | none | looks at the board: its execution may be cancelled |
| USR2 | ORPHANED | the supervisor is dead (its PDEATHSIG): kills its handler, spools, leaves without sending |

USR1 reopens the log file.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from enum import IntEnum
from types import FrameType

from . import log


class StopLevel(IntEnum):
    """How urgent it is. A level never goes down."""

    NONE = 0
    DRAIN = 1
    STOP = 2
    KILL = 3
    ORPHANED = 4


PARENT_DIED = signal.SIGUSR2

_LEVELS = {
    signal.SIGTERM: StopLevel.DRAIN,
    signal.SIGINT: StopLevel.STOP,
    signal.SIGQUIT: StopLevel.KILL,
    PARENT_DIED: StopLevel.ORPHANED,
}
LOOK = signal.SIGALRM
"""Wakes a worker to look at the board, and does nothing else."""

_NO_OPS = (LOOK, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTSTP)


class StopWaiting(Exception):
    """Raised by a signal handler out of a wait that may be abandoned."""


class StopSignals:
    """The process's stop level and its wake-up descriptor. Signals arrive in the main thread."""

    def __init__(self) -> None:
        self.level = StopLevel.NONE
        self._abandonable = False
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def install(self) -> None:
        """Take over this process's signals. CHLD only wakes; signals without a meaning here do nothing."""
        for signum in _LEVELS:
            signal.signal(signum, self._on_stop)
        for signum in (*_NO_OPS, signal.SIGCHLD):
            signal.signal(signum, _on_no_op)
        signal.signal(signal.SIGUSR1, _on_reopen)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)

    def _on_stop(self, signum: int, _frame: FrameType | None) -> None:
        self.level = max(self.level, _LEVELS[signal.Signals(signum)])
        if self._abandonable:
            self._abandonable = False
            raise StopWaiting

    @contextlib.contextmanager
    def abandonable(self) -> Iterator[None]:
        """A wait without consequences: from now on a stop raises StopWaiting out of it.

        Raises StopWaiting at once if a stop came before.
        """
        try:
            self._abandonable = True
            if self.level is not StopLevel.NONE:
                raise StopWaiting
            yield
        finally:
            self._abandonable = False

    def fileno(self) -> int:
        """Readable whenever a signal arrived or `wake` was called."""
        return self._wake_reader

    def wake(self) -> None:
        """Wake the loop from another thread."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_writer, b"\0")

    def clear(self) -> None:
        """Forget the wake-ups so far."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_reader, 4096):
                pass


def _on_no_op(_signum: int, _frame: FrameType | None) -> None:
    """A Python-level handler rather than SIG_IGN, which handlers would inherit."""


def _on_reopen(_signum: int, _frame: FrameType | None) -> None:
    """USR1: the log file has been set aside."""
    log.reopen()
