"""What the endpoints share."""

from __future__ import annotations

from dataclasses import dataclass, field

from .keys import KeyRing
from .limiter import SlidingWindow
from .options import Rules
from .sessions import Sessions
from .store import Store
from .ticker import Ticker
from .waiters import Waiters


@dataclass(frozen=True)
class Site:
    """One server's collaborators, all owned by the event loop's thread."""

    store: Store
    keys: KeyRing
    waiters: Waiters
    ticker: Ticker
    rules: Rules
    host: str = "127.0.0.1"
    """The address or name that the server was told to listen on."""
    windows: dict[str, SlidingWindow] = field(default_factory=dict)
    """The request windows, by the key's digest."""
    sessions: Sessions = field(default_factory=Sessions)
