"""A pool that owns a cgroup: each execution has its own below it, and nothing gets out of that."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
from support.cgroups import Delegated, delegated
from support.pool import SETTLED, Pool, end
from support.waiting import until

__all__ = ["delegated"]

# Gets rid of its environment, its session and its parents, and does not heed TERM.
ESCAPEE = """env -i PATH="$PATH" setsid sh -c 'trap "" TERM; (echo $$ > '"$PID"'; exec sleep 300) & wait' &"""


# Where it is, how it is scored, and a group of its own making below its group.
LOOK = """
group=$(sed -n 's/^0::.*[/]//p' /proc/self/cgroup)
echo "$group"
cat /proc/self/oom_score_adj
mkdir "$CGROUP/$group/own"
"""
LEAVE = 'setsid sleep 300 >/dev/null 2>&1 & echo $! > "$KEPT.new"; mv "$KEPT.new" "$KEPT"; echo left'


def pid_in(file: Path) -> int:
    return int(until(lambda: file.exists() and file.read_text().strip(), f"{file} has a pid"))


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def the_worker(pool: Pool) -> psutil.Process:
    """The pool's only one, as soon as it has a title (it may be changing it)."""
    return until(lambda: next(iter(pool.workers()), None), "there is a worker")


def cgroup_of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next(line for line in lines if line.startswith("0::"))


def test_executions_have_groups_that_end_with_them_or_may_stay(tmp_path: Path, delegated: Delegated) -> None:
    kept, escapee = tmp_path / "kept", tmp_path / "escapee"
    handlers = {
        "look": {"cmd": LOOK, "env": {"CGROUP": str(delegated.folder)}},
        "escape": {
            "cmd": f'{ESCAPEE}\nuntil [ -s "$PID" ]; do sleep 0.02; done',
            "env": {"PID": str(escapee)},
        },
        "leave": {"cmd": LEAVE, "env": {"KEPT": str(kept)}, "background": "leave"},
    }
    pool = Pool(tmp_path, handlers, workers=1, kill_grace=0.2)
    try:
        pool.spawn(by=delegated.by())
        pool.wait_until_up()
        assert pool.process is not None
        assert pool.events("cgroup.used")
        members = (delegated.folder / "pool" / "cgroup.procs").read_text().split()
        assert {str(pool.process.pid), str(the_worker(pool).pid)} <= set(members)
        site = pool.site()

        place, score = site.recorded(site.fire("look"))["outcome"]["result"].split()
        assert place.startswith("run-")
        assert score == "500"
        assert Path(f"/proc/{the_worker(pool).pid}/oom_score_adj").read_text().strip() == "0"
        # What it made below its group goes along.
        until(lambda: not delegated.groups(), "the group is removed")

        assert site.recorded(site.fire("escape"))["status"] == "success"
        assert not lives(pid_in(escapee))

        worker = the_worker(pool)
        assert site.recorded(site.fire("leave"))["outcome"]["result"] == "left\n"
        pid = pid_in(kept)
        (group,) = delegated.groups()
        assert group.startswith("kept-") and cgroup_of(pid).endswith(group)
        # Its worker makes room for one whose children are all its own handler's: that one harms it as little as the
        # supervisor does when a worker dies.
        until(lambda: the_worker(pool) != worker, "another worker takes the slot")
        assert site.recorded(site.fire("look"))["status"] == "success"
        the_worker(pool).kill()
        pool.wait_for_event("slot.crashed")
        assert site.recorded(site.fire("look"))["status"] == "success"
        assert lives(pid)
        assert psutil.Process(pid).ppid() == pool.process.pid
        site.close()
        assert pool.stop() == 0
        assert not lives(pid)
        assert not delegated.groups()
    finally:
        end(pool)


def test_what_a_pool_left_that_was_killed_as_a_whole_is_found_by_its_cgroup(
    tmp_path: Path,
    delegated: Delegated,
) -> None:
    """Without one, a process that cleared its environment and its session could not be told from anybody's."""
    handler = {"cmd": f"{ESCAPEE}\nwait", "env": {"PID": str(tmp_path / "escapee")}}
    pool = Pool(tmp_path, {"escape": handler}, workers=1)
    try:
        pool.spawn(by=delegated.by())
        pool.wait_until_up()
        site = pool.site()
        execution = site.fire("escape")
        pid = pid_in(tmp_path / "escapee")
        assert pool.process is not None
        ours = [pool.steward(), the_worker(pool), psutil.Process(pool.process.pid)]
        for process in ours:
            process.suspend()
        for process in ours:
            process.kill()
        pool.process.wait()
        site.close()
        assert lives(pid)
        pool.spawn(by=delegated.by())
        pool.wait_until_up()
        assert not lives(pid)
        site = pool.site()
        assert site.recorded(execution)["outcome"]["error"].startswith("worker lost")
        until(lambda: pool.leftovers() == SETTLED, "everything is settled")
        assert not delegated.groups()
        site.close()
        assert pool.stop(signal.SIGTERM) == 0
    finally:
        end(pool)
