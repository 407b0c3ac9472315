"""Promise 2 on its lowest level: every process of a handler is found, and nobody else's, in real trees.

Each test plays a worker in a process of its own, since a worker is the subreaper of what it starts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
from cueworker.pool import process_tree
from cueworker.pool.prctl import become_subreaper
from cueworker.pool.process_tree import MARKER, marker_value
from support.forked import in_child
from support.waiting import until

TREE = """
sleep 300 &
setsid sleep 301 &
( ( sleep 302 & ) & )
env -i "$(command -v setsid)" "$(command -v sleep)" 303 &
sleep 304
"""
SLEEPERS = {"300", "301", "302", "303", "304"}


def as_worker(main: Callable[[], Any]) -> Any:
    """What `main` returns in a process that adopts what its descendants orphan; nothing of it is left afterwards."""

    def worker() -> Any:
        become_subreaper()
        try:
            return main()
        finally:
            while process_tree.has_children():
                process_tree.signal_all(process_tree.descendants(), signal.SIGKILL)
                process_tree.reap(lambda _pid, _code: None)

    return in_child(worker)


def start(script: str, **env: str) -> subprocess.Popen[bytes]:
    """A handler: a shell in a session of its own."""
    return subprocess.Popen(["/bin/sh", "-c", script], env={**os.environ, **env}, start_new_session=True)


def sleepers(processes: list[psutil.Process]) -> set[str]:
    """What the sleeping ones among these were told to sleep."""
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if words and os.path.basename(words[0]) == "sleep":
                found.add(words[-1])
    return found


def test_all_descendants_are_found_however_they_forked() -> None:
    def main() -> list[str]:
        handler = start(TREE)
        until(lambda: sleepers(process_tree.descendants()) == SLEEPERS, "the tree stands")
        handler.kill()
        until(lambda: handler.poll() is not None, "its root is gone")
        return sorted(sleepers(process_tree.of_handler(handler.pid, "@/state")))

    assert as_worker(main) == sorted(SLEEPERS)


def test_the_dead_are_not_found() -> None:
    def main() -> list[object]:
        process = subprocess.Popen(["true"])
        zombie = psutil.Process(process.pid)
        until(lambda: zombie.status() == psutil.STATUS_ZOMBIE, "it has ended and is not reaped")
        found = [process_tree.is_alive(zombie), len(process_tree.descendants()), process_tree.has_children()]
        process.wait()
        return [*found, process_tree.is_alive(zombie), process_tree.has_children()]

    assert as_worker(main) == [False, 0, True, False, False]


def test_every_death_is_told_once_with_its_code() -> None:
    def main() -> list[list[int]]:
        dying = [start(script) for script in ("exit 0", "exit 7", "kill -9 $$", "kill -15 $$")]
        alive = start("exec sleep 300")
        told: list[list[int]] = []
        until(
            lambda: process_tree.reap(lambda *death: told.append([*death])) or len(told) >= 4, "all have died"
        )
        process_tree.reap(lambda *death: told.append([*death]))
        assert sorted(pid for pid, _ in told) == sorted(process.pid for process in dying)
        assert alive.pid not in dict(told)
        # Or Popen would look for them later.
        for process, code in zip(dying, (0, 7, -9, -15), strict=True):
            process.returncode = code
        return sorted(code for _, code in told)

    assert as_worker(main) == [-15, -9, 0, 7]


def test_an_adopted_orphan_is_reaped_too() -> None:
    def main() -> int:
        told: list[int] = []
        handler = start("( sleep 0.05 & echo done ) > /dev/null")
        handler.wait()
        until(
            lambda: process_tree.reap(lambda pid, _: told.append(pid)) or told, "the orphan has been reaped"
        )
        assert handler.pid not in told
        return len(told)

    assert as_worker(main) == 1


def test_strangers_are_the_children_that_the_caller_did_not_start() -> None:
    def main() -> list[str]:
        dead_workers = start("setsid sleep 300 & sleep 301 & exec sleep 302")
        own = start("exec sleep 400")
        until(lambda: len(sleepers(process_tree.descendants())) == 4, "all run")
        assert process_tree.strangers({dead_workers.pid, own.pid}) == []
        dead_workers.kill()
        dead_workers.wait()
        adopted = process_tree.strangers({own.pid})
        found = sleepers([psutil.Process(pid) for pid in adopted])
        process_tree.kill_children(adopted)
        told: dict[int, int] = {}
        until(lambda: process_tree.reap(told.__setitem__) or len(told) == 2, "both are gone")
        assert told == dict.fromkeys(adopted, -signal.SIGKILL)
        assert process_tree.strangers({own.pid}) == []
        assert own.poll() is None
        return sorted(found)

    assert as_worker(main) == ["300", "301"]


def test_a_dead_stranger_counts_until_it_is_reaped() -> None:
    """What it has forked is adopted by the time that it is: "none" is conclusive."""

    def main() -> list[int]:
        dead_worker = start("sh -c 'exit 7' & exec sleep 300")
        below = psutil.Process(dead_worker.pid).children
        until(
            lambda: [child.status() for child in below()] == [psutil.STATUS_ZOMBIE],
            "it is dead, and not reaped",
        )
        dead_worker.kill()
        dead_worker.wait()
        (stranger,) = process_tree.strangers(set())
        told: list[list[int]] = []
        process_tree.reap(lambda *death: told.append([*death]))
        assert told == [[stranger, 7]]
        return process_tree.strangers(set())

    assert as_worker(main) == []


def test_marks_are_found_wherever_their_processes_hang() -> None:
    def main() -> list[list[str]]:
        own, other = marker_value("e-1", "/state/a"), marker_value("e-1", "/state/b")
        start("sleep 300 & setsid sleep 301 & exec sleep 302", **{MARKER: own})
        start("exec sleep 400", **{MARKER: other})
        start("exec sleep 401")
        start('exec env -i "$(command -v sleep)" 402', **{MARKER: own})
        until(lambda: len(sleepers(process_tree.descendants())) == 6, "all run")
        return [
            sorted(sleepers(process_tree.marked(own))),
            sorted(sleepers(process_tree.marked("@/state/a"))),
            sorted(sleepers(process_tree.marked("@/state"))),
        ]

    marked = ["300", "301", "302"]
    assert as_worker(main) == [marked, marked, []]


def test_a_marked_caller_spares_itself_and_its_ancestors() -> None:
    """A handler may restart the pool that runs it."""
    program = (
        "import json, os, sys\n"
        "from cueworker.pool.process_tree import marked\n"
        "print(json.dumps([process.pid in (os.getpid(), os.getppid()) for process in marked('@/state/spare')]))"
    )
    env = {**os.environ, MARKER: marker_value("e-1", "/state/spare")}
    shell = ["/bin/sh", "-c", '"$0" -P -c "$1"; exit $?', sys.executable, program]
    done = subprocess.run(shell, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_session_is_found_without_what_left_it_and_never_our_own() -> None:
    def main() -> list[list[str]]:
        handler = start("sleep 300 & setsid sleep 301 & exec sleep 302")
        start("exec sleep 400")
        until(lambda: len(sleepers(process_tree.descendants())) == 4, "all run")
        session = sorted(sleepers(process_tree.in_session(handler.pid)))
        refused = [process_tree.in_session(number) for number in (os.getsid(0), 0, 1, -1)]
        assert refused == [[]] * 4
        return [session]

    assert as_worker(main) == [["300", "302"]]


def test_a_stopped_process_hears_term() -> None:
    def main() -> int:
        process = start("exec sleep 300")
        os.kill(process.pid, signal.SIGSTOP)
        found = psutil.Process(process.pid)
        until(lambda: found.status() == psutil.STATUS_STOPPED, "it is stopped")
        process_tree.signal_all([found], signal.SIGTERM)
        return process.wait(10)

    assert as_worker(main) == -signal.SIGTERM


def test_a_process_that_is_gone_is_passed_over() -> None:
    def main() -> int:
        gone, alive = start("exit 0"), start("exec sleep 300")
        found = [psutil.Process(each.pid) for each in (gone, alive)]
        gone.wait()
        process_tree.signal_all(found, signal.SIGKILL)
        return alive.wait(10)

    assert as_worker(main) == -signal.SIGKILL


def test_a_number_that_was_given_to_another_process_is_not_signalled() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bystander:
        assert bystander.stdin is not None and bystander.stdout is not None
        handle = psutil.Process(bystander.pid)
        # The kernel gives numbers away in turn, so the handle is made to remember another start, as a real one would.
        handle._ident = (handle.pid, handle.create_time() - 100)  # type: ignore[attr-defined]
        process_tree.signal_all([handle], signal.SIGKILL)
        said, _ = bystander.communicate(b"still here")
    assert said == b"still here"


def test_a_survivor_can_be_named() -> None:
    with subprocess.Popen(["sleep", "300"]) as process:
        found = psutil.Process(process.pid)
        until(lambda: found.name() == "sleep", "the program runs")
        name = process_tree.describe(found)
        process.kill()
    assert name in (f"{process.pid} sleep (sleeping)", f"{process.pid} sleep (running)")
    assert process_tree.describe(found) == f"{process.pid} (gone)"


def test_the_last_child_is_known_without_a_scan() -> None:
    def main() -> list[bool]:
        none = process_tree.has_children()
        child = start("exec sleep 300")
        running = process_tree.has_children()
        child.kill()
        until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, "it is dead")
        dead = process_tree.has_children()
        began = time.monotonic()
        process_tree.reap(lambda _pid, _code: None)
        assert time.monotonic() - began < 5
        return [none, running, dead, process_tree.has_children()]

    assert as_worker(main) == [False, True, True, False]
