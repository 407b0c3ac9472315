"""One worker and the steward: claim, lease, handler, process tree, report; listing, offers, spool."""

from .board import Board, SlotState
from .errors import CouldNotStart, PoolError, StateDirBusy, StateDirUnusable
from .events import emit
from .handler import ArgvCommand, Command, Handler, PastedCommand, ShellCommand
from .offers import Notices, Offers
from .settings import Settings
from .shared import Shared
from .state_dir import StateDir

__all__ = [
    "Settings",
    "Handler",
    "Command",
    "ShellCommand",
    "PastedCommand",
    "ArgvCommand",
    "StateDir",
    "Board",
    "SlotState",
    "Offers",
    "Notices",
    "Shared",
    "emit",
    "PoolError",
    "StateDirUnusable",
    "StateDirBusy",
    "CouldNotStart",
]
