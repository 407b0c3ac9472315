"""The tally: counters of all processes in shared memory, and the places of tasks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable

import pytest
from cueworker.client import Conflict
from cueworker.pool.board import STEWARD
from cueworker.pool.call_counting import counting, counting_for_keeper
from cueworker.pool.counted import (
    BOUNDS,
    CLAIMS,
    DURATION,
    EXECUTIONS,
    FAMILIES,
    KILL,
    KILLS,
    QUEUE_DELAY,
    SERVER_CALLS,
    SWEPT,
    TERM,
    Counter,
)
from cueworker.pool.tally import MAX_TASKS, OTHER, SUPERVISOR, Tally
from support.forked import forked
from support.waiting import until


def a_tally(*tasks: str, slots: int = 3) -> Tally:
    tally = Tally(tasks)
    tally.resize(slots)
    return tally


def total(tally: Tally, counter: Counter, *values: str, task: str | None = None) -> int:
    return tally.totals().cells(counter, task)[counter.place(values)]


def test_the_rows_of_all_processes_add_up() -> None:
    tally = a_tally("a", "b")
    for cell in (0, 2, STEWARD, SUPERVISOR):
        tally.row(cell).add(KILLS, TERM)
        tally.row(cell).add(EXECUTIONS, "exited", "failure", task="b")
    assert total(tally, KILLS, TERM) == total(tally, EXECUTIONS, "exited", "failure", task="b") == 4
    assert total(tally, KILLS, KILL) == total(tally, EXECUTIONS, "exited", "failure", task="a") == 0


def test_no_two_numbers_share_a_cell() -> None:
    tally = a_tally("a", "b")
    row = tally.row(1)
    for family in FAMILIES:
        for task in ("a", "b") if family.by_task else (None,):
            if isinstance(family, Counter):
                for values in family.combinations:
                    row.add(family, *values, task=task)
            else:
                assert task is not None
                for bound in (*BOUNDS, 2 * BOUNDS[-1]):
                    row.observe(family, bound, task)
    totals = tally.totals()
    for family in FAMILIES:
        for task in ("a", "b") if family.by_task else (None,):
            cells = totals.cells(family, task)
            buckets = cells if isinstance(family, Counter) else cells[:-1]
            assert set(buckets) == {1}, family.name
            if not isinstance(family, Counter):
                assert cells[-1] == round(sum((*BOUNDS, 2 * BOUNDS[-1])) * 1e6)
    assert not any(totals.cells(EXECUTIONS, OTHER))


def test_a_bound_belongs_to_its_bucket() -> None:
    cases = {-5.0: 0, 0.0: 0, 0.1: 0, 0.1001: 1, 0.5: 1, 14400.0: 11, 14400.1: 12}
    for seconds, bucket in cases.items():
        tally = a_tally("a")
        tally.row(0).observe(QUEUE_DELAY, seconds, "a")
        *buckets, summed = tally.totals().cells(QUEUE_DELAY, "a")
        assert [index for index, number in enumerate(buckets) if number] == [bucket]
        assert summed == round(max(0.0, seconds) * 1e6)


def test_labels_that_do_not_exist_are_refused() -> None:
    row = a_tally("a").row(0)
    for values in (("exited",), ("exited", "maybe"), ()):
        with pytest.raises(KeyError):
            row.add(EXECUTIONS, *values, task="a")


# Tasks.


def test_a_task_keeps_its_place_over_reloads() -> None:
    tally = a_tally("b", "c")
    old = tally.row(0)
    old.add(CLAIMS, "granted", task="b")
    tally.know(["a", "c", "d"])
    assert tally.tasks == (OTHER, "b", "c", "a", "d")
    old.add(CLAIMS, "granted", task="b")  # by a worker that still runs the handler that is gone
    tally.row(1).add(CLAIMS, "granted", task="a")
    assert [total(tally, CLAIMS, "granted", task=task) for task in ("b", "c", "a", "d")] == [2, 0, 1, 0]


def test_tasks_beyond_the_table_and_unknown_ones_share_a_place() -> None:
    tally = a_tally(*(f"task-{number:03}" for number in range(MAX_TASKS + 2)))
    assert len(tally.tasks) == MAX_TASKS + 1
    for task in ("task-000", "task-063", "task-064", "task-065", "never seen"):
        tally.row(0).observe(DURATION, 1.0, task)
    counted = {task: sum(tally.totals().cells(DURATION, task)[:-1]) for task in tally.tasks}
    assert {task: number for task, number in counted.items() if number} == {
        "task-000": 1,
        "task-063": 1,
        OTHER: 3,
    }


def test_a_task_with_the_name_of_the_others_counts_among_them() -> None:
    tally = a_tally(OTHER, "a")
    assert tally.tasks == (OTHER, "a")


def test_the_rows_of_a_pool_that_shrank_stay_counted() -> None:
    tally = a_tally(slots=8)
    tally.row(7).add(SWEPT)
    tally.resize(2)
    tally.row(0).add(SWEPT)
    assert total(tally, SWEPT) == 2


def test_another_program_goes_on_with_the_memory_and_the_places() -> None:
    memory = Tally.make_memory()
    assert memory is not None
    before = Tally(["b", "c"], memory)
    before.resize(2)
    for task in ("b", "c"):
        before.row(1).add(CLAIMS, "granted", task=task)
    after = Tally(["a", "c"], memory, before.tasks)
    before.row(1).add(CLAIMS, "granted", task="c")  # by a worker of the old program
    after.row(0).add(CLAIMS, "granted", task="a")
    os.close(memory)
    assert [total(after, CLAIMS, "granted", task=task) for task in ("a", "b", "c")] == [1, 1, 2]


# Processes.


def counting_child(tally: Tally, cell: int, times: int) -> int:
    row = tally.row(cell)
    for _ in range(times):
        row.add(KILLS, TERM)
        row.observe(DURATION, 0.2, "a")
    return times


def test_writers_of_different_rows_lose_nothing() -> None:
    tally = a_tally("a")
    with (
        forked(lambda: counting_child(tally, 0, 3000)) as one,
        forked(lambda: counting_child(tally, 1, 3000)) as other,
    ):
        one.result()
        other.result()
    assert total(tally, KILLS, TERM) == 6000
    *buckets, summed = tally.totals().cells(DURATION, "a")
    assert (sum(buckets), summed) == (6000, 6000 * 200_000)


def test_the_next_process_of_a_slot_goes_on_from_a_killed_ones_numbers() -> None:
    tally = a_tally("a")
    with forked(lambda: counting_child(tally, 0, 10**9)) as child:
        until(lambda: total(tally, KILLS, TERM) > 100, "it counts")
        child.kill()
        child.wait()
    killed_at = total(tally, KILLS, TERM)
    *buckets, _ = tally.totals().cells(DURATION, "a")
    assert abs(sum(buckets) - killed_at) <= 1
    with forked(lambda: counting_child(tally, 0, 5)) as child:
        child.result()
    assert total(tally, KILLS, TERM) == killed_at + 5


def test_a_scrape_beside_a_writer_never_goes_back() -> None:
    tally = a_tally("a")
    with forked(lambda: counting_child(tally, 0, 10**9)):
        seen, give_up = [0], time.monotonic() + 5
        while seen[-1] < 2000 and time.monotonic() < give_up:
            seen.append(total(tally, KILLS, TERM))
    assert seen == sorted(seen)
    assert seen[-1] >= 2000


# Calls to the server.


def in_threads(work: Iterable[threading.Thread]) -> None:
    threads = list(work)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_worker_and_its_lease_keepers_count_beside_each_other() -> None:
    tally = a_tally()
    of_worker, of_keeper = counting(tally.row(0)), counting_for_keeper(tally.row(0))
    refused = Conflict(409, "claim_failed", "taken")

    def calls(on_answer: object) -> None:
        assert callable(on_answer)
        for _ in range(2000):
            on_answer("heartbeat", None)
            on_answer("claim", refused)

    in_threads(threading.Thread(target=calls, args=(told,)) for told in (of_worker, of_keeper, of_keeper))
    for call, times in (("heartbeat", 2000), ("renew", 4000)):
        assert total(tally, SERVER_CALLS, call, "ok") == times
    for call, times in (("claim", 2000), ("reclaim", 4000)):
        assert total(tally, SERVER_CALLS, call, "409") == times
