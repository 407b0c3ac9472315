"""The local server's pages: server-rendered, working without JavaScript, live with it.

The pages' own code and libraries are loaded when a browser first asks, so that the server starts as fast
without them.
"""

from __future__ import annotations

from .routes import Dashboard

__all__ = ["Dashboard"]
