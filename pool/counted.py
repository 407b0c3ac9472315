"""What the pool counts: each family of numbers, its labels and its cells. Pure data; tally.py keeps the numbers.

Names follow Prometheus' habits: base units, counters without `_total` (the exposition adds it). They are promises to
dashboards and alerts (docs/monitoring.md).
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable

from ..outcome import EndingKind
from .board import Leaving
from .calls import ANSWERS, CALLS
from .claiming import Answer
from .delivery import Fate
from .lease import Loss

BOUNDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
"""Upper bounds of the histograms' buckets in seconds: from a shell's `true` to four hours."""

GRANTED = "granted"
SUCCESS, FAILURE = "success", "failure"
TERM, KILL, CGROUP = "term", "kill", "cgroup"
WORKER, STEWARD = "worker", "steward"

CLEAN, CRASHED, BOOT_FAILED, HUNG, OVERDUE = "clean", "crashed", "boot_failed", "hung", "overdue"
"""Why a process was replaced: it was asked to leave (reload), died, could not begin, gave no beat, or did not end its
handler in time."""
_RECYCLED = ["operator", *(f"max_{why.name.lower()}" for why in Leaving if why is not Leaving.NO)]
"""Or somebody asked for a fresh one, or it has come to one of its limits."""


class Counter:
    """Numbers that only grow, one for each combination of labels."""

    def __init__(self, name: str, words: str, by_task: bool = False, **labels: Iterable[str]) -> None:
        self.name = f"cueworker_{name}"
        self.words = words
        self.by_task = by_task
        """Whether each task has numbers of its own."""
        self.labels = tuple(labels)
        self.combinations = tuple(itertools.product(*labels.values()))
        self.cells = len(self.combinations)
        self._place = {values: place for place, values in enumerate(self.combinations)}

    def place(self, values: tuple[str, ...]) -> int:
        """The cell of a combination. Raises KeyError for one that does not exist."""
        return self._place[values]


class Histogram:
    """How long something took, for each task: a cell for each bucket, and the sum in microseconds."""

    by_task = True
    cells = len(BOUNDS) + 2

    def __init__(self, name: str, words: str) -> None:
        self.name = f"cueworker_{name}"
        self.words = words

    @staticmethod
    def bucket(seconds: float) -> int:
        """The cell of the bucket that a duration falls into; the last one has no bound."""
        return bisect_left(BOUNDS, seconds)


EXECUTIONS = Counter(
    "executions",
    "Executions that have ended, by how they ended and what was reported.",
    by_task=True,
    ending=[kind.value for kind in EndingKind],
    verdict=[SUCCESS, FAILURE],
)
DURATION = Histogram(
    "execution_duration_seconds", "From the claim of an execution to the end of its handler's last process."
)
QUEUE_DELAY = Histogram(
    "queue_delay_seconds",
    "From the time an execution was scheduled for (server's clock) to its handler's start (this machine's).",
)
CLAIMS = Counter(
    "claims",
    "Claims by what they came to: granted; refused (somebody else was faster, or it is gone); hold (nothing can be "
    "claimed right now); unknown (the answer was lost and could not be settled).",
    by_task=True,
    result=[GRANTED, *(answer.value for answer in Answer)],
)
SERVER_CALLS = Counter(
    "server_calls",
    "Calls to the server by their answer: ok, an HTTP status, or why there was none. `renew` and `reclaim` keep the "
    "lease of a running handler.",
    call=CALLS,
    answer=ANSWERS,
)
LEASES_LOST = Counter(
    "leases_lost", "Leases that were lost under a handler.", reason=[loss.name.lower() for loss in Loss]
)
KILLS = Counter(
    "kills", "Executions on which the kill ladder went as far as this rung.", rung=[TERM, KILL, CGROUP]
)
SWEPT = Counter("swept_processes", "Processes that dead workers left and the supervisor ended.")
REPORTS = Counter(
    "reports",
    "Reports that left the spool, by what became of them.",
    fate=[fate.name.lower() for fate in Fate if fate.is_final],
)
RESTARTS = Counter(
    "restarts",
    "Processes of the pool that were replaced.",
    process=[WORKER, STEWARD],
    reason=[CLEAN, CRASHED, BOOT_FAILED, HUNG, OVERDUE, *_RECYCLED],
)

Family = Counter | Histogram
FAMILIES: tuple[Family, ...] = (
    EXECUTIONS,
    DURATION,
    QUEUE_DELAY,
    CLAIMS,
    SERVER_CALLS,
    LEASES_LOST,
    KILLS,
    SWEPT,
    REPORTS,
    RESTARTS,
)
