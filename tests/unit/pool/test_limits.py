"""What holds a handler to its limits: its cgroup, a limit of each process, or nothing, which is said."""

from __future__ import annotations

import pytest
from cueworker.pool.limits import Enforcement, Limits, enforce

ALL = frozenset({"memory", "cpu", "pids"})
GIB = 1024**3


def test_a_cgroup_with_its_controllers_enforces_all_of_it() -> None:
    found = enforce(Limits(memory=GIB, cpu=1.5, processes=64), ALL)
    files = {
        "memory.max": str(GIB),
        "memory.oom.group": "1",
        "cpu.max": "150000 100000",
        "pids.max": "64",
    }
    assert found == Enforcement(files=files)


def test_only_what_is_asked_for_is_limited() -> None:
    assert enforce(Limits(cpu=0.5), ALL).files == {"cpu.max": "50000 100000"}
    assert enforce(Limits(cpu=0.001), ALL).files == {"cpu.max": "1000 100000"}
    assert enforce(Limits(), frozenset()) == Enforcement()


def test_without_controllers_it_says_what_does_not_hold() -> None:
    found = enforce(Limits(memory=GIB, cpu=1.0, processes=64), frozenset(), rlimits=True)
    assert (found.files, found.data) == ({}, GIB)
    assert found.missing == (
        "memory holds for each process by itself",
        "cpu is not enforced",
        "processes is not enforced",
    )
    found = enforce(Limits(memory=GIB), frozenset(), rlimits=False)
    assert (found.data, found.missing) == (None, ("memory is not enforced",))


@pytest.mark.parametrize("controller", sorted(ALL))
def test_each_controller_counts_by_itself(controller: str) -> None:
    found = enforce(Limits(memory=GIB, cpu=1.0, processes=64), frozenset({controller}), rlimits=True)
    assert len(found.missing) == 2
    assert {name.split(".")[0] for name in found.files} == {controller}
    assert (found.data is None) == (controller == "memory")
