"""A worker's folder: private, unpredictable, and gone afterwards whatever a handler has made of it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cueworker.pool.workspace import Workspace, read_outcome, remove, remove_all
from support.forked import NOBODY, unprivileged


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    folder = tmp_path / "outcomes"
    folder.mkdir()
    return folder


@pytest.fixture
def space(outcomes: Path) -> Workspace:
    made = Workspace(outcomes, 3)
    made.fill(b'{"task": "report"}')
    return made


@pytest.fixture
def bystander(tmp_path: Path) -> Path:
    """A folder that is none of ours, with a file in it."""
    folder = tmp_path / "bystander"
    folder.mkdir()
    (folder / "precious").write_text('{"result": "precious"}')
    return folder


def folder(space: Workspace) -> Path:
    return space.outcome_file.parent


def test_both_files_are_there_and_nobody_elses(space: Workspace, outcomes: Path) -> None:
    assert space.payload_file.read_bytes() == b'{"task": "report"}'
    assert space.outcome_file.read_bytes() == b""
    modes = [path.stat().st_mode & 0o777 for path in (folder(space), space.payload_file, space.outcome_file)]
    assert modes == [0o700, 0o600, 0o600]
    assert folder(space).parent == outcomes
    assert folder(space).name.startswith("3-")


def test_nothing_is_made_before_it_is_needed(outcomes: Path) -> None:
    space = Workspace(outcomes, 0)
    space.empty()
    space.close()
    assert list(outcomes.iterdir()) == []


def test_names_cannot_be_foreseen(outcomes: Path) -> None:
    names = set()
    for _ in range(50):
        space = Workspace(outcomes, 0)
        names |= {folder(space).name, space.outcome_file.name, space.payload_file.name}
        before = space.outcome_file
        space.begin()
        assert space.outcome_file != before
    assert len(names) == 150
    assert min(map(len, names)) > 32


def test_an_honest_handlers_folder_is_used_again_and_empty(space: Workspace) -> None:
    used = folder(space)
    space.outcome_file.write_text("{}")
    space.empty()
    assert list(used.iterdir()) == []
    space.begin()
    space.fill(b"{}")
    assert folder(space) == used


def test_after_the_worker_nothing_is_left(space: Workspace, outcomes: Path) -> None:
    space.close()
    assert list(outcomes.iterdir()) == []


def removes_the_folder(space: Workspace) -> None:
    shutil.rmtree(folder(space))


def removes_all_folders(space: Workspace) -> None:
    shutil.rmtree(folder(space).parent)


def adds_a_file(space: Workspace) -> None:
    (folder(space) / "more").write_text("x")


def adds_what_is_no_file(space: Workspace) -> None:
    os.mkfifo(folder(space) / "fifo")
    (folder(space) / "dangling").symlink_to("/nonexistent")
    # A socket's whole path may have 108 bytes. The process is the test's own, so that it may go elsewhere.
    os.chdir(folder(space))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    os.chdir("/")


def makes_a_folder_of_the_outcome_file(space: Workspace) -> None:
    space.outcome_file.unlink()
    (space.outcome_file / "within").mkdir(parents=True)


def makes_a_fifo_of_the_payload_file(space: Workspace) -> None:
    space.payload_file.unlink()
    os.mkfifo(space.payload_file)


def makes_a_file_of_the_folder(space: Workspace) -> None:
    removes_the_folder(space)
    folder(space).write_text("x")


def nests_folders_deeper_than_python_recurses(space: Workspace) -> None:
    """Deeper than a path may be long, too; the deepest holds a file."""
    descriptor = os.open(folder(space), os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d" * 100, dir_fd=descriptor)
        inner = os.open("d" * 100, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)


def fills_a_broad_tree(space: Workspace) -> None:
    for outer in range(20):
        for inner in range(10):
            place = folder(space) / f"{outer}" / f"{inner}"
            place.mkdir(parents=True)
            (place / "file").write_text("x")


def takes_permissions_away(space: Workspace) -> None:
    inner = folder(space) / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    space.outcome_file.chmod(0)
    for path in (inner, inner.parent, folder(space), folder(space).parent):
        path.chmod(0)


HOSTILE: list[Callable[[Workspace], None]] = [
    removes_the_folder,
    removes_all_folders,
    adds_a_file,
    adds_what_is_no_file,
    makes_a_folder_of_the_outcome_file,
    makes_a_fifo_of_the_payload_file,
    makes_a_file_of_the_folder,
    nests_folders_deeper_than_python_recurses,
    fills_a_broad_tree,
    takes_permissions_away,
]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an unprivileged user may enter and owns."""
    made = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        os.chown(made, NOBODY, NOBODY)
    yield made
    os.chmod(made, 0o700)
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_whatever_a_handler_did_the_next_execution_finds_a_clean_place(
    open_folder: Path, hostile: Callable[[Workspace], None]
) -> None:
    """As a user whom permissions bind; root would not notice them."""

    def execution() -> list[str]:
        outcomes = open_folder / "outcomes"
        outcomes.mkdir()
        space = Workspace(outcomes, 3)
        space.fill(b"{}")
        hostile(space)
        space.empty()
        space.begin()
        space.fill(b"{}")
        expected = sorted(path.name for path in (space.outcome_file, space.payload_file))
        assert sorted(os.listdir(folder(space))) == expected
        assert [path.name for path in outcomes.iterdir()] == [folder(space).name], "nothing else is left"
        space.close()
        return os.listdir(outcomes)

    assert unprivileged(execution) == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_dead_worker_left_is_removed(open_folder: Path, hostile: Callable[[Workspace], None]) -> None:
    def start_of_a_pool() -> list[str]:
        outcomes = open_folder / "outcomes"
        outcomes.mkdir()
        space = Workspace(outcomes, 3)
        space.fill(b"{}")
        hostile(space)
        if outcomes.exists():
            outcomes.chmod(0o700)
        remove_all(outcomes)
        return os.listdir(outcomes) if outcomes.exists() else []

    assert unprivileged(start_of_a_pool) == []


def test_a_folder_that_cannot_be_trusted_is_not_used_again(space: Workspace) -> None:
    before = folder(space)
    adds_a_file(space)
    space.empty()
    assert folder(space) != before
    assert not before.exists()


# Links: what they point to is not ours.


def test_links_to_others_are_removed_and_what_they_point_to_is_not(space: Workspace, bystander: Path) -> None:
    (folder(space) / "to-folder").symlink_to(bystander)
    (folder(space) / "to-file").symlink_to(bystander / "precious")
    inner = folder(space) / "inner"
    inner.mkdir()
    (inner / "to-folder").symlink_to(bystander)
    os.link(bystander / "precious", folder(space) / "hard")
    before = folder(space)
    space.empty()
    assert not before.exists()
    assert (bystander / "precious").read_text() == '{"result": "precious"}'


def test_a_link_in_the_folders_place_is_not_followed(space: Workspace, bystander: Path) -> None:
    shutil.rmtree(folder(space))
    folder(space).symlink_to(bystander)
    (bystander / space.outcome_file.name).write_text('{"result": "not ours"}')
    (bystander / space.payload_file.name).write_text("{}")
    before = folder(space)
    found = read_outcome(space.outcome_file)
    assert (found.fields, found.present) == ({}, True)
    assert "symbolic link" in str(found.parse_error)
    space.empty()
    assert not before.is_symlink()
    assert len(os.listdir(bystander)) == 3
    space.begin()
    space.fill(b"{}")
    assert not folder(space).is_symlink()


def test_an_honest_outcome_is_read(space: Workspace) -> None:
    space.outcome_file.write_text('{"external_id": "x-1"}')
    assert read_outcome(space.outcome_file).fields == {"external_id": "x-1"}
    space.empty()
    assert not read_outcome(space.outcome_file).present


def test_the_folders_of_one_slot_are_removed_and_no_others(outcomes: Path) -> None:
    spaces = {slot: Workspace(outcomes, slot) for slot in (1, 10, 11, 2)}
    for space in spaces.values():
        space.fill(b"{}")
    remove_all(outcomes, 1)
    assert {slot for slot, space in spaces.items() if space.outcome_file.exists()} == {10, 11, 2}
    remove_all(outcomes)
    assert os.listdir(outcomes) == []
    outcomes.rmdir()
    remove_all(outcomes)


def test_removing_what_is_not_there_is_no_error(outcomes: Path) -> None:
    remove(outcomes / "nothing")
    remove(outcomes / "no" / "where")
