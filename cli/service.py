"""What a service definition says, whichever service manager it is for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from ..pool.settings import Settings
from ..supervisor.start import LOCK_PATIENCE

MARK = "Written by `cueworker install-service`"
"""Stands in every file that may be written again, and removed."""

REPORTING = 15.0
"""Seconds beyond the graces in which handlers' outcomes are reported (see the templates)."""

BOOTING = 75.0

NAME = re.compile(r"[A-Za-z0-9._-]+")
"""What a worker id and an instance's name may be made of: they stand in unit names, paths and command lines."""


class Scope(StrEnum):
    """Whose service manager runs it."""

    USER = "user"
    """The user's own: it needs no rights, and handlers run as that user."""
    SYSTEM = "system"
    """The machine's: it needs root to install, and runs as an ordinary user all the same."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One pool as a service. Durations in seconds."""

    scope: Scope
    instance: str | None
    command: tuple[str, ...]
    """Begins with an absolute path."""
    path: str
    """The PATH of the pool and its handlers."""
    user: str | None
    """Who runs it; None: the user whose service manager it is."""
    own_state_dir: bool
    """Whether the configuration names a state directory, so that the service manager makes none."""
    start_within: int
    stop_within: int

    @property
    def suffix(self) -> str:
        """Tells an instance's folders and files from others'."""
        return "" if self.instance is None else f"-{self.instance}"


def times(settings: Settings) -> tuple[int, int]:
    """How long a start and a stop may take, in whole seconds."""
    start = settings.kill_grace + LOCK_PATIENCE + BOOTING
    stop = settings.shutdown_grace + settings.kill_grace + REPORTING
    return math.ceil(start), math.ceil(stop)
