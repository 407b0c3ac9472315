"""Promise 5 in simulated time: never over the server's limit in any 60 s window, whatever N."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from cueworker.client import Priority
from hypothesis import given, settings
from hypothesis import strategies as st

from .simulated_pool import UPTIME, Limiter, Simulation, lister, worker


def run(
    path: Path, workers: int, limiter: Limiter, *, seconds: float, handler: float, seed: int, latency: float
) -> Simulation:
    simulation = Simulation(path, limiter, seed=seed, latency=latency)
    simulation.start(lister(0.1))
    for _ in range(workers):
        simulation.start(worker(lambda: simulation.random.uniform(0.0, 2 * handler)), after=5.0)
    simulation.run(seconds)
    return simulation


@pytest.mark.parametrize("workers", [8, 64])
@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    latency=st.sampled_from([0.01, 0.5, 3.0]),
    handler=st.sampled_from([0.0, 1.0, 20.0, 90.0]),
    limit=st.sampled_from([10, 60, 200]),
)
def test_no_429_once_the_limit_is_known(workers, seed, latency, handler, limit):
    with tempfile.TemporaryDirectory() as folder:
        simulation = run(
            Path(folder, "lock"),
            workers,
            Limiter(lambda _: limit),
            seconds=240,
            handler=handler,
            seed=seed,
            latency=latency,
        )
    assert simulation.refused() == []
    assert simulation.accepted(Priority.OUTCOME) > 0


@pytest.mark.parametrize("workers", [8, 64])
def test_a_busy_pool_uses_its_budget_and_keeps_its_duties_prompt(tmp_path, workers):
    simulation = run(
        tmp_path / "lock", workers, Limiter(lambda _: 60), seconds=300, handler=0.5, seed=7, latency=0.2
    )
    assert simulation.refused() == []
    assert simulation.accepted(*Priority) >= 0.85 * 300, "a budget that is not used is lost work"
    assert simulation.worst_delay(Priority.OUTCOME) < 1.0, "an outcome that a claim has paid for never waits"
    assert simulation.worst_delay(Priority.LEASE) < 1.0


def test_an_idle_pool_lists_with_half_of_its_budget(tmp_path):
    simulation = Simulation(tmp_path / "lock", Limiter(lambda _: 60))
    simulation.start(lister(0.1))
    simulation.run(300)
    assert simulation.refused() == []
    assert 0.8 * 150 <= simulation.accepted(Priority.LISTING) <= 180


def test_a_burst_before_the_first_answer_teaches_all(tmp_path):
    simulation = Simulation(tmp_path / "lock", Limiter(lambda _: 60), latency=0.5)
    for _ in range(100):
        simulation.start(worker(lambda: 1.0))
    simulation.run(240)
    assert len(simulation.refused()) == 40, "sent before anything could be known"
    assert simulation.refused(after=0.5) == []


@pytest.mark.parametrize("retry_after", [True, False])
def test_a_limit_that_drops_and_comes_back(tmp_path, retry_after):
    # A miss of the server's auth cache: 200, for half a minute 60, 200 again.
    limiter = Limiter(lambda now: 60 if 100 <= now - UPTIME < 130 else 200, retry_after=retry_after)
    simulation = run(tmp_path / "lock", 64, limiter, seconds=400, handler=5.0, seed=3, latency=0.3)
    storm = simulation.refused()
    assert 1 <= len(storm) <= 70, "at most what was in flight, then one probe at a time"
    assert simulation.refused(after=200.0) == []
    late = sum(1 for time, _, status in simulation.sent if status == 200 and time > UPTIME + 280)
    assert late >= 0.7 * 2 * 200


@pytest.mark.parametrize("per_minute", [10, 40])
def test_the_same_key_used_elsewhere(tmp_path, per_minute):
    limiter = Limiter(lambda _: 60)
    simulation = Simulation(tmp_path / "lock", limiter, seed=5)

    def somebody_else() -> None:
        limiter.answer(simulation.now)
        simulation.at(simulation.now + simulation.random.expovariate(per_minute / 60), somebody_else)

    simulation.at(UPTIME, somebody_else)
    simulation.start(lister(0.1))
    for _ in range(8):
        simulation.start(worker(lambda: simulation.random.uniform(0, 10)), after=5.0)
    simulation.run(600)
    # It cannot be foreseen, only followed: without the headers' word every second request would be refused.
    assert len(simulation.refused()) <= 0.05 * len(simulation.sent)
    assert simulation.accepted(Priority.OUTCOME) >= 60
