"""The cue calls."""

from __future__ import annotations

from typing import Any

from .arguments import Moment, given, schedule_of, wire_time
from .transport import Transport, path_part


class Cues:
    """`/v1/cues`. Every call returns the server's JSON object and raises CueAPIError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        *,
        cron: str | None = None,
        at: Moment | None = None,
        timezone: str = "UTC",
        schedule: dict[str, Any] | None = None,
        transport: str = "worker",
        payload: dict[str, Any] | None = None,
        description: str | None = None,
        callback: dict[str, Any] | None = None,
        retry: dict[str, Any] | None = None,
        on_failure: dict[str, Any] | None = None,
        verification: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Create a cue: recurring by `cron`, once `at` a time, or by a whole `schedule`, else ValueError."""
        body = given(
            name=name,
            schedule=schedule_of(cron, at, timezone, schedule),
            transport=transport,
            payload=payload,
            description=description,
            callback=callback,
            retry=retry,
            on_failure=on_failure,
            verification=verification,
        )
        return self._transport.call("POST", "/v1/cues", body=body).json_object()

    def list(
        self, status: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> dict[str, Any]:
        """`{"cues", "total", "limit", "offset"}`, newest first; `limit` 1..100 (50)."""
        query = given(status=status, limit=limit, offset=offset)
        return self._transport.call("GET", "/v1/cues", query=query).json_object()

    def get(
        self, cue_id: str, *, execution_limit: int | None = None, execution_offset: int | None = None
    ) -> dict[str, Any]:
        """One cue with its newest executions."""
        query = given(execution_limit=execution_limit, execution_offset=execution_offset)
        return self._transport.call("GET", _cue(cue_id), query=query).json_object()

    def update(self, cue_id: str, **fields: Any) -> dict[str, Any]:
        """Change the given fields and no others; here None is sent, as null, since it clears a field."""
        return self._transport.call("PATCH", _cue(cue_id), body=fields).json_object()

    def pause(self, cue_id: str) -> dict[str, Any]:
        """Stop firing on schedule."""
        return self.update(cue_id, status="paused")

    def resume(self, cue_id: str) -> dict[str, Any]:
        """Fire on schedule again."""
        return self.update(cue_id, status="active")

    def delete(self, cue_id: str) -> None:
        """Delete a cue and its executions in flight."""
        self._transport.call("DELETE", _cue(cue_id))

    def fire(
        self,
        cue_id: str,
        payload_override: dict[str, Any] | None = None,
        merge_strategy: str | None = None,
        send_at: Moment | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Make an execution now or at `send_at`; the override lives on it, never on the cue.

        `merge_strategy` is "merge" (shallow, the override wins) or "replace".
        """
        body = given(
            payload_override=payload_override,
            merge_strategy=merge_strategy,
            send_at=None if send_at is None else wire_time(send_at),
            idempotency_key=idempotency_key,
        )
        return self._transport.call("POST", f"{_cue(cue_id)}/fire", body=body).json_object()


def _cue(cue_id: str) -> str:
    return f"/v1/cues/{path_part(cue_id)}"
