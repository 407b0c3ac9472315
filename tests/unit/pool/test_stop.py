"""Stop signals in a real process: out of what may be abandoned at once, out of nothing else, and none is lost."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cueworker.pool import Offers
from cueworker.pool.stop import PARENT_DIED, StopLevel, StopSignals, StopWaiting
from support.forked import Forked, forked

STOPS = [
    (signal.SIGTERM, StopLevel.DRAIN),
    (signal.SIGINT, StopLevel.STOP),
    (signal.SIGQUIT, StopLevel.KILL),
    (PARENT_DIED, StopLevel.ORPHANED),
]


class Line:
    """Lets a test and its child wait for each other."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def say(self) -> None:
        os.write(self.writer, b"x")

    def hear(self) -> None:
        ready, _, _ = select.select([self.reader], [], [], 20)
        assert ready, "the other side says nothing"
        os.read(self.reader, 1)

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


@contextlib.contextmanager
def child(main: Callable[[StopSignals, Line, Line], Any]) -> Iterator[tuple[Forked, Line, Line]]:
    """A process with stop signals installed that runs `main(stop, to parent, from parent)`."""
    up, down = Line(), Line()

    def live() -> Any:
        stop = StopSignals()
        stop.install()
        return main(stop, up, down)

    with contextlib.closing(up), contextlib.closing(down), forked(live) as process:
        yield process, up, down


@pytest.mark.parametrize(("signum", "level"), STOPS)
def test_a_stop_comes_out_of_an_abandonable_wait(signum: signal.Signals, level: StopLevel) -> None:
    def main(stop: StopSignals, up: Line, down: Line) -> list[object]:
        try:
            with stop.abandonable():
                up.say()
                down.hear()
        except StopWaiting:
            return ["raised", stop.level]
        return ["not raised", stop.level]

    with child(main) as (process, up, _):
        up.hear()
        process.kill(signum)
        assert process.result() == ["raised", level]


@pytest.mark.parametrize(("signum", "level"), STOPS)
def test_a_stop_never_comes_out_of_anything_else(signum: signal.Signals, level: StopLevel) -> None:
    def main(stop: StopSignals, up: Line, down: Line) -> int:
        up.say()
        down.hear()
        return stop.level

    with child(main) as (process, up, down):
        up.hear()
        process.kill(signum)
        down.say()
        assert process.result() == level


def test_a_stop_that_came_before_ends_the_wait_at_once() -> None:
    def main(stop: StopSignals, up: Line, down: Line) -> str:
        up.say()
        down.hear()
        try:
            with stop.abandonable():
                return "waited"
        except StopWaiting:
            return "raised"

    with child(main) as (process, up, down):
        up.hear()
        process.kill(signal.SIGTERM)
        down.say()
        assert process.result() == "raised"


def test_after_an_abandonable_wait_nothing_is_raised_any_more() -> None:
    def main(stop: StopSignals, up: Line, down: Line) -> int:
        with stop.abandonable():
            pass
        with contextlib.suppress(RuntimeError), stop.abandonable():
            raise RuntimeError
        up.say()
        down.hear()
        return stop.level

    with child(main) as (process, up, down):
        up.hear()
        process.kill(signal.SIGTERM)
        down.say()
        assert process.result() == StopLevel.DRAIN


def test_a_wait_for_an_offer_can_be_abandoned_inside_the_kernel() -> None:
    def main(stop: StopSignals, up: Line, down: Line) -> str:
        offers = Offers()
        offers.wake_every(20)
        try:
            with stop.abandonable():
                up.say()
                offers.receive()
        except StopWaiting:
            return "raised"
        return "waited"

    with child(main) as (process, up, _):
        up.hear()
        began = time.monotonic()
        process.kill(signal.SIGTERM)
        assert process.result() == "raised"
        assert time.monotonic() - began < 10


def test_levels_never_go_down() -> None:
    def main(stop: StopSignals, up: Line, down: Line) -> list[int]:
        seen = []
        for _ in range(5):
            up.say()
            down.hear()
            seen.append(int(stop.level))
        return seen

    with child(main) as (process, up, down):
        for signum in (signal.SIGINT, signal.SIGTERM, PARENT_DIED, signal.SIGQUIT, signal.SIGTERM):
            up.hear()
            process.kill(signum)
            down.say()
        assert process.result() == [2, 2, 4, 4, 4]


def test_signals_without_a_meaning_change_nothing() -> None:
    meaningless = (
        signal.SIGHUP,
        signal.SIGUSR1,
        signal.SIGALRM,
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
    )

    def main(stop: StopSignals, up: Line, down: Line) -> int:
        with stop.abandonable():
            for _ in meaningless:
                up.say()
                down.hear()
        return stop.level

    with child(main) as (process, up, down):
        for signum in meaningless:
            up.hear()
            process.kill(signum)
            down.say()
        assert process.result() == StopLevel.NONE


def test_no_signal_is_lost_between_looking_and_waiting() -> None:
    """The wake-up descriptor stays readable for a signal that comes just before the wait."""
    rounds = 300

    def main(stop: StopSignals, up: Line, down: Line) -> str:
        for number in range(rounds):
            stop.clear()
            up.say()
            if number % 3:
                time.sleep(0)
            ready, _, _ = select.select([stop], [], [], 20)
            if not ready:
                return f"lost in round {number}"
        return "all heard"

    with child(main) as (process, up, _):
        for number in range(rounds):
            up.hear()
            process.kill(signal.SIGTERM if number % 2 else signal.SIGUSR1)
        assert process.result() == "all heard"


def test_a_childs_death_and_another_thread_wake_the_loop() -> None:
    def main(stop: StopSignals, up: Line, down: Line) -> list[bool]:
        heard = []
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        heard.append(bool(select.select([stop], [], [], 20)[0]))
        os.waitpid(pid, 0)
        stop.clear()
        heard.append(bool(select.select([stop], [], [], 0)[0]))
        for _ in range(100_000):
            stop.wake()
        heard.append(bool(select.select([stop], [], [], 0)[0]))
        stop.clear()
        heard.append(bool(select.select([stop], [], [], 0)[0]))
        return heard

    with child(main) as (process, _, _):
        assert process.result() == [True, False, True, False]


def test_a_storm_of_stops_is_raised_once_and_ends_cleanly() -> None:
    def main(stop: StopSignals, up: Line, down: Line) -> list[int]:
        raised = waits = 0
        up.say()
        for _ in range(2000):
            try:
                with stop.abandonable():
                    waits += 1
                    select.select([], [], [], 0.0001)
            except StopWaiting:
                raised += 1
        return [raised, waits, stop.level]

    with child(main) as (process, up, _):
        up.hear()
        for _ in range(300):
            process.kill(signal.SIGTERM)
        raised, waits, level = process.result()
    # After the first stop every wait ends before it begins.
    assert (raised >= 2000 - waits, level) == (True, StopLevel.DRAIN)
    assert raised > 0
