"""Promise 1: an execution whose worker is gone is reported, with whatever evidence still stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cueworker.outcome import Report
from cueworker.pool import StateDir
from cueworker.pool.slot_record import Phase
from cueworker.pool.spool import Ownership, Spool, SpoolEntry
from cueworker.pool.workspace import Workspace
from cueworker.supervisor.settlement import settle_all, settle_slot
from support.records import prepared, write_record


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    return prepared(tmp_path / "state")


def spooled(state_dir: StateDir) -> dict[str, SpoolEntry]:
    spool = Spool(state_dir)
    entries = [spool.read(path) for path in spool.paths()]
    return {entry.execution_id: entry for entry in entries if entry is not None}


def workspace(state_dir: StateDir, slot: int, outcome: str = "") -> Workspace:
    """A dead worker's folder with what its handler has written."""
    space = Workspace(state_dir.outcomes, slot)
    space.fill(b"{}")
    space.outcome_file.write_text(outcome)
    return space


def test_a_slot_without_an_execution_has_nothing_to_settle(state_dir: StateDir) -> None:
    assert settle_slot(state_dir, 0)
    state_dir.slot_record(1).write_text("{}".ljust(4096))
    assert settle_slot(state_dir, 1)
    assert not spooled(state_dir)


def test_a_death_while_claiming_is_reported_only_if_the_claim_stands(state_dir: StateDir) -> None:
    space = workspace(state_dir, 0, '{"external_id": "nobody ran this"}')
    write_record(state_dir, phase=Phase.CLAIMING, outcome_file=str(space.outcome_file))
    assert settle_slot(state_dir, 0)
    entry = spooled(state_dir)["e-1"]
    assert (entry.ownership, entry.ending, entry.task) == (Ownership.DOUBTFUL, "could_not_start", "report")
    assert not entry.report.success
    assert "before the handler started" in str(entry.report.error)
    assert entry.report.external_id is None


def test_a_death_under_the_handler_keeps_its_evidence(state_dir: StateDir) -> None:
    space = workspace(state_dir, 0, '{"success": true, "external_id": "payment-7"}')
    write_record(state_dir, outcome_file=str(space.outcome_file))
    assert settle_slot(state_dir, 0)
    entry = spooled(state_dir)["e-1"]
    assert (entry.ownership, entry.ending) == (Ownership.UNLESS_TAKEN, "worker_lost")
    assert (entry.report.success, entry.report.external_id) == (False, "payment-7")
    assert "worker lost" in str(entry.report.error)


def test_afterwards_nothing_of_the_slot_is_left_and_other_slots_are_untouched(state_dir: StateDir) -> None:
    mine, other, tenth = workspace(state_dir, 1), workspace(state_dir, 2), workspace(state_dir, 10)
    write_record(state_dir, slot=1, execution_id="e-1", outcome_file=str(mine.outcome_file))
    write_record(state_dir, slot=2, execution_id="e-2", outcome_file=str(other.outcome_file))
    assert settle_slot(state_dir, 1)
    assert set(spooled(state_dir)) == {"e-1"}
    assert not state_dir.slot_record(1).exists() and not mine.outcome_file.exists()
    assert state_dir.slot_record(2).exists() and other.outcome_file.exists() and tenth.outcome_file.exists()


def test_what_the_worker_spooled_itself_is_the_truth(state_dir: StateDir) -> None:
    own = SpoolEntry(
        execution_id="e-1",
        task="report",
        ending="exited",
        ownership=Ownership.OURS,
        report=Report(success=True, result="done"),
        created=1.0,
    )
    Spool(state_dir).put(own)
    write_record(state_dir)
    assert settle_slot(state_dir, 0)
    assert spooled(state_dir) == {"e-1": own}
    assert not state_dir.slot_record(0).exists()


@pytest.mark.parametrize("torn", ["", "{", '{"version": 1}', "\0" * 512])
def test_a_torn_spool_entry_is_no_report(state_dir: StateDir, torn: str) -> None:
    """A power cut can leave one: what the record knows replaces it."""
    state_dir.spool_entry("e-1").write_text(torn)
    write_record(state_dir)
    assert settle_slot(state_dir, 0)
    assert spooled(state_dir)["e-1"].ending == "worker_lost"


@pytest.mark.parametrize(
    "garbage", ["", "{", "[1]", '{"phase": "running"}', "\0" * 4096, '{"phase": 7}', "[" * 100_000]
)
def test_a_record_that_is_none_is_removed(state_dir: StateDir, garbage: str) -> None:
    state_dir.slot_record(0).write_text(garbage)
    assert settle_slot(state_dir, 0)
    assert not state_dir.slot_record(0).exists()
    assert not spooled(state_dir)


def test_a_folder_in_a_records_place_is_removed(state_dir: StateDir) -> None:
    (state_dir.slot_record(0) / "within").mkdir(parents=True)
    assert settle_slot(state_dir, 0)
    assert not state_dir.slot_record(0).exists()


def test_a_linked_outcome_file_does_not_show_another_file(state_dir: StateDir, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"result": "the secret", "external_id": "the secret"}')
    space = workspace(state_dir, 0)
    space.outcome_file.unlink()
    space.outcome_file.symlink_to(secret)
    write_record(state_dir, outcome_file=str(space.outcome_file))
    assert settle_slot(state_dir, 0)
    assert "the secret" not in json.dumps(spooled(state_dir)["e-1"].to_json())
    assert secret.exists()


def test_a_full_disk_leaves_everything_for_the_next_try(state_dir: StateDir) -> None:
    space = workspace(state_dir, 0, '{"external_id": "payment-7"}')
    write_record(state_dir, outcome_file=str(space.outcome_file))
    state_dir.spool.rmdir()
    state_dir.spool.touch()
    assert not settle_slot(state_dir, 0)
    assert not settle_all(state_dir)
    assert state_dir.slot_record(0).exists() and space.outcome_file.exists()
    state_dir.spool.unlink()
    state_dir.spool.mkdir()
    assert settle_slot(state_dir, 0)
    assert spooled(state_dir)["e-1"].report.external_id == "payment-7"


def test_a_starting_pool_settles_every_slot_and_removes_unnamed_workspaces(state_dir: StateDir) -> None:
    unnamed = workspace(state_dir, 7)
    for slot in range(3):
        space = workspace(state_dir, slot, json.dumps({"external_id": f"x-{slot}"}))
        write_record(state_dir, slot=slot, execution_id=f"e-{slot}", outcome_file=str(space.outcome_file))
    state_dir.slot_record(3).write_text("garbage")
    assert settle_all(state_dir)
    found = {name: entry.report.external_id for name, entry in spooled(state_dir).items()}
    assert found == {"e-0": "x-0", "e-1": "x-1", "e-2": "x-2"}
    assert not unnamed.outcome_file.exists()
    assert not list(state_dir.slots.iterdir()) and not list(state_dir.outcomes.iterdir())
