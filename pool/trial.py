"""One handler run here and now, as a worker runs it, for a person who watches (`cueworker run`).

A pool in miniature: this process stands in for the supervisor, a forked one for the worker. So the handler's
processes are found and ended by the same code, whatever else the caller has for children; and if one of the two is
killed, the other ends the handler.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import signal
import time
import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from ..outcome import Ending, EndingKind
from . import boot, prctl, process_tree, run
from .clock import boottime
from .echo import Echo, Shown
from .errors import CouldNotStart
from .invocation import Invocation
from .kill_ladder import GIVE_UP_AFTER, RESCAN
from .lease import Lease
from .stop import StopLevel

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is run."""

    name: str
    """What `ps` shows."""
    invocation: Invocation
    rules: run.Rules
    marker: str
    """The value of the marker in the environment, see process_tree.py."""
    outputs: tuple[int, int] = (1, 2)
    """The descriptors to which the handler's stdout and stderr are copied as they come."""


def attempt(trial: Trial) -> run.Ended:
    """Run a handler to the end of the last process that it ever started.

    INT, TERM and HUP start the kill ladder, a second one and QUIT kill at once; the caller's signal handlers are put
    back afterwards. Call it from the main thread, with no other thread alive.
    """
    before = set(process_tree.children())
    prctl.become_subreaper()
    reader, writer = os.pipe()
    parent = os.getpid()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _be_worker(trial, writer, parent)
        os.close(writer)
        with _forwarding_to(pid):
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            answer = _read_all(reader)
            # Not reaped yet: while signals are forwarded its pid must be nobody else's.
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        _, status = os.waitpid(pid, 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(reader)
    if answer:
        return _decoded(answer)
    _end_leftovers(before, trial.marker)
    return run.Ended(Ending.worker_lost(_how(os.waitstatus_to_exitcode(status))), "")


# The parent.


@contextlib.contextmanager
def _forwarding_to(pid: int) -> Iterator[None]:
    """Pass the wish to stop on to the worker; a second one is more urgent."""
    told: list[int] = []

    def forward(signum: int, _frame: FrameType | None) -> None:
        urgent = signum == signal.SIGQUIT or bool(told)
        told.append(signum)
        os.kill(pid, signal.SIGQUIT if urgent else signal.SIGINT)

    kept = {signum: signal.signal(signum, forward) for signum in (*_STOPPING, signal.SIGQUIT)}
    try:
        yield
    finally:
        for signum, handler in kept.items():
            signal.signal(signum, handler)


def _read_all(reader: int) -> bytes:
    chunks = []
    while chunk := os.read(reader, 65536):
        chunks.append(chunk)
    return b"".join(chunks)


def _end_leftovers(before: Collection[int], marker: str) -> None:
    """The worker died: what it ran has come to us (promise 2), except for what the caller had before."""
    give_up = boottime() + GIVE_UP_AFTER
    while boottime() < give_up:
        if prctl.IS_LINUX:
            found = process_tree.strangers(before)
            process_tree.kill_children(found)
            for pid in found:
                os.waitpid(pid, os.WNOHANG)
        else:
            marked = process_tree.marked(marker)
            process_tree.signal_all(marked, signal.SIGKILL)
            found = [process.pid for process in marked]
        if not found:
            return
        time.sleep(RESCAN)


def _how(returncode: int) -> str:
    return f"exit code {returncode}" if returncode >= 0 else f"signal {-returncode}"


# The worker.


def _be_worker(trial: Trial, writer: int, parent: int) -> None:
    """Run the handler and leave; called in the forked process with all signals blocked, never returns."""
    try:
        stop = boot.boot(trial.name, {*trial.outputs, writer}, parent)
        if stop is None:
            os._exit(0)
        echo = Echo()
        try:
            stdout, stderr = (Shown(echo, descriptor) for descriptor in trial.outputs)
            started = run.start(trial.invocation, trial.rules, stop, (stdout, stderr))
            ended = started.watch(_endless, lambda _now, _stop_by: None, trial.marker, lambda: False)
        except CouldNotStart as error:
            ended = run.Ended(Ending.could_not_start(str(error)), "")
        echo.finish(lambda: stop.level >= StopLevel.KILL)
        os.write(writer, _encoded(ended))
    except BaseException:
        os.write(trial.outputs[1], traceback.format_exc().encode())
    finally:
        os._exit(0)


def _endless() -> Lease:
    return Lease("", boottime(), math.inf)


def _encoded(ended: run.Ended) -> bytes:
    return json.dumps({"ending": dataclasses.asdict(ended.ending), "output": ended.output}).encode()


def _decoded(answer: bytes) -> run.Ended:
    value: dict[str, Any] = json.loads(answer)
    ending = value["ending"]
    named = {"kind": EndingKind(ending["kind"]), "survivors": tuple(ending["survivors"])}
    return run.Ended(Ending(**{**ending, **named}), value["output"])
