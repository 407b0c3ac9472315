"""The state directory: whose it is, who holds it, how its files are replaced."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cueworker.pool import StateDir, StateDirBusy, StateDirUnusable
from cueworker.pool.state_dir import entries, read_json, write_json
from support.forked import NOBODY, forked, in_child, unprivileged
from support.records import prepared
from support.waiting import until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(root: Path) -> str:
    """What `prepare` says, in this process."""
    try:
        StateDir(root).prepare()
    except StateDirUnusable as error:
        return str(error)
    return ""


# Making it.


def test_it_is_made_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    def child() -> None:
        os.umask(0)
        StateDir(tmp_path / "a" / "state").prepare()

    in_child(child)
    state_dir = StateDir(tmp_path / "a" / "state")
    assert {
        mode(path) for path in (state_dir.root, state_dir.slots, state_dir.outcomes, state_dir.spool)
    } == {0o700}
    assert sorted(os.listdir(state_dir.root)) == ["outcomes", "slots", "spool"]


def test_an_open_one_is_closed_and_its_contents_stay(tmp_path: Path) -> None:
    state_dir = prepared(tmp_path / "state")
    (state_dir.spool / "e-1.json").write_text("{}")
    state_dir.root.chmod(0o755)
    state_dir.prepare()
    assert mode(state_dir.root) == 0o700
    assert (state_dir.spool / "e-1.json").exists()


def test_a_link_to_a_state_directory_is_the_owners_choice(tmp_path: Path) -> None:
    prepared(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    StateDir(tmp_path / "link").prepare()


@pytest.mark.parametrize("name", ["slots", "outcomes", "spool"])
def test_a_link_inside_is_refused(tmp_path: Path, name: str) -> None:
    state_dir = prepared(tmp_path / "state")
    (state_dir.root / name).rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (state_dir.root / name).symlink_to(elsewhere)
    assert f"{state_dir.root / name} is a symbolic link; remove it" in refusal(state_dir.root)


@pytest.mark.parametrize("name", ["", "slots"])
def test_a_file_in_its_place_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "state"
    if name:
        root.mkdir()
    (root / name).write_text("x") if name else root.write_text("x")
    assert "cannot be used: File exists" in refusal(root)
    assert "--state-dir" in refusal(root)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    for path in made.rglob("*"):
        path.chmod(0o700)
    shutil.rmtree(made)


@needs_root
def test_one_that_belongs_to_somebody_else_is_refused(tmp_path: Path) -> None:
    state_dir = prepared(tmp_path / "state")
    os.chown(state_dir.root, NOBODY, NOBODY)
    assert f"belongs to user id {NOBODY}, this process runs as 0; run as its owner" in refusal(state_dir.root)
    assert mode(state_dir.root) == 0o700


@needs_root
def test_one_of_root_is_refused_to_others(open_folder: Path) -> None:
    prepared(open_folder / "state")
    said = unprivileged(lambda: refusal(open_folder / "state"))
    assert "belongs to user id 0" in said


def test_one_that_cannot_be_written_is_refused(open_folder: Path) -> None:
    root = open_folder / "state"
    prepared(root)
    if os.geteuid() == 0:
        for path in (root, *root.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    root.chmod(0o500)
    assert "cannot be used: Permission denied; choose one that this user may write" in unprivileged(
        lambda: refusal(root)
    )


def test_one_that_cannot_be_made_is_refused(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    said = unprivileged(lambda: refusal(open_folder / "a" / "state"))
    assert "cannot be used: Permission denied" in said


# Its lock.


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    return prepared(tmp_path / "state")


def is_free(state_dir: StateDir) -> bool:
    """Whether a new pool would get it at once."""
    try:
        take(state_dir, wait=0)
    except StateDirBusy:
        return False
    return True


def take(state_dir: StateDir, wait: float) -> None:
    """Get the lock and give it back."""
    descriptor = state_dir.lock(wait)
    assert descriptor is not None
    os.close(descriptor)


def hold(state_dir: StateDir, ready: Path) -> None:
    state_dir.lock(wait=0)
    ready.touch()
    signal.pause()


def test_a_held_lock_names_its_holder_and_the_way_out(state_dir: StateDir, tmp_path: Path) -> None:
    with forked(lambda: hold(state_dir, tmp_path / "ready")) as holder:
        until((tmp_path / "ready").exists, "the lock is held")
        with pytest.raises(StateDirBusy) as caught:
            state_dir.lock(wait=0)
        assert f"is in use by cueworker-supervise, pid {holder.pid}; stop that pool first" in str(
            caught.value
        )
        assert "--state-dir" in str(caught.value)


def test_a_lock_ends_with_its_holder(state_dir: StateDir, tmp_path: Path) -> None:
    with forked(lambda: hold(state_dir, tmp_path / "ready")) as holder:
        until((tmp_path / "ready").exists, "the lock is held")
        holder.kill()
        holder.wait()
    assert is_free(state_dir)


def test_a_lock_lasts_until_the_last_child_of_its_holder_has_cleaned_up(
    state_dir: StateDir, tmp_path: Path
) -> None:
    """A successor waits for the workers of a killed supervisor."""
    ready, done = tmp_path / "ready", tmp_path / "done"

    def supervisor() -> None:
        state_dir.lock(wait=0)
        if os.fork() == 0:
            ready.touch()
            until(done.exists, "the successor waits")
            os._exit(0)
        signal.pause()

    with forked(supervisor) as holder:
        until(ready.exists, "the worker has the lock, too")
        holder.kill()
        holder.wait()
        assert not is_free(state_dir)
        with forked(lambda: take(state_dir, wait=20)) as successor:
            done.touch()
            successor.result()
    assert is_free(state_dir)


def test_waiting_for_a_lock_takes_as_long_as_it_was_given(state_dir: StateDir, tmp_path: Path) -> None:
    with forked(lambda: hold(state_dir, tmp_path / "ready")):
        until((tmp_path / "ready").exists, "the lock is held")
        began = time.monotonic()
        with pytest.raises(StateDirBusy):
            state_dir.lock(wait=0.3)
        assert time.monotonic() - began >= 0.3


def test_waiting_for_a_lock_can_be_abandoned(state_dir: StateDir, tmp_path: Path) -> None:
    """A pool that is told to stop while it waits for its predecessor; the lock itself needs no waiting."""
    with forked(lambda: hold(state_dir, tmp_path / "ready")):
        until((tmp_path / "ready").exists, "the lock is held")
        turns = iter([False, False, True])
        assert state_dir.lock(wait=20, abandon=lambda: next(turns)) is None
    descriptor = state_dir.lock(wait=20, abandon=lambda: True)
    assert descriptor is not None
    os.close(descriptor)


def test_a_new_holder_replaces_the_old_ones_name(state_dir: StateDir) -> None:
    (state_dir.root / "lock").write_text(
        "cueworker-supervise, pid 123456789, and something much longer than that\n"
    )
    descriptor = state_dir.lock(wait=0)
    assert descriptor is not None
    assert (state_dir.root / "lock").read_text() == f"cueworker-supervise, pid {os.getpid()}\n"
    os.close(descriptor)


def test_an_unnamed_holder_is_told_as_such(state_dir: StateDir) -> None:
    descriptor = state_dir.lock(wait=0)
    assert descriptor is not None
    os.ftruncate(descriptor, 0)
    with pytest.raises(StateDirBusy, match="in use by another process"):
        state_dir.lock(wait=0)
    os.close(descriptor)


# Its files.


def test_json_files_are_replaced_and_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert read_json(path) is None
    for value in ({"a": 1}, {"b": ["é", None, "\ud800"]}, {}):
        write_json(path, value)
        assert read_json(path) == value
    assert os.listdir(tmp_path) == ["x.json"]
    assert mode(path) == 0o600


def test_what_cannot_be_written_leaves_the_old_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["x.json"]


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[]", b"null", b"7", b"\xff", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_garbage_is_an_error_that_callers_know(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "x.json").write_bytes(garbage)
    with pytest.raises(ValueError, match=r"."):
        read_json(tmp_path / "x.json")


def test_entries_are_the_finished_files_by_name(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", ".c.json.12", ".d.json", "e.tmp", "f"):
        (tmp_path / name).touch()
    assert [path.name for path in entries(tmp_path)] == ["a.json", "b.json"]
    assert list(entries(tmp_path / "none")) == []
