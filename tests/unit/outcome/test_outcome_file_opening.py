"""Hostile things in the outcome file's place: not followed, not waited for, not read too far (promise 4)."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cueworker.outcome import OutcomeFile, read_outcome_file

SECRET = '{"result": "the secret"}'


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.json"
    path.write_text(SECRET)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the outcome file is expected; nothing is there."""
    folder = tmp_path / "run"
    folder.mkdir()
    return folder / "outcome.json"


def refused(parse_error: str) -> OutcomeFile:
    return OutcomeFile({}, parse_error, present=True)


def test_an_ordinary_file_is_read(place: Path) -> None:
    place.write_text(SECRET)
    place.chmod(0o600)
    assert read_outcome_file(place) == OutcomeFile({"result": "the secret"}, present=True)
    assert read_outcome_file(str(place)).fields == {"result": "the secret"}


def test_a_file_that_is_not_there_is_absent(place: Path) -> None:
    assert read_outcome_file(place) == OutcomeFile({}, present=False)
    assert read_outcome_file(place / "below" / "it") == OutcomeFile({}, present=False)
    place.touch()
    assert read_outcome_file(place) == OutcomeFile({}, present=False)
    assert read_outcome_file(place / "below-a-file") == OutcomeFile({}, present=False)


def test_a_symbolic_link_is_not_followed(place: Path, secret: Path) -> None:
    place.symlink_to(secret)
    assert read_outcome_file(place) == refused("outcome_file_not_a_regular_file: a symbolic link")


def test_a_dangling_link_is_named(place: Path) -> None:
    place.symlink_to("nowhere")
    assert read_outcome_file(place) == refused("outcome_file_not_a_regular_file: a symbolic link")


def test_a_hard_link_is_not_read(place: Path, secret: Path) -> None:
    os.link(secret, place)
    expected = "outcome_file_not_a_regular_file: a hard link to a file with another name"
    assert read_outcome_file(place) == refused(expected)


def test_a_fifo_without_a_writer_does_not_block(place: Path) -> None:
    os.mkfifo(place)
    assert read_outcome_file(place) == refused("outcome_file_not_a_regular_file: a FIFO")


def test_a_fifo_with_a_writer_is_not_read(place: Path) -> None:
    os.mkfifo(place)
    both_ends = os.open(place, os.O_RDWR)
    try:
        os.write(both_ends, SECRET.encode())
        assert read_outcome_file(place) == refused("outcome_file_not_a_regular_file: a FIFO")
    finally:
        os.close(both_ends)


def test_a_directory_is_named(place: Path) -> None:
    place.mkdir()
    assert read_outcome_file(place) == refused("outcome_file_not_a_regular_file: a directory")


def test_a_socket_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.parent)  # a socket's whole path may have 108 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place.name)
        assert read_outcome_file(place) == refused("outcome_file_not_a_regular_file: a socket")


def test_a_device_is_named() -> None:
    assert read_outcome_file("/dev/zero") == refused("outcome_file_not_a_regular_file: a character device")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_read(place: Path) -> None:
    place.write_text(SECRET)
    os.chown(place, 12345, -1)
    expected = "outcome_file_unreadable: it belongs to another user (uid 12345)"
    assert read_outcome_file(place) == refused(expected)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_read_permission_is_unreadable(place: Path) -> None:
    place.write_text(SECRET)
    place.chmod(0)
    assert read_outcome_file(place) == refused("outcome_file_unreadable: Permission denied")


@pytest.mark.parametrize(
    ("path", "parse_error"),
    [
        ("a\x00b", "outcome_file_unreadable: embedded null byte"),
        ("/tmp/" + "x" * 300, "outcome_file_unreadable: File name too long"),
    ],
)
def test_an_impossible_path_is_unreadable(path: str, parse_error: str) -> None:
    assert read_outcome_file(path) == refused(parse_error)


def test_the_size_limit_is_10240_bytes(place: Path) -> None:
    place.write_text(SECRET.ljust(10_240))
    assert read_outcome_file(place).fields == {"result": "the secret"}
    place.write_text(SECRET.ljust(10_241))
    expected = "outcome_file_too_large: more than 10,240 bytes (10,241 bytes)"
    assert read_outcome_file(place) == refused(expected)


def test_a_huge_sparse_file_is_not_read(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(10**12)
    expected = "outcome_file_too_large: more than 10,240 bytes (1,000,000,000,000 bytes)"
    assert read_outcome_file(place) == refused(expected)


def test_the_descriptor_is_closed_after_every_kind(place: Path, secret: Path) -> None:
    def descriptors() -> list[str]:
        return sorted(os.listdir("/dev/fd"))

    before = descriptors()
    arrangements: list[Callable[[], None]] = [
        place.mkdir,
        lambda: os.mkfifo(place),
        lambda: os.link(secret, place),
        place.touch,
    ]
    for arrange in arrangements:
        arrange()
        read_outcome_file(place)
        place.rmdir() if place.is_dir() else place.unlink()
    assert descriptors() == before


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's /proc")
def test_no_more_is_read_than_counts_whatever_size_was_announced() -> None:
    smaps = Path("/proc/self/smaps")  # a regular file of our own that says it has 0 bytes
    assert smaps.stat().st_size == 0
    assert read_outcome_file(smaps) == refused("outcome_file_too_large: more than 10,240 bytes")


def test_a_growing_file_is_absent_until_it_is_too_large(place: Path) -> None:
    place.touch()
    stop = threading.Event()

    def grow() -> None:
        with place.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b" " * 100)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        deadline = time.monotonic() + 30
        while (answer := read_outcome_file(place)).parse_error is None:
            assert answer == OutcomeFile({}, present=False)
            assert time.monotonic() < deadline
        assert answer.parse_error.startswith("outcome_file_too_large: more than 10,240 bytes")
    finally:
        stop.set()
        writer.join()
