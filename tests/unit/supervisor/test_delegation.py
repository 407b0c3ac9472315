"""Whose cgroup it is: taken over only if it was handed over, and nobody else is in it."""

from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

import pytest
from cueworker.pool.cgroup import Cgroups, own_path
from cueworker.supervisor.delegation import enable, folder_of, take_over
from cueworker.supervisor.groups import Groups
from support.cgroups import Delegated, delegated
from support.forked import in_child

__all__ = ["delegated"]

MOUNTS = r"""
22 1 0:20 / /proc rw - proc proc rw
30 25 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/all\040of\040it rw shared:9 - cgroup2 cgroup2 rw
"""
PART = "40 30 0:28 /machine/part /mnt/part rw - cgroup2 cgroup2 rw\n"


def test_where_a_cgroup_lies(tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTS.lstrip())
    assert folder_of("/", mountinfo) == Path("/sys/fs/cgroup/all of it")
    assert folder_of("/a/b.service", mountinfo) == Path("/sys/fs/cgroup/all of it/a/b.service")
    # Only a part of the hierarchy is mounted.
    mountinfo.write_text(PART)
    assert folder_of("/machine/part/a", mountinfo) == Path("/mnt/part/a")
    assert folder_of("/machine/part", mountinfo) == Path("/mnt/part")
    assert folder_of("/machine/partly", mountinfo) is None
    mountinfo.write_text("")
    assert folder_of("/", mountinfo) is None
    assert folder_of("/", tmp_path / "missing") is None


def taken(folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Where a supervisor that is started in a cgroup finds itself, or what it says instead."""

    def supervisor() -> str:
        caplog.set_level(logging.DEBUG, "cueworker")
        (folder / "cgroup.procs").write_text("0")
        cgroups = take_over()
        if cgroups is None:
            return caplog.messages[-1]
        assert cgroups.root == folder
        return str(own_path())

    return str(in_child(supervisor))


def test_a_cgroup_that_was_handed_over_is_taken(
    delegated: Delegated,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert taken(delegated.folder, caplog).endswith("/pool")
    # And again by the next pool.
    assert taken(delegated.folder, caplog).endswith("/pool")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's own cgroups were handed over to it")
def test_root_takes_no_cgroup_only_because_it_may(
    delegated: Delegated,
    caplog: pytest.LogCaptureFixture,
) -> None:
    os.removexattr(delegated.folder, "user.delegate")
    assert "was not handed over to this pool" in taken(delegated.folder, caplog)
    os.setxattr(delegated.folder, "user.delegate", b"0")
    assert "was not handed over to this pool" in taken(delegated.folder, caplog)
    assert not (delegated.folder / "pool").exists()


def test_a_cgroup_with_others_in_it_is_not_taken(
    delegated: Delegated,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with subprocess.Popen([*delegated.by(), "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None and other.stdout is not None
        other.stdin.write(b"x")
        other.stdin.flush()
        assert other.stdout.read(1) == b"x", "it is in the cgroup"
        assert "other processes are in" in taken(delegated.folder, caplog)
        other.stdin.close()


def test_the_machines_own_cgroup_is_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    def supervisor() -> str:
        caplog.set_level(logging.DEBUG, "cueworker")
        return "taken" if take_over() is not None else str(caplog.messages[-1])

    assert "executions get no cgroups" in in_child(supervisor)


def test_controllers_that_are_not_there_are_no_error(delegated: Delegated) -> None:
    cgroups = Cgroups(delegated.folder)
    there = set((delegated.folder / "cgroup.controllers").read_text().split())
    enable(cgroups)
    assert cgroups.controllers() == there & {"memory", "cpu", "pids"}
    assert Cgroups(delegated.folder / "gone").controllers() == frozenset()


def test_empty_groups_are_removed_now_and_then_but_for_those_in_use(delegated: Delegated) -> None:
    cgroups = Cgroups(delegated.folder)
    groups = Groups(cgroups)
    for execution in (1, 2):
        cgroups.make(execution, kept=True)
    groups.tidy(lambda: {2}, now=100.0)
    assert delegated.groups() == {"kept-0000000000000002"}
    groups.tidy(set, now=101.0)
    assert delegated.groups() == {"kept-0000000000000002"}, "not at every turn of the loop"
    groups.tidy(set, now=200.0)
    assert delegated.groups() == set()
    # A folder of somebody else's making stays.
    (delegated.folder / "run-me").mkdir()
    groups.end()
    assert delegated.groups() == {"run-me"}


def test_without_a_cgroup_nothing_is_done() -> None:
    groups = Groups(None)
    groups.kill([1])
    groups.tidy(set, 1e9)
    groups.end()
    assert groups.but_kept([1, 2], [1]) == [1, 2]
