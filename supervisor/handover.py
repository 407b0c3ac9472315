"""What a supervisor leaves to the program that takes its place in the same process, when the pool is upgraded.

`exec` keeps the process, and so the parent of every worker; it drops what the process knew. That goes through a file in
memory whose descriptor the new program finds in its environment.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..pool import memory
from ..pool.memory import Memories

VARIABLE = "CUEWORKER_HANDOVER"


class Adopted(msgspec.Struct, frozen=True):
    """A worker that goes on with its execution."""

    cell: int
    pid: int
    born: float
    """`boottime()` seconds."""


class Counters(msgspec.Struct, frozen=True):
    """The pool's tally."""

    memory: int
    """Its descriptor."""
    layout: str
    tasks: tuple[str, ...]
    """Those that have a place, in its order."""


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. The descriptors stay open over the `exec`."""

    supervisor_pid: int
    """Whose it is: the variable may have come to a child by mistake."""
    version: str
    """Of the program that leaves."""
    worker_id: str
    state_dir: Path
    lock: int
    """The descriptor that holds the state directory's lock."""
    memories: Memories
    cgroups: Path | None
    """Where executions get cgroups."""
    counters: Counters | None = None
    """None: of a program that did not count."""
    workers: tuple[Adopted, ...]
    local_server: int | None
    """Its pid."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What stays open over the `exec`."""
        counters = () if self.counters is None else (self.counters.memory,)
        return (self.lock, self.memories.board, self.memories.account, *counters)


LAYOUT = f"{memory.LAYOUT}; handover of {', '.join(Handover.__struct_fields__)}"
"""What two versions of this program must have in common for one to go on from the other."""


def exec_anew(handover: Handover, environ: Mapping[str, str]) -> None:
    """Become the program that is installed now, with the same command line and with `environ` besides this process's
    environment. Returns only by raising OSError."""
    descriptor = os.memfd_create("cueworker-handover", 0)
    try:
        os.write(descriptor, msgspec.json.encode(handover, enc_hook=str))
        for inherited in (descriptor, *handover.descriptors):
            os.set_inheritable(inherited, True)
        command = command_line()
        os.execve(command[0], command, {**os.environ, **environ, VARIABLE: str(descriptor)})
    finally:
        os.close(descriptor)


def command_line(*more: str) -> list[str]:
    """This process's own command line, with further options."""
    return [sys.executable, *sys.orig_argv[1:], *more]


def take() -> Handover | None:
    """What a predecessor in this process left; None for a process that begins as usual."""
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return None
    with contextlib.suppress(OSError, ValueError), open(int(text), "rb") as file:
        file.seek(0)
        found = msgspec.json.decode(file.read(), type=Handover, dec_hook=lambda kind, value: kind(value))
        if found.supervisor_pid == os.getpid():
            for descriptor in found.descriptors:
                os.set_inheritable(descriptor, False)
            return found
    return None
