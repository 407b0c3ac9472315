"""One handler from its start to the end of the last process it ever started (promises 2 and 3).

One loop watches the pipes, the processes, the clock and the lease. The run is over when the handler's own process has
exited *and* nothing of it is left; output that a background child still holds open is not waited for.
"""

from __future__ import annotations

import errno
import math
import os
import resource
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..outcome import Ending
from . import process_tree
from .capture import HeadAndTail, Kept, Pipe, combined
from .cgroup import Group
from .clock import boottime
from .confinement import FREE, Confinement
from .counted import CGROUP, KILL, TERM
from .errors import CouldNotStart
from .invocation import Invocation
from .kill_ladder import GIVE_UP_AFTER, RESCAN, KillLadder, Step
from .lease import Lease, Loss
from .lease_keeper import KEEP_FROM
from .prctl import IS_LINUX
from .spawn import spawn
from .stop import StopLevel, StopSignals

BEAT_EVERY = 5.0
"""Seconds between two beats of a worker, whatever it does."""

LEASE_SLACK = 0.5
KILL_SLACK = GIVE_UP_AFTER + 1.0
"""Seconds that a worker has beyond its own limits before the supervisor steps in (promises 3 and 2)."""

_EXHAUSTED = (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a run is held to. Durations in seconds."""

    timeout: float
    kill_grace: float
    kill_on_lease_loss: bool

    def stop_by(self, deadline: float, lease: Lease) -> float:
        """When the supervisor steps in for a handler that must end by `deadline` (`boottime()` seconds)."""
        return self.limit(deadline + self.kill_grace, lease)

    def limit(self, kill_at: float, lease: Lease) -> float:
        """The same for one that is killed at `kill_at`."""
        latest = kill_at + KILL_SLACK
        return min(latest, lease.deadline + LEASE_SLACK) if self.kill_on_lease_loss else latest


@dataclass(frozen=True)
class Ended:
    """How a run ended, and what it had to say."""

    ending: Ending
    output: str
    rungs: tuple[str, ...] = ()
    """How far the kill ladder went: the names of `counted.KILLS`."""
    left: bool = False
    """Whether processes of it go on in the background, as its `background: leave` allows."""


class Run:
    """A started handler. Made by `start`; `watch` runs it to its end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        pipes: Sequence[Pipe],
        rules: Rules,
        stop: StopSignals,
        now: float,
        *,
        group: Group | None = None,
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._rules = rules
        self._stop = stop
        self._deadline = now + rules.timeout
        self._keep_from = now + KEEP_FROM
        self._pipes = pipes
        self._returncode: int | None = None
        self._cause: Ending | None = None
        self._ladder: KillLadder | None = None
        self._survivors: tuple[str, ...] = ()
        self._rungs: dict[str, None] = {}
        """The rungs taken, in their order."""
        self._group = group

    def stop_by(self, lease: Lease) -> float:
        """When the supervisor steps in: past the handler's deadline and its grace, or past its lease."""
        if self._ladder is None:
            return self._rules.stop_by(self._deadline, lease)
        return self._rules.limit(self._ladder.kill_at, lease)

    def watch(
        self,
        current_lease: Callable[[], Lease],
        beat: Callable[[float, float], None],
        marker: str,
        is_cancelled: Callable[[], bool],
    ) -> Ended:
        """Run to the end. `beat(now, stop_by)` is called every `BEAT_EVERY` seconds or sooner, and at `KEEP_FROM`.

        `is_cancelled` is asked as often, and whenever a signal arrives.
        """
        poller = select.poll()
        poller.register(self._stop.fileno(), select.POLLIN)
        for pipe in self._pipes:
            poller.register(pipe.descriptor, select.POLLIN)
        while True:
            self._stop.clear()
            now = boottime()
            lease = current_lease()
            beat(now, self.stop_by(lease))
            process_tree.reap(self._on_exit)
            self._decide(lease, now, is_cancelled)
            if self._is_over(now, marker):
                return self._ended()
            now = boottime()
            wait = max(0.0, self._next_event(lease, now) - now)
            for descriptor, _ in poller.poll(math.ceil(wait * 1000)):
                self._drain(descriptor, poller)

    def _on_exit(self, pid: int, returncode: int) -> None:
        if pid == self.pid:
            self._returncode = returncode
            # Popen must not look for a pid that has been reaped and may be somebody else's by then.
            self._process.returncode = returncode

    def _decide(self, lease: Lease, now: float, is_cancelled: Callable[[], bool]) -> None:
        """Start the kill ladder, or hasten it, if there is a reason to."""
        if self._cause is None and self._returncode is None:
            self._cause, grace = self._reason_to_end(lease, now, is_cancelled)
            if self._cause is not None:
                self._ladder = KillLadder(now, grace)
        if self._ladder is not None and (
            self._stop.level >= StopLevel.KILL or self._must_be_gone(lease, now)
        ):
            self._ladder.hasten(now)
        if self._ladder is None and self._returncode is not None and not self._leaves_rest():
            grace = 0.0 if self._stop.level >= StopLevel.KILL else self._rules.kill_grace
            self._ladder = KillLadder(now, grace)

    def _leaves_rest(self) -> bool:
        """Whether what the handler leaves behind may go on: not if there will be nobody to end it."""
        return self._group is not None and self._group.keeps and self._stop.level < StopLevel.KILL

    def _reason_to_end(
        self, lease: Lease, now: float, is_cancelled: Callable[[], bool]
    ) -> tuple[Ending | None, float]:
        grace = self._rules.kill_grace
        if self._stop.level is StopLevel.ORPHANED:
            return Ending.shut_down("its supervisor died"), 0.0
        if self._rules.kill_on_lease_loss:
            if _is_definite(lease):
                assert lease.loss is not None
                return Ending.lease_lost(lease.loss.value), 0.0
            if now >= lease.deadline - self._notice(lease):
                return Ending.lease_lost(Loss.EXPIRED.value), max(0.0, min(grace, lease.deadline - now))
        if is_cancelled():
            return Ending.cancelled(), grace
        if self._stop.level >= StopLevel.STOP:
            return Ending.shut_down(), grace if self._stop.level is StopLevel.STOP else 0.0
        if now >= self._deadline:
            return Ending.timed_out(self._rules.timeout), grace
        return None, grace

    def _notice(self, lease: Lease) -> float:
        """Seconds before the end of a lease that cannot be renewed when the kill ladder starts."""
        return min(self._rules.kill_grace, lease.duration / 3)

    def _must_be_gone(self, lease: Lease, now: float) -> bool:
        """Whether the lease leaves no time for what is left of a grace."""
        return self._rules.kill_on_lease_loss and (_is_definite(lease) or now >= lease.deadline)

    def _is_over(self, now: float, marker: str) -> bool:
        """Take the ladder's next step; True when nothing is left, or what is left cannot be killed."""
        if self._returncode is not None and IS_LINUX and not process_tree.has_children():
            return True
        if self._ladder is None:
            return self._returncode is not None
        match self._ladder.step(now):
            case Step.TERM:
                self._rungs[TERM] = None
                process_tree.signal_all(process_tree.of_handler(self.pid, marker), signal.SIGTERM)
            case Step.KILL:
                self._rungs[KILL] = None
                if self._group is not None:
                    self._rungs[CGROUP] = None
                    self._group.kill()
                if IS_LINUX:
                    # All that we have is the handler's. What forks faster than it is found must be met at once.
                    process_tree.kill_children(process_tree.children())
                found = process_tree.of_handler(self.pid, marker)
                process_tree.signal_all(found, signal.SIGKILL)
                self._ladder.scanned(len(found) + process_tree.has_children())
            case Step.GIVE_UP:
                self._survivors = tuple(map(process_tree.describe, process_tree.of_handler(self.pid, marker)))
                return True
            case Step.DONE:
                return self._returncode is not None
            case Step.WAIT:
                pass
        return False

    def _next_event(self, lease: Lease, now: float) -> float:
        lease_end = lease.deadline if self._rules.kill_on_lease_loss else math.inf
        if self._ladder is not None:
            return min(self._ladder.next_at(now), max(lease_end, now + RESCAN), now + BEAT_EVERY)
        lease_end -= self._notice(lease)
        keep_from = self._keep_from if now < self._keep_from else math.inf
        return min(self._deadline, lease_end, keep_from, now + BEAT_EVERY)

    def _drain(self, descriptor: int, poller: select.poll) -> None:
        for pipe in self._pipes:
            if pipe.descriptor == descriptor and pipe.open and pipe.read():
                poller.unregister(descriptor)
                pipe.close()

    def _ended(self) -> Ended:
        for pipe in self._pipes:
            if pipe.open:
                pipe.read()
                pipe.close()
        output = combined(*(pipe.kept.text() for pipe in self._pipes))
        ending = self._cause or _exit_ending(self._returncode)
        left = self._ladder is None and process_tree.has_children()
        return Ended(replace(ending, survivors=self._survivors), output, tuple(self._rungs), left)


def start(
    invocation: Invocation,
    rules: Rules,
    stop: StopSignals,
    outputs: tuple[Kept, Kept] | None = None,
    confinement: Confinement = FREE,
) -> Run:
    """Start a handler in a session of its own. `outputs` take its standard output and its standard error.

    Raises CouldNotStart, saying what to change.
    """
    now = boottime()
    pipes: list[Pipe] = []
    writers: list[int] = []
    try:
        for kept in outputs or (HeadAndTail(), HeadAndTail()):
            reader, writer = os.pipe()
            pipes.append(Pipe(reader, kept))
            writers.append(writer)
        process = spawn(invocation, confinement, *writers)
    except (OSError, ValueError) as error:
        for pipe in pipes:
            pipe.close()
        raise CouldNotStart(_why(error, invocation)) from error
    finally:
        for writer in writers:
            os.close(writer)
    return Run(process, pipes, rules, stop, now, group=confinement.group)


def stack_limit() -> int:
    """The soft stack limit in bytes, -1 if there is none: it bounds arguments and environment."""
    soft, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return -1 if soft == resource.RLIM_INFINITY else soft


def _why(error: OSError | ValueError, invocation: Invocation) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, OSError) and error.errno in _EXHAUSTED:
        return f"{reason}; raise the pool's limits on processes (ulimit -u, TasksMax=) and files (ulimit -n)"
    if invocation.cwd is not None and not os.path.isdir(invocation.cwd):
        return f"cwd {invocation.cwd}: no such directory; make it, or correct the handler's `cwd:`"
    return f"{invocation.argv[0]}: {reason}; correct the handler's command"


def _is_definite(lease: Lease) -> bool:
    return lease.loss in (Loss.TAKEN, Loss.GONE, Loss.ENDED)


def _exit_ending(returncode: int | None) -> Ending:
    if returncode is None:
        return Ending.exited(-1)
    return Ending.exited(returncode) if returncode >= 0 else Ending.signalled(-returncode)
