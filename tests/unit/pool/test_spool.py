"""Promise 1 rests on these files: a report is on disk, whole, before the first attempt to send it."""

from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from cueworker.outcome import Report
from cueworker.pool import StateDir
from cueworker.pool.spool import Ownership, Spool, SpoolEntry
from hypothesis import given, settings
from hypothesis import strategies as st
from support.forked import forked, in_child
from support.records import prepared
from support.waiting import until


def entry(execution_id: str = "e-1", **report: Any) -> SpoolEntry:
    return SpoolEntry(
        execution_id=execution_id,
        task="report",
        ending="exited",
        ownership=Ownership.OURS,
        report=Report(**{"success": True, "result": "done", **report}),
        created=1_700_000_000.25,
    )


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    return prepared(tmp_path / "state")


@pytest.fixture
def spool(state_dir: StateDir) -> Spool:
    return Spool(state_dir)


def entries(spool: Spool) -> list[SpoolEntry | None]:
    return [spool.read(path) for path in spool.paths()]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(
    st.builds(
        SpoolEntry,
        execution_id=st.text(),
        task=st.text(),
        ending=st.sampled_from(["exited", "worker_lost"]),
        ownership=st.sampled_from(Ownership),
        report=st.builds(
            Report,
            success=st.booleans(),
            error=st.none() | st.text(),
            artifacts=st.none() | st.lists(JSON, max_size=3),
            metadata=st.none() | st.dictionaries(st.text(max_size=5), JSON, max_size=3),
        ),
        created=st.floats(0, 1e12),
    )
)
def test_an_entry_survives_its_file(made: SpoolEntry) -> None:
    assert SpoolEntry.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_an_entry_is_there_until_it_is_removed(spool: Spool, state_dir: StateDir) -> None:
    assert not spool.has("e-1") and not spool.holds("e-1")
    spool.put(entry())
    assert spool.has("e-1") and spool.holds("e-1")
    assert entries(spool) == [entry()]
    assert state_dir.spool_entry("e-1").stat().st_mode & 0o777 == 0o600
    spool.remove("e-1")
    spool.remove("e-1")
    assert not spool.has("e-1")
    assert os.listdir(state_dir.spool) == []


def test_a_second_report_of_an_execution_replaces_the_first(spool: Spool) -> None:
    spool.put(entry())
    spool.put(entry(result="smaller"))
    assert entries(spool) == [entry(result="smaller")]


@pytest.mark.parametrize(
    "odd",
    ["", ".", "..", "../../etc/passwd", "a/b", "a\0b", "-" + "x" * 300, ".hidden", "é", "a b", "\ud800"],
)
def test_an_id_that_is_no_safe_file_name_is_hashed(spool: Spool, state_dir: StateDir, odd: str) -> None:
    spool.put(entry(odd))
    assert spool.holds(odd) and not spool.holds("x")
    (path,) = spool.paths()
    assert path.parent == state_dir.spool
    assert path.name.startswith("sha256-") and len(path.name) < 100
    assert entries(spool) == [entry(odd)]
    spool.remove(odd)
    assert spool.paths() == []


def test_ordinary_ids_name_their_file(state_dir: StateDir) -> None:
    for plain in ("0b7c2c1e-6c1f-4b59-a6b4-3a1b8f1f9d10", "e_1", "A.b-c"):
        assert state_dir.spool_entry(plain).name == f"{plain}.json"
    assert state_dir.spool_entry("x" * 128).name == "x" * 128 + ".json"
    assert state_dir.spool_entry("x" * 129).name.startswith("sha256-")


@pytest.mark.parametrize(
    "torn",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"version": 1}',
        json.dumps({**entry().to_json(), "ownership": "nobody's"}),
        json.dumps({**entry().to_json(), "report": {"result": "no verdict"}}),
        json.dumps({**entry().to_json(), "report": None}),
        json.dumps({**entry().to_json(), "created": "yesterday"}),
        "\0" * 300,
    ],
)
def test_what_cannot_be_sent_counts_as_there_but_not_as_held(
    spool: Spool, state_dir: StateDir, torn: str
) -> None:
    path = state_dir.spool_entry("e-1")
    path.write_text(torn)
    assert spool.has("e-1") and not spool.holds("e-1")
    with pytest.raises(ValueError, match=r"."):
        spool.read(path)


def test_an_entry_that_has_gone_meanwhile_is_none(spool: Spool, state_dir: StateDir) -> None:
    assert spool.read(state_dir.spool_entry("gone")) is None


def test_half_written_and_set_aside_files_are_no_entries(spool: Spool, state_dir: StateDir) -> None:
    for name in (".e-1.json.123", "e-1.unreadable", "e-1", "e-1.json.tmp", ".json"):
        (state_dir.spool / name).write_text("{")
    assert spool.paths() == []


def test_a_missing_folder_has_no_entries_and_is_made_again(spool: Spool, state_dir: StateDir) -> None:
    state_dir.spool.rmdir()
    assert spool.paths() == []
    assert not spool.has("e-1")
    spool.put(entry())
    assert spool.has("e-1")


def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_and_keeps_the_old(
    spool: Spool, state_dir: StateDir
) -> None:
    """A limit on a file's size cuts a write short just as a full disk does."""
    spool.put(entry())

    def child() -> str:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            spool.put(entry(result="x" * 5000))
        except OSError as error:
            return error.strerror or ""
        return "written"

    assert in_child(child) == "No space left on device"
    assert os.listdir(state_dir.spool) == ["e-1.json"]
    assert entries(spool) == [entry()]


def test_a_reader_sees_an_old_or_a_new_entry_and_never_half_of_one(spool: Spool) -> None:
    made = [entry(result="short"), entry(result="x" * 2000, summary="y" * 500)]
    spool.put(made[0])

    def writer() -> None:
        while True:
            for each in made:
                spool.put(each)

    seen = []
    with forked(writer):
        until(lambda: entries(spool) == [made[1]], "the writer writes")
        for _ in range(2000):
            seen += entries(spool)
    assert all(each in made for each in seen)


def test_a_killed_writer_leaves_an_entry_that_is_whole(spool: Spool, state_dir: StateDir) -> None:
    for _ in range(10):
        with forked(lambda: [spool.put(entry(result="x" * size)) for size in range(2000)]) as writer:
            until(lambda: spool.has("e-1"), "the writer writes")
            writer.kill()
            writer.wait()
        assert spool.holds("e-1")
        spool.remove("e-1")
        assert spool.paths() == []
