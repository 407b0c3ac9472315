"""What holds one execution: its cgroup, where the pool owns one, and the handler's limits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from .board import fingerprint
from .cgroup import Cgroups, Group
from .events import emit
from .handler import Handler
from .limits import UNLIMITED, Enforcement, enforce


@dataclass(frozen=True)
class Confinement:
    """What a handler is started in."""

    group: Group | None = None
    enforcement: Enforcement = UNLIMITED


FREE = Confinement()
"""No cgroup and no limits."""


@contextlib.contextmanager
def confined(handler: Handler, cgroups: Cgroups | None, execution_id: str) -> Iterator[Confinement]:
    """The confinement of one execution. Its group goes at the end, unless something lives in it: see `Group.keeps`."""
    group = None if cgroups is None else _group(handler, cgroups, execution_id)
    enforcement = UNLIMITED
    if handler.limits is not None:
        controllers = frozenset() if cgroups is None or group is None else cgroups.controllers()
        enforcement = enforce(handler.limits, controllers)
    try:
        yield Confinement(group, enforcement)
    finally:
        if group is not None:
            group.remove()


def _group(handler: Handler, cgroups: Cgroups, execution_id: str) -> Group | None:
    try:
        return cgroups.make(fingerprint(execution_id), handler.background == "leave")
    except OSError as error:
        emit("cgroup.failed", path=cgroups.root, reason=error)
        return None
