"""What the supervisor makes before it forks and every process of the pool then shares."""

from __future__ import annotations

from dataclasses import dataclass

from ..client import Budget
from .account import Account
from .board import Board
from .cgroup import Cgroups
from .offers import Notices, Offers
from .state_dir import StateDir


@dataclass(frozen=True, kw_only=True)
class Shared:
    """The pool's shared memory and sockets."""

    state_dir: StateDir
    lock: int
    """The descriptor that holds the state directory's lock; kept open by every process of the pool."""
    board: Board
    offers: Offers
    notices: Notices
    """To the steward's listing: idle, refused, hold; lost, by the supervisor."""
    spooled: Notices
    """To the steward's courier, which must not wait for a listing: there is a report to carry."""
    budget: Budget
    account: Account
    supervisor_pid: int
    cgroups: Cgroups | None = None
    """Where executions get cgroups; None where the pool owns none."""

    def descriptors(self) -> set[int]:
        """What a forked process keeps open besides its standard streams."""
        return {self.lock, *self.offers.filenos(), *self.notices.filenos(), *self.spooled.filenos()}
