"""The worker calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arguments import given, worker_name
from .transport import Transport, path_part
from .window import Priority


class Workers:
    """`/v1/worker` and `/v1/workers`. Every call raises CueAPIError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def heartbeat(self, worker_id: str, handlers: Sequence[str] | None = None) -> dict[str, Any]:
        """Register the worker. Leaving `handlers` out erases the list that the server has."""
        body = given(worker_id=worker_name(worker_id), handlers=None if handlers is None else list(handlers))
        answer = self._transport.call("POST", "/v1/worker/heartbeat", priority=Priority.LEASE, body=body)
        registered = answer.json_object()
        if registered.get("acknowledged") is not True:
            raise answer.malformed("it acknowledges nothing")
        return registered

    def list(self) -> dict[str, Any]:
        """The workers of this key as the server sees them."""
        return self._transport.call("GET", "/v1/workers").json_object()

    def delete(self, worker_id: str) -> None:
        """Forget a worker."""
        self._transport.call("DELETE", f"/v1/workers/{path_part(worker_id)}")
