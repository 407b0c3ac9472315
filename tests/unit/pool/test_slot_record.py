"""Slot records: written in place, read beside their writer, and what is no record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cueworker.pool import StateDir
from cueworker.pool.slot_record import Phase, SlotRecord, SlotRecordFile, SlotRecords
from support.forked import forked, in_child
from support.records import prepared, slot_record, write_record


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    return prepared(tmp_path / "state")


def read(state_dir: StateDir, slot: int = 0) -> SlotRecord | None:
    return SlotRecords(state_dir).read(state_dir.slot_record(slot))


def written(state_dir: StateDir, *steps: Callable[[SlotRecordFile], None]) -> None:
    """Take steps with a record file as its worker would: in a process that keeps it open to its end."""

    def worker() -> None:
        file = SlotRecordFile(state_dir, 0)
        for step in steps:
            step(file)

    in_child(worker)


@pytest.mark.parametrize(
    "record",
    [
        slot_record(phase=Phase.CLAIMING),
        slot_record(handler_pid=4711, handler_started="12345"),
        slot_record(
            slot=1023, task="Bericht – 報告", execution_id="../x\n\0", outcome_file="/a b/\udcff.json"
        ),
    ],
)
def test_a_record_is_read_as_it_was_written(state_dir: StateDir, record: SlotRecord) -> None:
    record = replace(record, slot=0)
    written(state_dir, lambda file: file.write(record))
    assert read(state_dir) == record
    assert state_dir.slot_record(0).stat().st_mode & 0o777 == 0o600


def test_it_is_rewritten_in_place(state_dir: StateDir) -> None:
    """No rename: a reader that has the file open sees the new record, and a full disk cannot refuse it."""
    written(state_dir, lambda file: file.write(slot_record()))
    with state_dir.slot_record(0).open("rb") as before:
        size = os.fstat(before.fileno()).st_size
        written(state_dir, lambda file: file.write(slot_record(execution_id="e-2", handler_pid=4711)))
        after = before.read()
    assert json.loads(after)["execution_id"] == "e-2"
    assert len(after) == size, "no new blocks"
    assert os.listdir(state_dir.slots) == ["0.json"]


def test_a_cleared_slot_has_no_execution(state_dir: StateDir) -> None:
    written(state_dir, lambda file: file.write(slot_record()), lambda file: file.clear())
    assert read(state_dir) is None
    assert SlotRecords(state_dir).readable() == []
    assert read(state_dir, 7) is None, "a slot that never had one"


@pytest.mark.parametrize("length", [3000, 4096, 5000, 20_000])
def test_a_short_record_after_a_long_one_is_whole(state_dir: StateDir, length: int) -> None:
    long, short = slot_record(task="x" * length), slot_record()
    written(state_dir, lambda file: file.write(long))
    assert read(state_dir) == long
    written(state_dir, lambda file: file.write(long), lambda file: file.write(short))
    assert read(state_dir) == short
    written(state_dir, lambda file: file.write(long), lambda file: file.clear())
    assert read(state_dir) is None


def test_a_removed_directory_is_made_again(state_dir: StateDir) -> None:
    written(
        state_dir,
        lambda file: file.write(slot_record()),
        lambda file: shutil.rmtree(state_dir.root),
        lambda file: file.write(slot_record(execution_id="e-2")),
    )
    found = read(state_dir)
    assert found is not None and found.execution_id == "e-2"
    assert state_dir.slots.stat().st_mode & 0o777 == 0o700


def test_a_record_that_cannot_be_written_is_told(state_dir: StateDir) -> None:
    shutil.rmtree(state_dir.root)
    state_dir.root.touch()

    def worker() -> str:
        file = SlotRecordFile(state_dir, 0)
        file.clear()
        try:
            file.write(slot_record())
        except OSError as error:
            return type(error).__name__
        return "written"

    assert in_child(worker) in ("NotADirectoryError", "FileExistsError")


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b" " * 4096,
        b"\0" * 4096,
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b"7",
        b'{"slot": 0}',
        b'{"phase": "unheard of"}',
        b'{"phase": "running"}',
        b'{"phase": null, "slot": 0}',
        json.dumps(vars(slot_record())).encode()[:-20],
        json.dumps(vars(slot_record())).encode() + b"}",
        b"[" * 50_000,
    ],
)
def test_what_is_no_record_is_refused_and_passed_over(state_dir: StateDir, garbage: bytes) -> None:
    state_dir.slot_record(0).write_bytes(garbage)
    write_record(state_dir, slot=1, execution_id="e-2")
    with pytest.raises(ValueError, match=r".") as caught:
        read(state_dir)
    assert not isinstance(caught.value, AssertionError)
    assert [record.execution_id for record in SlotRecords(state_dir).readable()] == ["e-2"]


def test_a_record_of_a_newer_version_can_be_read(state_dir: StateDir) -> None:
    state_dir.slot_record(0).write_text(json.dumps({**vars(slot_record()), "invented_later": 1}))
    assert read(state_dir) == slot_record()


def test_only_living_workers_own_their_executions(state_dir: StateDir) -> None:
    write_record(state_dir, slot=0, execution_id="mine", worker_started=slot_record().worker_started)
    write_record(state_dir, slot=1, execution_id="recycled pid", worker_started="1")
    write_record(state_dir, slot=2, execution_id="other boot", boot="other")
    state_dir.slot_record(3).write_text("{}")
    records = SlotRecords(state_dir)
    assert records.owned_by_living_workers() == {"mine"}
    assert {record.execution_id: record.of_this_boot for record in records.readable()} == {
        "mine": True,
        "recycled pid": True,
        "other boot": False,
    }


def test_a_reader_beside_a_busy_writer_sees_whole_records_only(state_dir: StateDir) -> None:
    """Those who ask while a worker writes try again; none of its states is unreadable for long."""
    ids = {"e-1", "another-execution-with-a-much-longer-id"}

    def worker() -> None:
        file = SlotRecordFile(state_dir, 0)
        while True:
            for execution_id in ids:
                file.write(slot_record(execution_id=execution_id))

    records, seen = SlotRecords(state_dir), set()
    with forked(worker):
        for _ in range(3000):
            seen |= {record.execution_id for record in records.readable()}
    assert seen == ids
