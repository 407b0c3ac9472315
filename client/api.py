"""The client's front door."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from .auth import Auth
from .budget import Budget
from .cues import Cues
from .executions import Executions
from .own_server import Dashboard, Keys, Logins
from .transport import Timeout, Transport
from .workers import Workers


class CueAPI:
    """A CueAPI server, seen with one key. A context manager; another key takes another client.

    `base_url` with or without a trailing slash or `/v1`. `timeout` in seconds, or (connect, read) seconds.
    With a `budget`, every call takes from it first and may raise BudgetExhausted. Make it after a fork; its
    threads may share it. Raises ValueError for a key or an address that cannot be used.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = "https://api.cueapi.ai",
        timeout: Timeout = (10, 30),
        budget: Budget | None = None,
    ) -> None:
        self._transport = Transport(api_key, base_url, timeout, budget)
        self.auth = Auth(self._transport)
        self.cues = Cues(self._transport)
        self.executions = Executions(self._transport)
        self.workers = Workers(self._transport)
        self.keys = Keys(self._transport)
        self.logins = Logins(self._transport)
        self.dashboard = Dashboard(self._transport)

    @property
    def base_url(self) -> str:
        """The server's address without `/v1`."""
        return self._transport.base_url

    def health(self) -> dict[str, Any]:
        """`{"status": "healthy", "version", …}`; needs no good key."""
        return self._transport.call("GET", "/health").json_object()

    def usage(self) -> dict[str, Any]:
        """The key's plan and what it has used."""
        return self._transport.call("GET", "/v1/usage").json_object()

    def alerts(self) -> dict[str, Any]:
        """What the server thinks somebody should know."""
        return self._transport.call("GET", "/v1/alerts").json_object()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"CueAPI({self.base_url!r})"
