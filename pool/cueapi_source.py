"""The CueAPI server as a source."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..client import Budget, CueAPI, Unauthorized
from ..outcome import Report
from .account import Account

T = TypeVar("T")


class CueAPISource:
    """A `CueAPI` client bound to the pool's worker id, and to whatever account the pool has at the time."""

    _client: CueAPI

    def __init__(self, worker_id: str, account: Account, budget: Budget) -> None:
        self._worker_id = worker_id
        self._account = account
        self._budget = budget
        self._using: tuple[str, str] | None = None
        self._connect()

    def _connect(self) -> bool:
        """Take up the account as it is now; False if that is what was used already."""
        current = self._account.read()
        if current is None or current == self._using:
            return False
        if self._using is not None:
            self._client.close()
        api_key, api_base = self._using = current
        self._client = CueAPI(api_key, base_url=api_base, budget=self._budget)
        return True

    def _ask(self, question: Callable[[CueAPI], T]) -> T:
        try:
            answer = self._asked(question)
        except Unauthorized:
            # Nothing was done. The key may have been replaced since this process, or its handler, began.
            if not self._connect():
                raise
            answer = self._asked(question)
        return answer

    def _asked(self, question: Callable[[CueAPI], T]) -> T:
        assert self._using is not None
        try:
            answer = question(self._client)
        except Unauthorized:
            self._account.refuse(*self._using)
            raise
        self._account.accept(*self._using)
        return answer

    @property
    def max_wait(self) -> float | None:
        return self._client.executions.max_wait

    def list_claimable(self, task: str | None = None, wait: float | None = None) -> list[dict[str, Any]]:
        return self._ask(lambda client: client.executions.list_claimable(task=task, wait=wait))

    def claim(self, execution_id: str) -> float:
        answer = self._ask(lambda client: client.executions.claim(execution_id, worker_id=self._worker_id))
        return _lease(answer) or 900.0

    def heartbeat(self, execution_id: str) -> float | None:
        return _lease(
            self._ask(lambda client: client.executions.heartbeat(execution_id, worker_id=self._worker_id))
        )

    def report(self, execution_id: str, report: Report) -> None:
        self._ask(lambda client: client.executions.report(execution_id, report))

    def register(self, handlers: Sequence[str]) -> None:
        self._ask(lambda client: client.workers.heartbeat(self._worker_id, handlers=list(handlers)))

    def request_limit(self) -> int | None:
        return self._budget.spare(time.monotonic()).limit

    def close(self) -> None:
        self._client.close()


def _lease(answer: dict[str, Any]) -> float | None:
    seconds = answer.get("lease_seconds")
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else None
