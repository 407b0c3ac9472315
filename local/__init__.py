"""The embedded CueAPI server on SQLite: the default without an account, and the peer the tests talk to.

`discover` is cheap to import; the server's own libraries are loaded when `serve` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .discovery import LocalServer, discover

if TYPE_CHECKING:
    from .command import main
    from .run import serve

__all__ = ["LocalServer", "discover", "serve", "main"]


def __getattr__(name: str) -> Any:
    if name == "serve":
        from .run import serve

        return serve
    if name == "main":
        from .command import main

        return main
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
