"""Executions' cgroups (v2), where the pool owns a cgroup: its end is certain there, whatever a handler did.

Every process is born in its parent's cgroup and can only be moved by somebody who may write to it. A worker therefore
steps into the execution's group, starts the handler, and steps out again: writing the handler's pid into the group
after its start would let children escape that it had by then. Stepping in costs little, but waits for up to some 20 ms
when nothing of this kind has happened on the machine for a moment: the kernel waits for its other processors.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .events import emit

HOME = "pool"
"""The group of the pool's own processes: one that has controllers for its children may hold no process itself."""

_RUN, _KEPT = "run-", "kept-"
_NAME = re.compile(r"(?:run|kept)-[0-9a-f]{16}")
_TRIES = 5
"""A process that has been reaped may count as its group's for another moment."""


@dataclass(frozen=True)
class Cgroups:
    """The cgroup that a pool owns. Every process of the pool has this value; `root` is a folder."""

    root: Path

    @property
    def home(self) -> Path:
        """Where the pool's own processes are."""
        return self.root / HOME

    def make(self, execution: int, kept: bool) -> Group:
        """A group for an execution (its fingerprint). `kept`: what it leaves behind may go on. Raises OSError."""
        path = self.root / _name(_KEPT if kept else _RUN, execution)
        path.mkdir(exist_ok=True)
        return Group(path, self.home, kept)

    def of(self, execution: int) -> list[Group]:
        """The groups that an execution has."""
        return [group for group in self.all() if group.execution == execution]

    def all(self) -> list[Group]:
        """The groups of all executions."""
        try:
            names = [name for name in os.listdir(self.root) if _NAME.fullmatch(name)]
        except OSError:
            return []
        return [Group(self.root / name, self.home, name.startswith(_KEPT)) for name in names]

    def is_kept(self, pid: int, but_not: set[int]) -> bool:
        """Whether a process was left running by a handler that may; those of the executions `but_not` are not meant."""
        try:
            line = _own_line(Path(f"/proc/{pid}/cgroup"))
        except OSError:
            return False
        name = next((part for part in line.split("/") if part.startswith(_KEPT)), None)
        return name is not None and name not in {_name(_KEPT, execution) for execution in but_not}

    def controllers(self) -> frozenset[str]:
        """The controllers that the executions' groups have."""
        with contextlib.suppress(OSError):
            return frozenset((self.root / "cgroup.subtree_control").read_text(encoding="ascii").split())
        return frozenset()


class Group:
    """One execution's cgroup. Nothing here raises: a handler runs without a group rather than not at all."""

    def __init__(self, path: Path, home: Path, kept: bool) -> None:
        self.path = path
        self.kept = kept
        self._home = home
        self._holds = True
        """Whether the handler, and nobody else, is in it."""

    @property
    def execution(self) -> int:
        """The fingerprint of the execution that it is for."""
        return int(self.path.name.rpartition("-")[2], 16)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The calling process is in the group meanwhile, and what it starts is born there."""
        self._holds = self._move(self.path)
        try:
            yield
        finally:
            # If this fails, killing the group would kill the worker.
            self._holds = self._holds and self._move(self._home)

    def _move(self, group: Path) -> bool:
        try:
            _write(group / "cgroup.procs", "0")
        except OSError as error:
            emit("cgroup.failed", path=self.path, reason=error)
            return False
        return True

    def limit(self, files: Mapping[str, str]) -> None:
        """Write limits. They count what the group has used since it was made."""
        if not self._holds:
            return
        for name, value in files.items():
            try:
                _write(self.path / name, value)
            except OSError as error:
                emit("cgroup.failed", path=self.path / name, reason=error)

    @property
    def keeps(self) -> bool:
        """Whether what is left of the handler may go on, and can be told from all other processes."""
        return self.kept and self._holds

    def kill(self) -> None:
        """SIGKILL everything in it, forking processes included, in one step."""
        if self._holds:
            with contextlib.suppress(OSError):
                _write(self.path / "cgroup.kill", "1")

    @property
    def is_populated(self) -> bool:
        """Whether any process lives in it or below."""
        try:
            events = (self.path / "cgroup.events").read_text(encoding="ascii")
        except OSError:
            return False
        return self._holds and "populated 1" in events.splitlines()

    def remove(self) -> bool:
        """Remove it, and what a handler made below it. False if something lives in it."""
        for _ in range(_TRIES):
            for folder, _, _ in os.walk(self.path, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            if not self.path.exists():
                return True
            if self.is_populated:
                return False
            time.sleep(0.001)
        return False


def _name(prefix: str, execution: int) -> str:
    return f"{prefix}{execution:016x}"


def own_path() -> str | None:
    """The calling process's cgroup as the kernel names it; None if it has none (no cgroup v2)."""
    try:
        return _own_line(Path("/proc/self/cgroup")) or None
    except OSError:
        return None


def _own_line(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return next((line[3:] for line in lines if line.startswith("0::")), "")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
