"""What the service manager hears at which turn of the loop."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cueworker.supervisor.notify import Notifier
from cueworker.supervisor.service_watch import STATUS_EVERY, WEDGED_AFTER, ServiceWatch, View, is_wedged

SOUND = View(busy=1, idle=1, steward_works=True, ending_since=[math.inf] * 2, steward_ending_since=math.inf)
BOOTING = replace(SOUND, busy=0, idle=0)


class Manager:
    """A service manager's end of the socket."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening

    def heard(self) -> list[str]:
        """The lines of all messages since the last call."""
        lines: list[str] = []
        while True:
            try:
                lines += self._listening.recv(4096).decode().split("\n")
            except BlockingIOError:
                return lines


@pytest.fixture
def manager() -> Iterator[tuple[Manager, ServiceWatch]]:
    address = f"@cueworker-watch-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:])
        listening.setblocking(False)
        notifier = Notifier(address, watchdog=20.0)
        yield Manager(listening), ServiceWatch(notifier, 42, lambda: 3)
        notifier.close()


def test_ready_is_said_once_a_worker_and_the_steward_work(manager: tuple[Manager, ServiceWatch]) -> None:
    heard, watch = manager[0].heard, manager[1]
    watch.turn(lambda: BOOTING, 0.0)
    watch.turn(lambda: replace(SOUND, steward_works=False), 0.1)
    assert "READY=1" not in heard()
    assert watch.next_at(0.1) < 0.2
    watch.turn(lambda: SOUND, 0.2)
    assert heard()[:2] == ["READY=1", "MAINPID=42"]
    watch.turn(lambda: SOUND, 0.3)
    assert "READY=1" not in heard()


def test_the_state_is_said_when_it_has_changed(manager: tuple[Manager, ServiceWatch]) -> None:
    heard, watch = manager[0].heard, manager[1]
    watch.turn(lambda: SOUND, 0.0)
    assert "STATUS=2 workers: 1 busy, 1 idle; 3 reports wait" in heard()
    watch.turn(lambda: replace(SOUND, busy=2, idle=0), STATUS_EVERY / 2)
    assert not any(line.startswith("STATUS") for line in heard())
    watch.turn(lambda: replace(SOUND, busy=2, idle=0), STATUS_EVERY)
    assert "STATUS=2 workers: 2 busy, 0 idle; 3 reports wait" in heard()


def test_a_sign_of_life_at_half_of_the_time_and_none_while_all_is_stuck(
    manager: tuple[Manager, ServiceWatch],
) -> None:
    heard, watch = manager[0].heard, manager[1]
    stuck = replace(SOUND, ending_since=[0.0, 0.0])
    signs = []
    for now in (0.0, 5.0, 10.0, 29.0, 31.0, 60.0, 61.0):
        watch.turn(lambda now=now: SOUND if now in (0.0, 61.0) else stuck, now)  # type: ignore[misc]
        signs.append("WATCHDOG=1" in heard())
    assert signs == [True, False, True, True, False, False, True]
    assert watch.next_at(62.0) == 71.0
    # Withheld: no reason for the loop to spin.
    assert watch.next_at(72.0) == math.inf


def test_a_reload_is_announced_and_ends_with_ready(manager: tuple[Manager, ServiceWatch]) -> None:
    heard, watch = manager[0].heard, manager[1]
    watch.reloading()
    watch.reloaded()
    # Not ready before it ever was.
    assert [line.split("=")[0] for line in heard()] == ["RELOADING", "MONOTONIC_USEC"]
    watch.turn(lambda: SOUND, 0.0)
    heard()
    watch.reloading()
    watch.reloaded()
    assert [line.split("=")[0] for line in heard()] == ["RELOADING", "MONOTONIC_USEC", "READY"]


def test_a_stop_asks_for_the_time_that_it_takes(manager: tuple[Manager, ServiceWatch]) -> None:
    heard, watch = manager[0].heard, manager[1]
    watch.stopping(120.0)
    assert heard() == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=130000000"]


def test_without_a_manager_nothing_is_looked_at() -> None:
    def never() -> View:
        raise AssertionError

    watch = ServiceWatch(Notifier(), 42, lambda: 0)
    watch.turn(never, 0.0)
    watch.reloading()
    watch.reloaded()
    watch.stopping(1.0)
    assert watch.next_at(0.0) == math.inf


LONG, SHORT = -WEDGED_AFTER, -WEDGED_AFTER + 1


@pytest.mark.parametrize(
    ("slots", "steward", "wedged"),
    [
        ([math.inf, math.inf], math.inf, False),
        ([LONG, math.inf], math.inf, False),  # one stuck slot: the others' handlers are worth more
        ([LONG, SHORT], math.inf, False),
        ([LONG, LONG], math.inf, True),
        ([math.inf], LONG, True),
        ([math.inf], SHORT, False),
        ([], math.inf, False),  # the last moments of a drain
    ],
)
def test_wedged_is_what_a_restart_may_mend(slots: list[float], steward: float, wedged: bool) -> None:
    assert is_wedged(replace(SOUND, ending_since=slots, steward_ending_since=steward), 0.0) is wedged
