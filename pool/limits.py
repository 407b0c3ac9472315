"""A handler's `limits:`, and who holds it to them. Pure.

Where the pool owns a cgroup with the controllers, they hold for all of the execution's processes together. Elsewhere:

- `memory` is a limit of each process by itself on the memory that it may write to (RLIMIT_DATA; not RLIMIT_AS: Go, Java
  and Node reserve far more addresses than they use);
- `cpu` is not enforced: RLIMIT_CPU is a total, not a share;
- `processes` is not enforced: RLIMIT_NPROC counts all of the user's processes, the pool's and other handlers' included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .prctl import IS_LINUX

_CPU_PERIOD = 100_000
"""Microseconds, the kernel's default: within each, an execution gets its share."""

_CPU_LEAST = 1000
"""Microseconds of each period: the kernel takes no less."""


@dataclass(frozen=True)
class Limits:
    """What one execution may use at most. None: no limit."""

    memory: int | None = None
    """Bytes."""
    cpu: float | None = None
    """A share of one processor: 0.5 is half of one, 2.0 two of them."""
    processes: int | None = None
    """Processes and threads at the same time."""


@dataclass(frozen=True)
class Enforcement:
    """How limits are enforced here."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Files of the execution's cgroup and what to write into them."""
    data: int | None = None
    """RLIMIT_DATA in bytes."""
    missing: tuple[str, ...] = ()
    """What is not enforced, or not for the execution as a whole, in words."""


UNLIMITED = Enforcement()


def enforce(limits: Limits, controllers: frozenset[str], rlimits: bool = IS_LINUX) -> Enforcement:
    """How `limits` are enforced with these cgroup controllers; `rlimits`: whether the kernel heeds RLIMIT_DATA."""
    files: dict[str, str] = {}
    missing: list[str] = []
    data = None
    if limits.memory is not None:
        if "memory" in controllers:
            # All of the execution ends with its first victim: half of a handler is worth nothing.
            files |= {"memory.max": str(limits.memory), "memory.oom.group": "1"}
        elif rlimits:
            data = limits.memory
            missing.append("memory holds for each process by itself")
        else:
            missing.append("memory is not enforced")
    if limits.cpu is not None:
        if "cpu" in controllers:
            files["cpu.max"] = f"{max(_CPU_LEAST, round(limits.cpu * _CPU_PERIOD))} {_CPU_PERIOD}"
        else:
            missing.append("cpu is not enforced")
    if limits.processes is not None:
        if "pids" in controllers:
            files["pids.max"] = str(limits.processes)
        else:
            missing.append("processes is not enforced")
    return Enforcement(files, data, tuple(missing))
