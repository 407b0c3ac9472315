"""The pool's metrics as `prometheus_client` families, read from shared memory at each scrape."""

from __future__ import annotations

import itertools
import platform
import time
from collections import Counter as Multiset
from collections.abc import Iterator
from importlib import metadata

import psutil
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from .board import SlotState
from .clock import boottime
from .counted import BOUNDS, FAMILIES, Counter, Histogram
from .readiness import Reason, is_alive, reasons
from .shared import Shared
from .spool import Spool
from .tally import OTHER, Totals
from .vitals import Vitals

_BUCKETS = [*map(floatToGoString, BOUNDS), "+Inf"]


class PoolCollector(Collector):
    """All metrics of a pool. Reads only; may be called in any thread of the steward."""

    def __init__(self, shared: Shared, vitals: Vitals, worker_id: str) -> None:
        self._shared = shared
        self._vitals = vitals
        self._build = {
            "version": metadata.version("cueworker"),
            "python": platform.python_version(),
            "worker_id": worker_id,
        }
        self._started = psutil.Process(shared.supervisor_pid).create_time()

    def collect(self) -> Iterator[Metric]:
        """Every family, once."""
        yield InfoMetricFamily("cueworker_build", "What runs here.", value=self._build)
        yield _gauge("start_time_seconds", "When the supervisor was started (epoch).", self._started)
        yield from self._condition()
        yield from self._slots()
        yield from self._spool()
        yield from self._budget()
        totals = self._shared.tally.totals()
        for family in FAMILIES:
            yield _histogram(family, totals) if isinstance(family, Histogram) else _counter(family, totals)

    def _condition(self) -> Iterator[Metric]:
        condition, now = self._vitals.condition(), boottime()
        why = reasons(condition, now)
        yield _gauge("up", "Whether the supervisor's loop turns (/healthz).", is_alive(condition, now))
        yield _gauge("ready", "Whether the pool can do its job (/readyz).", not why)
        unready = GaugeMetricFamily(
            "cueworker_unready",
            "Why the pool cannot do its job: 1 for each reason there is.",
            labels=["reason"],
        )
        for reason in Reason:
            unready.add_metric([reason.value], float(reason in why))
        yield unready
        yield _gauge("draining", "Whether the pool is being stopped.", condition.draining)
        yield _gauge("paused", "Whether an operator has paused the pool.", condition.paused)
        if condition.disk is not None:
            yield _gauge(
                "state_dir_free_bytes",
                "What the state directory's disk has left for this user.",
                condition.disk.free_bytes,
            )

    def _slots(self) -> Iterator[Metric]:
        slots = GaugeMetricFamily("cueworker_slots", "Slots by what they are at.", labels=["state"])
        states = Multiset(self._vitals.slot_states())
        for state in SlotState:
            slots.add_metric([state.name.lower()], states[state])
        yield slots

    def _spool(self) -> Iterator[Metric]:
        written = Spool(self._shared.state_dir).written()
        age = max(0.0, time.time() - min(written)) if written else 0.0
        yield _gauge("spool_reports", "Reports that the server has not acknowledged yet.", len(written))
        yield _gauge(
            "spool_oldest_age_seconds", "How long the oldest of them has waited; 0: there is none.", age
        )

    def _budget(self) -> Iterator[Metric]:
        spare = self._shared.budget.spare(time.monotonic())
        if spare.limit is not None:
            words = "Requests that the server allows in 60 s; absent: it names no limit."
            yield _gauge("budget_limit_requests", words, spare.limit)
        if spare.free is not None:
            words = "Requests that listing may send now; what outcomes, leases and claims need is kept back."
            yield _gauge("budget_free_requests", words, spare.free)
        yield _gauge(
            "budget_used_requests", "Requests of this pool that the server may still be counting.", spare.used
        )
        yield _gauge("budget_blocked_seconds", "For how long nothing is sent after a 429.", spare.blocked_for)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cueworker_{name}", words, value=float(value))


def _tasks(family: Counter | Histogram, totals: Totals) -> Iterator[str]:
    """The tasks to show: `OTHER` only when something was counted there."""
    for task in totals.tasks:
        if task != OTHER or any(totals.cells(family, task)):
            yield task


def _counter(family: Counter, totals: Totals) -> CounterMetricFamily:
    shown = CounterMetricFamily(
        family.name, family.words, labels=[*(["task"] if family.by_task else []), *family.labels]
    )
    for task in _tasks(family, totals) if family.by_task else (None,):
        for values, number in zip(family.combinations, totals.cells(family, task), strict=True):
            shown.add_metric([*(() if task is None else (task,)), *values], number)
    return shown


def _histogram(family: Histogram, totals: Totals) -> HistogramMetricFamily:
    shown = HistogramMetricFamily(family.name, family.words, labels=["task"])
    for task in _tasks(family, totals):
        *buckets, total = totals.cells(family, task)
        cumulated = list(zip(_BUCKETS, map(float, itertools.accumulate(buckets)), strict=True))
        shown.add_metric([task], cumulated, sum_value=total / 1e6)
    return shown
