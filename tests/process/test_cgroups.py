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


def pid_in(file: Path) -> int:
    return int(until(lambda: file.exists() and file.read_text().strip(), f"{file} has a pid"))


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def cgroup_of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next(line for line in lines if line.startswith("0::"))


def test_executions_have_groups_that_end_with_them_or_may_stay(tmp_path: Path, delegated: Delegated) -> None:
    kept = tmp_path / "kept"
    handlers = {
        "look": "grep ^0:: /proc/self/cgroup; cat /proc/self/oom_score_adj; mkdir $CG/$(basename $(grep -o 'run-.*' "
        "/proc/self/cgroup))/own",
        "escape": {"cmd": f"{ESCAPEE}\nwait", "env": {"PID": str(tmp_path / "escapee")}, "timeout": 0.5},
        "leave": {
            "cmd": "setsid sleep 300 >/dev/null 2>&1 & echo $! > $KEPT.new; mv $KEPT.new $KEPT; echo left",
            "env": {"KEPT": str(kept)},
            "background": "leave",
        },
    }
    handlers["look"] = {"cmd": handlers["look"], "env": {"CG": str(delegated.folder)}}
    pool = Pool(tmp_path, handlers, workers=1, kill_grace=0.2)
    try:
        pool.spawn(by=delegated.by())
        pool.wait_until_up()
        assert pool.process is not None
        assert pool.events("cgroup.used")
        members = (delegated.folder / "pool" / "cgroup.procs").read_text().split()
        assert {str(pool.process.pid), str(pool.steward().pid), *(str(w.pid) for w in pool.workers())} <= {
            *members
        }
        site = pool.site()

        place, score = site.recorded(site.fire("look"))["outcome"]["result"].split()
        assert place.startswith(f"0::/{delegated.folder.name}/run-")
        assert score == "500"
        assert Path(f"/proc/{pool.workers()[0].pid}/oom_score_adj").read_text().strip() == "0"
        # What it made below its group goes along.
        until(lambda: not delegated.groups(), "the group is removed")

        assert site.recorded(site.fire("escape"))["status"] == "failed"
        assert not lives(pid_in(tmp_path / "escapee"))

        worker = pool.workers()[0]
        assert site.recorded(site.fire("leave"))["outcome"]["result"] == "left\n"
        pid = pid_in(kept)
        (group,) = delegated.groups()
        assert group.startswith("kept-") and cgroup_of(pid).endswith(group)
        # Its worker makes room for one whose children are all its own handler's: that one harms it as little as the
        # supervisor does when a worker dies.
        until(lambda: pool.workers() and pool.workers()[0] != worker, "another worker takes the slot")
        site.recorded(site.fire("escape"))
        pool.workers()[0].kill()
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
        ours = [pool.steward(), *pool.workers(), psutil.Process(pool.process.pid)]
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
