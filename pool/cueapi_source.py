"""The CueAPI server as a source."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..client import Budget, CueAPI, CueAPIError, Unauthorized
from ..outcome import Report
from .account import Account
from .calls import CLAIM, HEARTBEAT, LIST, REGISTER, REPORT

T = TypeVar("T")

OnAnswer = Callable[[str, CueAPIError | None], None]
"""Told of each call that has ended: its name (calls.py), and its error if it had no good answer."""


def _tell_nobody(_call: str, _error: CueAPIError | None) -> None:
    """For those who count nothing."""


class CueAPISource:
    """A `CueAPI` client bound to the pool's worker id, and to whatever account the pool has at the time."""

    _client: CueAPI

    def __init__(
        self, worker_id: str, account: Account, budget: Budget, on_answer: OnAnswer = _tell_nobody
    ) -> None:
        self._worker_id = worker_id
        self._account = account
        self._budget = budget
        self._on_answer = on_answer
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

    def _ask(self, call: str, question: Callable[[CueAPI], T]) -> T:
        try:
            return self._ask_once(call, question)
        except Unauthorized:
            # Nothing was done. The key may have been replaced since this process, or its handler, began.
            if not self._connect():
                raise
            return self._ask_once(call, question)

    def _ask_once(self, call: str, question: Callable[[CueAPI], T]) -> T:
        assert self._using is not None
        try:
            answer = question(self._client)
        except CueAPIError as error:
            if isinstance(error, Unauthorized):
                self._account.refuse(*self._using)
            self._on_answer(call, error)
            raise
        self._account.accept(*self._using)
        self._on_answer(call, None)
        return answer

    @property
    def max_wait(self) -> float | None:
        return self._client.executions.max_wait

    def list_claimable(self, task: str | None = None, wait: float | None = None) -> list[dict[str, Any]]:
        return self._ask(LIST, lambda client: client.executions.list_claimable(task=task, wait=wait))

    def claim(self, execution_id: str) -> float:
        answer = self._ask(
            CLAIM, lambda client: client.executions.claim(execution_id, worker_id=self._worker_id)
        )
        return _lease(answer) or 900.0

    def heartbeat(self, execution_id: str) -> float | None:
        return _lease(
            self._ask(
                HEARTBEAT, lambda client: client.executions.heartbeat(execution_id, worker_id=self._worker_id)
            )
        )

    def report(self, execution_id: str, report: Report) -> None:
        self._ask(REPORT, lambda client: client.executions.report(execution_id, report))

    def register(self, handlers: Sequence[str]) -> None:
        self._ask(REGISTER, lambda client: client.workers.heartbeat(self._worker_id, handlers=list(handlers)))

    def request_limit(self) -> int | None:
        return self._budget.spare(time.monotonic()).limit

    def close(self) -> None:
        self._client.close()


def _lease(answer: dict[str, Any]) -> float | None:
    seconds = answer.get("lease_seconds")
    return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else None
