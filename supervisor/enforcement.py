"""Which handlers' limits and backgrounds hold here, said when a configuration begins to hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..pool.cgroup import Cgroups
from ..pool.events import emit
from ..pool.handler import Handler
from ..pool.limits import enforce
from .delegation import CONTROLLERS, enable


def prepare(handlers: Mapping[str, Handler], cgroups: Cgroups | None) -> None:
    """Enable the controllers that `handlers` need, and say what is not enforced."""
    if cgroups is not None and any(handler.limits is not None for handler in handlers.values()):
        enable(cgroups)
    controllers = frozenset() if cgroups is None else cgroups.controllers()
    reason = _reason(cgroups, controllers)
    for task, what in unenforced(handlers.values(), cgroups is not None, controllers):
        emit("limits.unenforced", task=task, what=what, reason=reason)


def unenforced(
    handlers: Iterable[Handler], has_cgroup: bool, controllers: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """For each handler of which something does not hold: its task, and what that is. Pure."""
    for handler in handlers:
        missing = [] if handler.limits is None else list(enforce(handler.limits, controllers).missing)
        if handler.background == "leave" and not has_cgroup:
            missing.append("what it leaves in the background is killed in spite of `background: leave`")
        if missing:
            yield handler.task, ", ".join(missing)


def _reason(cgroups: Cgroups | None, controllers: frozenset[str]) -> str:
    if cgroups is None:
        return "the pool owns no cgroup v2 (under systemd: Delegate=yes)"
    lacking = [name for name in CONTROLLERS if name not in controllers]
    return f"{cgroups.root} lacks the controllers {', '.join(lacking)}"
