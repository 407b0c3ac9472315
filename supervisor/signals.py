"""The supervisor's signals: a handler only enqueues and wakes the loop; the loop logs and acts."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import deque
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""What asks the pool to stop."""
_HEEDED = (
    *(*ENDS, signal.SIGHUP, signal.SIGTSTP, signal.SIGCONT, signal.SIGTTIN, signal.SIGTTOU),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
_WITHOUT_MEANING = (signal.SIGALRM,)


class Signals:
    """Queue and wake-up descriptor of the process's signals."""

    def __init__(self) -> None:
        self._queue: deque[signal.Signals] = deque()
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def install(self) -> None:
        """Take over this process's signals."""
        for signum in _HEEDED:
            signal.signal(signum, self._enqueue)
        for signum in (signal.SIGCHLD, *_WITHOUT_MEANING):
            signal.signal(signum, _only_wake)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def _enqueue(self, signum: int, _frame: FrameType | None) -> None:
        self._queue.append(signal.Signals(signum))

    def take(self) -> list[signal.Signals]:
        """The signals since the last call, in order."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                pass
        taken = []
        while self._queue:
            taken.append(self._queue.popleft())
        return taken

    def has_end(self) -> bool:
        """Whether an end has been asked for that `take` has not returned yet."""
        return any(signum in ENDS for signum in tuple(self._queue))

    def fileno(self) -> int:
        """Readable whenever a signal arrived."""
        return self._reader


def hold_back() -> None:
    """Let no signal interrupt the last moments: an interpreter that exits gives them their deadly defaults back."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def let_through() -> None:
    """Undo what `hold_back` of this process's earlier program did: what came meanwhile arrives now."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _only_wake(_signum: int, _frame: FrameType | None) -> None:
    """The wake-up descriptor has been written to; the loop looks at its children."""
