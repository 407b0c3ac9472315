"""The first moments of a forked process: cut off from the terminal, from its siblings, tied to its parent's life."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection

import setproctitle

from . import prctl
from .stop import PARENT_DIED, StopSignals

BOOT_FAILED = 70
"""Exit code of a process that could not begin (EX_SOFTWARE): told from one that crashed later."""

CRASHED = 71
"""Exit code of a process that met an error nobody foresaw, after it had begun."""


def boot(title: str, keep: Collection[int], parent_pid: int) -> StopSignals | None:
    """Make a freshly forked process its own. Returns its stop signals, or None if its parent is dead already.

    Called with all signals blocked, as the supervisor forks: nothing sent in the meantime is lost.
    """
    os.setsid()
    for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        # Also undoes what was ignored when the supervisor was started: handlers would inherit it.
        signal.signal(signum, signal.SIG_DFL)
    for signum in (signal.SIGPIPE, signal.SIGXFSZ):
        # Errors of the write in question; Popen gives handlers the defaults back.
        signal.signal(signum, signal.SIG_IGN)
    close_others(keep)
    stop = StopSignals()
    stop.install()
    prctl.become_subreaper()
    parent_lives = prctl.die_with_parent(PARENT_DIED, parent_pid)
    setproctitle.setproctitle(title)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return stop if parent_lives else None


def close_others(keep: Collection[int]) -> None:
    """Close every descriptor that is not a standard stream and not in `keep`: siblings' pipes among them."""
    last = 2
    for descriptor in sorted(keep):
        os.closerange(last + 1, descriptor)
        last = max(last, descriptor)
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))
