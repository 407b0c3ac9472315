"""Bad network weather as a schedule drawn from a seed: what is done to each request, and what befalls the server.

What a request meets depends on the seed and on which request it is (the third claim of an execution, say), never on
how many others came before it: the same seed makes the same weather, however the pool's processes take turns.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from email.utils import formatdate

from support.faults import (
    AnswerLost,
    BlackHole,
    CutBody,
    CutHeaders,
    Fault,
    Request,
    Reset,
    Slow,
    page,
    refusal,
)
from support.local_server import LocalServerProcess
from support.proxy import FaultProxy

_LOOK_EVERY = 0.02
_LONGEST_HOLE = 2.0

FAULTS: dict[str, Callable[[random.Random], Fault]] = {
    "reset": lambda dice: Reset(),
    "black hole": lambda dice: BlackHole(),
    "slow": lambda dice: Slow(dice.uniform(0.02, 0.6)),
    "headers cut": lambda dice: CutHeaders(),
    "body cut": lambda dice: CutBody(),
    "answer lost": lambda dice: AnswerLost(),
    "500": lambda dice: refusal(500, then_close=True),
    "502": lambda dice: page(502),
    "503": lambda dice: refusal(503, {"Retry-After": "1"}),
    "504": lambda dice: page(504),
    "429": lambda dice: refusal(429),
    "429, seconds": lambda dice: refusal(429, {"Retry-After": str(dice.randint(0, 2))}),
    "429, date": lambda dice: refusal(429, {"Retry-After": formatdate(time.time() + 1, usegmt=True)}),
}


class Weather:
    """A proxy's rule, and what else happens while it holds. Its connections' threads share it."""

    def __init__(
        self, seed: int, lasts: float, density: float | None = None, kinds: Iterable[str] | None = None
    ) -> None:
        dice = random.Random(f"weather {seed}")
        self.lasts = lasts
        """Seconds."""
        self.density = dice.uniform(0.15, 0.6) if density is None else density
        """The share of requests that something happens to."""
        self.kinds = sorted(kinds or dice.sample(sorted(FAULTS), dice.randint(3, len(FAULTS))))
        self.met: Counter[str] = Counter()
        """How often each kind of fault was met."""
        self._seed = seed
        self._began = time.monotonic()
        self._asked: Counter[tuple[str, str | None]] = Counter()
        self._numbers: dict[str | None, int] = {}
        self._holes: list[tuple[float, BlackHole]] = []
        self._lock = threading.Lock()
        """Guards the counters and the holes: they belong to all connections."""
        self._bad_key = _spell(dice, lasts) if dice.random() < 0.25 else (0.0, 0.0)
        self._refused = _spell(dice, lasts) if dice.random() < 0.4 else None
        self._restart = dice.uniform(0, lasts) if dice.random() < 0.4 else None

    def __call__(self, request: Request) -> Fault | None:
        """What happens to a request."""
        begin, end = self._bad_key
        key = request.action, request.execution_id
        with self._lock:
            if begin <= time.monotonic() - self._began < end:
                self.met["401"] += 1
                return refusal(401)
            self._asked[key] += 1
            # An execution's id is another one each time, its number is not.
            number = self._numbers.setdefault(request.execution_id, len(self._numbers))
            dice = random.Random(f"{self._seed} {request.action} {number} {self._asked[key]}")
            if dice.random() > self.density:
                return None
            kind = dice.choice(self.kinds)
            self.met[kind] += 1
            fault = FAULTS[kind](dice)
            if isinstance(fault, BlackHole):
                self._holes.append((time.monotonic() + dice.uniform(0.1, _LONGEST_HOLE), fault))
            return fault

    def pass_over(
        self,
        proxy: FaultProxy,
        server: LocalServerProcess | None,
        deeds: list[tuple[float, Callable[[], object]]],
    ) -> None:
        """Let it happen, and the test's own deeds, each at its second; returns when it is over and all is fair."""
        self._began = time.monotonic()
        events = list(deeds)
        if self._refused is not None:
            events += [(self._refused[0], proxy.refuse), (self._refused[1], proxy.admit)]
            self.met["refused"] += 1
        if self._restart is not None and server is not None:
            events.append((self._restart, lambda: (server.kill(), server.start())))
            self.met["restart"] += 1
        proxy.rule = self
        for at, deed in [*sorted(events, key=lambda event: event[0]), (self.lasts, proxy.clear)]:
            while time.monotonic() < self._began + at:
                self.release_holes()
                time.sleep(_LOOK_EVERY)  # the schedule's own time is what passes here
            deed()

    def release_holes(self) -> None:
        """Let pass what black holes have held long enough. `pass_over` does; whoever sets the rule itself must."""
        with self._lock:
            now = time.monotonic()
            for due, hole in self._holes:
                if now >= due:
                    hole.released.set()
            self._holes = [(due, hole) for due, hole in self._holes if now < due]


def _spell(dice: random.Random, lasts: float) -> tuple[float, float]:
    begin = dice.uniform(0, lasts * 0.7)
    return begin, min(lasts, begin + dice.uniform(0.2, 1.0))
