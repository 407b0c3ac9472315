"""Forking the pool's processes."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import multiprocess
import multiprocess.process

from ..pool.board import Board, SlotState
from ..pool.boot import BOOT_FAILED, CRASHED

_FORK = multiprocess.get_context("fork")


@dataclass(frozen=True)
class Child:
    """A forked process. Its exit state comes from `waitid` alone, never from `process`."""

    pid: int
    process: Any
    """Kept because its descriptors live as long as it does."""
    born: float


def fork(main: Callable[..., None], cell: int, board: Board, now: float, *args: Any) -> Child:
    """Fork a process that runs `main(cell, *args)` and leaves through `os._exit`. Raises OSError if it cannot.

    Signals are blocked meanwhile, so that none is lost in the fork window; `boot` unblocks them in the child.
    """
    board.reset(cell, SlotState.BOOTING, now)
    process = _FORK.Process(target=_live_and_leave, args=(main, cell, board, args))
    before = set(os.listdir("/dev/fd"))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        process.start()
    except OSError:
        # multiprocess leaves its pipes open when the fork itself fails.
        for descriptor in set(os.listdir("/dev/fd")) - before:
            with contextlib.suppress(OSError):
                os.close(int(descriptor))
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    # multiprocess polls the children that it knows of at every start, and would reap ours before we have seen them.
    multiprocess.process._children.discard(process)
    return Child(process.pid, process, now)


def _live_and_leave(main: Callable[..., None], cell: int, board: Board, args: tuple[Any, ...]) -> None:
    code = BOOT_FAILED
    try:
        main(cell, *args)
        code = 0
    except BaseException:
        if board.state(cell) is not SlotState.BOOTING:
            code = CRASHED
        logging.getLogger("cueworker").critical("%s", traceback.format_exc())
    finally:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):
                continue
        os._exit(code)
