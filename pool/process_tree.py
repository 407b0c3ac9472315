"""Finding and signalling every process of an execution (promise 2: no survivors, no bystander harmed).

On Linux the caller is a subreaper: whatever a handler starts stays below the caller, however it forks, so "I have no
children" is conclusive. Elsewhere the tree, the handler's session and its environment marker stand in.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import psutil

from .prctl import IS_LINUX

MARKER = "CUEWORKER_EXECUTION"
"""Environment variable that every process of an execution starts with: `<execution id>@<state dir>`."""


def marker_value(execution_id: str, state_dir: str) -> str:
    """The marker of one execution of the pool that owns `state_dir`."""
    return f"{execution_id}@{state_dir}"


def has_children() -> bool:
    """Whether the caller has any child process, dead ones that wait to be reaped included. Costs one system call."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def reap(on_exit: Callable[[int, int], None]) -> None:
    """Reap every dead child of the caller, one known pid at a time, and tell `on_exit(pid, returncode)` of each.

    The return code is the exit code, or minus the signal number.
    """
    while True:
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if dead is None:
            return
        _, status = os.waitpid(dead.si_pid, 0)
        on_exit(dead.si_pid, os.waitstatus_to_exitcode(status))


def descendants() -> list[psutil.Process]:
    """Every living process below the caller."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process for process in psutil.Process().children(recursive=True) if is_alive(process)]
    return []


def children() -> list[int]:
    """The pids of the caller's children, dead ones that wait to be reaped included.

    Read from the kernel's own list where there is one: looking through all processes takes longer than one that forks
    and exits for ever exists, and so never meets it.
    """
    while True:
        # Again if a thread of ours has just ended.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            tasks = [path.read_bytes() for path in Path("/proc/self/task").glob("*/children")]
            break
    if tasks:
        return [int(pid) for task in tasks for pid in task.split()]
    return [child.pid for child in psutil.Process().children()]


def strangers(known: Collection[int]) -> list[int]:
    """The children of the caller that it did not start itself: a dead worker's leftovers, adopted.

    Their own children come up here in turn when they die, so this needs no recursion. None is conclusive: an adopted
    process that forked and died stays here until it is reaped, when its child has long been adopted.
    """
    return [pid for pid in children() if pid not in known]


def kill_children(pids: Iterable[int]) -> None:
    """SIGKILL children of the caller. Safe by pid: nobody else gets it before we have reaped them."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def marked(marker_suffix: str) -> list[psutil.Process]:
    """Every process, wherever it hangs, whose environment marker ends with `marker_suffix`.

    Never the caller or one of its ancestors: a restart that was asked for by a handler must not kill itself.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARKER, "").endswith(marker_suffix) and is_alive(process):
                found.append(process)
    return found


def in_session(session: int) -> list[psutil.Process]:
    """Every living process of a session. Never the caller's own session."""
    if session <= 1 or session == os.getsid(0):
        return []
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError):
            if os.getsid(process.pid) == session and is_alive(process):
                found.append(process)
    return found


def of_handler(pid: int, marker_suffix: str) -> list[psutil.Process]:
    """Every living process that belongs to the handler started as `pid`, in a session of its own, by the caller."""
    found = {process.pid: process for process in descendants()}
    if not IS_LINUX:
        for process in (*in_session(pid), *marked(marker_suffix)):
            found.setdefault(process.pid, process)
    return list(found.values())


def is_alive(process: psutil.Process) -> bool:
    """Whether a process can still do something: neither gone nor a zombie."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def signal_all(processes: Iterable[psutil.Process], signum: signal.Signals) -> None:
    """Send a signal to each process that is still the one that was found (psutil compares start times).

    TERM is followed by CONT: a stopped process would not see it before it is continued.
    """
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
            process.send_signal(signum)
            if signum == signal.SIGTERM:
                process.send_signal(signal.SIGCONT)


def describe(process: psutil.Process) -> str:
    """A name for the record: pid, program and state."""
    try:
        return f"{process.pid} {process.name()} ({process.status()})"
    except psutil.Error:
        return f"{process.pid} (gone)"
