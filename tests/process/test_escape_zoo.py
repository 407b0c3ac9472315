"""Promise 2 against everything that tries to get away: each species of `programs/zoo.py` through each ending.

All species run at once, in one pool, so that one's sweep has to bear the others' noise. A species is gone when nothing
that has its token in its arguments or its environment lives, nor any of the processes that wrote down their pids.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from support.pool import SETTLED, Pool, end, running
from support.repository import ROOT
from support.site import Site
from support.waiting import until

ZOO = ROOT / "tests" / "programs" / "zoo.py"
SPECIES = {
    "setsid": 2,
    "double_fork": 2,
    "cleared": 2,
    "deaf": 2,
    "stopped": 2,
    "holder": 2,
    "nested": 3,
    "crowd": 501,
    "title": 2,
    "storm": 2,
    "chase": 2,
}
"""Each with its number of processes once it is settled, the handler included."""
TIMEOUT = 6.0
GRACE = 1.0
AFTER_GRACE = 2.0
AFTER_DEATH = 3.0
"""Seconds of promise 2."""
QUIET_LOOKS = 5
"""Looks in a row that must find nothing: what forks can be between two pids in one."""


@dataclass
class Animal:
    """One handler of one species, and what is known of its processes."""

    species: str
    folder: Path
    token: str
    execution_id: str = ""
    known: list[psutil.Process] = field(default_factory=list)

    def handler(self, timeout: float) -> dict[str, object]:
        argv = [sys.executable, "-P", str(ZOO), self.species, str(self.folder), self.token]
        return {"argv": argv, "timeout": timeout}

    def is_settled(self) -> bool:
        return len(os.listdir(self.folder)) >= SPECIES[self.species]

    def learn(self) -> None:
        """Hold on to (pid, start time) of every process that wrote down its pid."""
        for name in os.listdir(self.folder):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.known.append(psutil.Process(int(name)))

    def began(self) -> float:
        return min(process.create_time() for process in self.known)


class Zoo:
    """All species, and what of them lives."""

    def __init__(self, folder: Path) -> None:
        self.animals = []
        for species in SPECIES:
            (folder / species).mkdir(parents=True)
            token = f"zoo-{os.getpid()}-{time.monotonic_ns()}-{species}-"
            self.animals.append(Animal(species, folder / species, token))

    def handlers(self, timeout: float = 300) -> dict[str, object]:
        return {animal.species: animal.handler(timeout) for animal in self.animals}

    def fire(self, site: Site) -> None:
        """Run all and wait until each has become what it is."""
        for animal in self.animals:
            animal.execution_id = site.fire(animal.species)
        for animal in self.animals:
            until(animal.is_settled, f"{animal.species} is settled")
            animal.learn()
            assert len(animal.known) >= SPECIES[animal.species], f"{animal.species} is gone too early"

    def alarm(self) -> None:
        """Let the storm and the chase begin."""
        for animal in self.animals:
            (animal.folder / "alarm").touch()
        chased = next(animal for animal in self.animals if animal.species == "chase")
        before = {process.pid for process in chased.known}
        until(lambda: set(living(chased)) - before, "the chase is on")

    def open(self) -> None:
        """Let the handlers end by themselves."""
        for animal in self.animals:
            (animal.folder / "go").touch()

    def kill(self) -> None:
        """Let no test leave an animal behind."""
        for animal in self.animals:
            for pid in living(animal):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def gone(self, since: Callable[[Animal], float], within: float) -> dict[str, float]:
        """How many seconds after `since` each species was gone; fails for one that takes longer than `within`."""
        quiet = dict.fromkeys(SPECIES, 0)
        took: dict[str, float] = {}
        while min(quiet.values()) < QUIET_LOOKS:
            listed = told_by_token()
            for animal in self.animals:
                left = living(animal, listed)
                after = time.time() - since(animal)
                assert not left or after < within, f"{animal.species}: {described(left)} after {after:.2f} s"
                quiet[animal.species] = 0 if left else quiet[animal.species] + 1
                if quiet[animal.species] == 1:
                    took[animal.species] = round(after, 2)
        return took


def told_by_token() -> dict[int, str]:
    """The arguments and environment of every process that has a token of this test process in them."""
    mark = f"zoo-{os.getpid()}-"
    found = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
            if mark in (told := text.decode("utf-8", "replace")) and pid != os.getpid():
                found[pid] = told
    return found


def living(animal: Animal, listed: dict[int, str] | None = None) -> list[int]:
    """The animal's processes that can still do something."""
    listed = told_by_token() if listed is None else listed
    found = {process.pid for process in animal.known if is_alive(process)}
    return sorted(found | {pid for pid, told in listed.items() if animal.token in told})


def is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def described(pids: list[int]) -> str:
    found = []
    for pid in pids[:5]:
        with contextlib.suppress(psutil.Error):
            found.append(str(psutil.Process(pid).as_dict(["pid", "ppid", "status", "cmdline"])))
    return f"{len(pids)} alive, {found}"


@pytest.fixture
def zoo(tmp_path: Path) -> Iterator[Zoo]:
    """All species, and a bystander that looks much like one of them."""
    made = Zoo(tmp_path / "zoo")
    stranger = {**os.environ, "CUEWORKER_EXECUTION": f"another@{tmp_path / 'state'}-of-another-pool"}
    canary = psutil.Popen(["sleep", "300"], start_new_session=True, env=stranger)
    try:
        yield made
        assert canary.poll() is None, "the bystander was harmed"
    finally:
        made.kill()
        canary.kill()
        canary.wait()


def make_pool(tmp_path: Path, zoo: Zoo, timeout: float = 300) -> Pool:
    return Pool(tmp_path, zoo.handlers(timeout), workers=len(SPECIES), kill_grace=GRACE)


def settled(pool: Pool) -> None:
    until(lambda: pool.leftovers() == SETTLED, "everything is settled")


def test_a_timeout(tmp_path: Path, zoo: Zoo) -> None:
    with running(make_pool(tmp_path, zoo, TIMEOUT)) as pool:
        site = pool.site()
        zoo.fire(site)
        took = zoo.gone(lambda animal: animal.began() + TIMEOUT, GRACE + AFTER_GRACE)
        print(f"gone after the timeout (s): {took}")
        for animal in zoo.animals:
            assert site.recorded(animal.execution_id)["outcome"]["error"] == "Handler timeout exceeded (6s)"
        settled(pool)
        site.close()


def test_leftovers_of_a_handler_that_ended(tmp_path: Path, zoo: Zoo) -> None:
    with running(make_pool(tmp_path, zoo)) as pool:
        site = pool.site()
        zoo.fire(site)
        zoo.alarm()
        zoo.open()
        opened = time.time()
        took = zoo.gone(lambda _: opened, GRACE + AFTER_GRACE)
        print(f"gone after the handler's end (s): {took}")
        for animal in zoo.animals:
            found = site.recorded(animal.execution_id)
            assert found["status"] == "success", animal.species
            assert found["outcome"]["result"].startswith("begun\n"), animal.species
        settled(pool)
        site.close()


def test_the_death_of_every_worker(tmp_path: Path, zoo: Zoo) -> None:
    with running(make_pool(tmp_path, zoo)) as pool:
        site = pool.site()
        zoo.fire(site)
        workers = pool.workers()
        zoo.alarm()
        killed = time.time()
        for worker in workers:
            worker.kill()
        took = zoo.gone(lambda _: killed, AFTER_DEATH)
        print(f"gone after the workers' death (s): {took}")
        for animal in zoo.animals:
            assert "worker lost" in site.recorded(animal.execution_id)["outcome"]["error"]
        settled(pool)
        site.close()


def test_the_supervisors_death(tmp_path: Path, zoo: Zoo) -> None:
    pool = make_pool(tmp_path, zoo)
    try:
        pool.start()
        site = pool.site()
        zoo.fire(site)
        zoo.alarm()
        pool.kill()
        killed = time.time()
        took = zoo.gone(lambda _: killed, AFTER_DEATH)
        print(f"gone after the supervisor's death (s): {took}")
        site.close()
        pool.start()
        site = pool.site()
        for animal in zoo.animals:
            assert "supervisor died" in site.recorded(animal.execution_id)["outcome"]["error"]
        settled(pool)
        site.close()
        assert pool.stop() == 0
    finally:
        end(pool)
