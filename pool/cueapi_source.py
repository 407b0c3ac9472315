"""The CueAPI server as a source."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ..client import Budget, CueAPI
from ..outcome import Report
from .settings import Settings


class CueAPISource:
    """A `CueAPI` client bound to the pool's worker id."""

    def __init__(self, settings: Settings, budget: Budget) -> None:
        self._worker_id = settings.worker_id
        self._budget = budget
        self._client = CueAPI(settings.api_key, base_url=settings.api_base, budget=budget)

    @property
    def max_wait(self) -> float | None:
        return self._client.executions.max_wait

    def list_claimable(self, task: str | None = None, wait: float | None = None) -> list[dict[str, Any]]:
        return self._client.executions.list_claimable(task=task, wait=wait)

    def claim(self, execution_id: str) -> float:
        return _lease(self._client.executions.claim(execution_id, worker_id=self._worker_id)) or 900.0

    def heartbeat(self, execution_id: str) -> float | None:
        return _lease(self._client.executions.heartbeat(execution_id, worker_id=self._worker_id))

    def report(self, execution_id: str, report: Report) -> None:
        self._client.executions.report(execution_id, report)

    def register(self, handlers: Sequence[str]) -> None:
        self._client.workers.heartbeat(self._worker_id, handlers=list(handlers))

    def request_limit(self) -> int | None:
        return self._budget.spare(time.monotonic()).limit

    def close(self) -> None:
        self._client.close()


def _lease(answer: dict[str, Any]) -> float | None:
    seconds = answer.get("lease_seconds")
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else None
