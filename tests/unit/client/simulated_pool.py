"""A pool and a server's rate limiter in simulated time, around the real budget.

The limiter is the server's: an exact sliding window over the moments at which requests reach it, 429s not
counted. Between send and answer a request takes up to `latency` seconds and reaches the server somewhere in
between, so that the two sides never see the same order.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

from cueworker.client import Budget, BudgetExhausted, Priority
from cueworker.client.budget import Reservation

EPOCH = 1_700_000_000.0
UPTIME = 1_000.0
WINDOW = 60.0

Step = tuple[Priority, float]
"""What a simulated process does next: a request of this priority after so many seconds."""
Process = Generator[Step, int | None, None]
"""Yields steps, is sent the answer's status (None: the budget refused)."""


@dataclass
class Limiter:
    """`limit` requests in any 60 s; `at` changes it with time."""

    at: Callable[[float], int]
    retry_after: bool = True
    stamps: deque[float] = field(default_factory=deque)

    def answer(self, now: float) -> tuple[int, dict[str, str]]:
        limit = self.at(now)
        while self.stamps and self.stamps[0] <= now - WINDOW:
            self.stamps.popleft()
        headers = {"X-RateLimit-Limit": str(limit)}
        if len(self.stamps) < limit:
            self.stamps.append(now)
            headers["X-RateLimit-Remaining"] = str(limit - len(self.stamps))
            return 200, headers
        headers["X-RateLimit-Remaining"] = "0"
        if self.retry_after:
            wait = self.stamps[len(self.stamps) - limit] + WINDOW - now
            headers["Retry-After"] = str(int(wait) + 1)
        return 429, headers


@dataclass
class Simulation:
    """Runs processes against the limiter; collects what happened."""

    path: Path
    limiter: Limiter
    seed: int = 0
    latency: float = 0.5

    def __post_init__(self) -> None:
        self.budget = Budget.create(self.path)
        self.random = random.Random(self.seed)
        self.now = UPTIME
        self.sent: list[tuple[float, Priority, int]] = []
        """(time of the send, priority, status)"""
        self.delays: list[tuple[Priority, float]] = []
        """How long each request waited for the budget."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def start(self, process: Process, after: float = 0.0) -> None:
        self.at(UPTIME + after, lambda: self._advance(process, None))

    def run(self, seconds: float) -> None:
        while self._events and self._events[0][0] <= UPTIME + seconds:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.budget.close()

    def refused(self, after: float = 0.0) -> list[tuple[float, Priority, int]]:
        return [sent for sent in self.sent if sent[2] == 429 and sent[0] >= UPTIME + after]

    def accepted(self, *priorities: Priority) -> int:
        return sum(1 for _, priority, status in self.sent if status == 200 and priority in priorities)

    def worst_delay(self, priority: Priority) -> float:
        return max((delay for of, delay in self.delays if of is priority), default=0.0)

    def at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), action))

    def _advance(self, process: Process, status: int | None) -> None:
        try:
            priority, pause = process.send(status)
        except StopIteration:
            return
        due = self.now + pause
        self.at(due, lambda: self._try(process, priority, due))

    def _try(self, process: Process, priority: Priority, due: float) -> None:
        try:
            reservation = self.budget.reserve(priority, self.now)
        except BudgetExhausted as exhausted:
            assert exhausted.retry_after > 0
            self.at(self.now + exhausted.retry_after, lambda: self._try(process, priority, due))
            return
        self.delays.append((priority, self.now - due))
        took = self.random.uniform(0.001, self.latency)
        self.at(
            self.now + took * self.random.random(),
            lambda: self._arrive(process, reservation, reservation.sent_at + took),
        )

    def _arrive(self, process: Process, reservation: Reservation, answered: float) -> None:
        status, headers = self.limiter.answer(self.now)
        self.sent.append((reservation.sent_at, reservation.priority, status))
        self.at(answered, lambda: self._settle(process, reservation, status, headers))

    def _settle(
        self, process: Process, reservation: Reservation, status: int, headers: dict[str, str]
    ) -> None:
        self.budget.settle(
            reservation, now=self.now, epoch_now=EPOCH + self.now, status=status, headers=headers
        )
        self._advance(process, status)


def lister(pause: float) -> Process:
    """A steward that lists as often as it may."""
    while True:
        yield Priority.LISTING, pause


def worker(seconds: Callable[[], float], heartbeat: float = 30.0) -> Process:
    """Claims, heartbeats while its handler runs, reports; work never ends."""
    while True:
        status = yield Priority.CLAIM, 0.0
        if status != 200:
            continue
        left = seconds()
        while left > heartbeat:
            yield Priority.LEASE, heartbeat
            left -= heartbeat
        status = yield Priority.OUTCOME, left
        while status != 200:
            status = yield Priority.OUTCOME, 1.0
