"""What the supervisor makes before it forks and every process of the pool then shares."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..client import Budget
from .account import Account
from .board import Board
from .cgroup import Cgroups
from .memory import Memories
from .offers import Notices, Offers
from .pulse import Pulse
from .state_dir import StateDir
from .tally import Tally


@dataclass(frozen=True, kw_only=True)
class Shared:
    """The pool's shared memory and sockets."""

    state_dir: StateDir
    lock: int
    """The descriptor that holds the state directory's lock; kept open by every process of the pool."""
    board: Board
    offers: Offers
    notices: Notices
    """To the steward's listing: idle, left, refused, hold; lost, resumed and account, by the supervisor."""
    spooled: Notices
    """To the steward's courier, which must not wait for a listing: there is a report to carry, or another account."""
    approved: Notices
    """To the supervisor: a key that the steward's login was given."""
    budget: Budget
    account: Account
    memories: Memories | None = None
    """Of the board and the account, for the supervisor's handover; None where it cannot hand over."""
    supervisor_pid: int
    tally: Tally
    tally_memory: int | None = None
    """The descriptor of its memory, for the handover. Not in `memories`: another program may count otherwise."""
    pulse: Pulse = field(default_factory=Pulse)
    cgroups: Cgroups | None = None
    """Where executions get cgroups; None where the pool owns none."""

    def descriptors(self) -> set[int]:
        """What a forked process keeps open besides its standard streams."""
        sockets = (self.offers, self.notices, self.spooled, self.approved)
        return {self.lock, *(number for ends in sockets for number in ends.filenos())}
