"""One worker and the steward: claim, lease, handler, process tree, report; listing, offers, spool.

The names below are imported when they are asked for: a command that only looks for a running pool needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    "Settings": "settings",
    "Handler": "handler",
    "Command": "handler",
    "ShellCommand": "handler",
    "PastedCommand": "handler",
    "ArgvCommand": "handler",
    "StateDir": "state_dir",
    "Board": "board",
    "SlotState": "board",
    "Offers": "offers",
    "Notices": "offers",
    "Shared": "shared",
    "emit": "events",
    "PoolError": "errors",
    "StateDirUnusable": "errors",
    "StateDirBusy": "errors",
    "CouldNotStart": "errors",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{module}", __name__), name)
