"""A handler that tries to leave processes behind, in the way of one species: `zoo.py <species> <folder> <token>`.

Every process leaves an empty file with its pid as the name in `<folder>` once it is what it wants to be, and the token
stands in its arguments unless it rewrites them. The handler itself ends by itself as soon as `<folder>/go` is there.
Whatever happens, no process outlives its 30 seconds by its own will.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

LIVES = 30
STORM_LINKS = 150
"""Two processes each."""
CHASE_LINKS = 1500
"""One process at a time: some 0.6 s."""
CROWD = (10, 50)
"""Ten parents, each with so many processes, itself included."""
STORM_DELAY = 0.8
"""Seconds from TERM to the storm: with a `kill_grace` of 1 it is at its worst when KILL comes."""
PR_SET_CHILD_SUBREAPER = 36

folder = Path(sys.argv[2])


def linger() -> None:
    """Be there."""
    signal.alarm(LIVES)
    (folder / str(os.getpid())).touch()
    while True:
        signal.pause()


def child(body: Callable[[], object]) -> None:
    """Fork a process that does `body` and no more."""
    if os.fork() == 0:
        try:
            body()
        finally:
            os._exit(0)


def setsid() -> None:
    os.setsid()
    linger()


def double_fork() -> None:
    os.setsid()
    child(linger)


def cleared() -> None:
    """`env -i` in a session of its own: neither the marker nor the session tells whose it is."""
    os.setsid()
    again = [sys.executable, "-IS", __file__, "again", *sys.argv[2:]]
    os.execv("/usr/bin/env", ["env", "-i", *again])


def deaf() -> None:
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(signum, signal.SIG_IGN)
    linger()


def stopped() -> None:
    signal.alarm(LIVES)
    (folder / str(os.getpid())).touch()
    os.kill(os.getpid(), signal.SIGSTOP)
    linger()


def holder() -> None:
    """Keeps its handler's output open, out of its session, and writes to it when it is asked to leave."""
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"not yet\n"))
    linger()


def nested() -> None:
    """Adopts its own grandchild, and then leaves it to the next."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    child(lambda: child(linger))
    child(linger)
    os.wait()


def crowd() -> None:
    for _ in range(CROWD[1] - 1):
        child(linger)
    linger()


def title() -> None:
    """Looks like one of the pool's own processes: its arguments and its environment are overwritten."""
    import setproctitle

    setproctitle.setproctitle("cueworker: worker 0 idle")
    linger()


def storm() -> None:
    """At the alarm, ever more processes in ever new sessions, and each forks before it is found."""
    _wait_for_alarm()
    give_up = time.monotonic() + LIVES
    for _ in range(STORM_LINKS):
        child(linger)
        if os.fork() != 0 or time.monotonic() > give_up:
            os._exit(0)
        os.setsid()
    linger()


def chase() -> None:
    """At the alarm, one process that is another one all the time: what a slow scan lists is gone."""
    _wait_for_alarm()
    for _ in range(CHASE_LINKS):
        if os.fork() != 0:
            os._exit(0)
        os.setsid()
    linger()


def _wait_for_alarm() -> None:
    """TERM, a moment before KILL, or `<folder>/alarm`."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(1))
    give_up = time.monotonic() + LIVES
    (folder / str(os.getpid())).touch()
    while not told and not (folder / "alarm").exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    if told:
        time.sleep(STORM_DELAY)


SPECIES: dict[str, Callable[[], None]] = {
    kind.__name__: kind
    for kind in (
        *(setsid, double_fork, cleared, deaf, stopped, holder),
        *(nested, crowd, title, storm, chase),
    )
}


def main() -> None:
    species = sys.argv[1]
    if species == "again":
        linger()
    if species == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(CROWD[0] if species == "crowd" else 1):
        child(SPECIES[species])
    (folder / str(os.getpid())).touch()
    print("begun", flush=True)
    give_up = time.monotonic() + LIVES
    while not (folder / "go").exists() and time.monotonic() < give_up:
        time.sleep(0.01)


main()
