"""Messages to the service manager: received by a real socket, and without consequences when nobody listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cueworker.supervisor.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket and its address as NOTIFY_SOCKET gives it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = str(tmp_path / "notify") if request.param == "path" else f"@cueworker-{os.getpid()}"
        listening.bind(name if request.param == "path" else "\0" + name[1:])
        listening.setblocking(False)
        yield listening, name


def test_fields_become_the_lines_of_one_message(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier(address)
    assert notifier.is_heard
    notifier.send(READY=1, STATUS="all is\nwell \N{CHECK MARK}")
    assert listening.recv(1000).decode() == "READY=1\nSTATUS=all is well \N{CHECK MARK}"
    notifier.close()
    notifier.send(READY=1)
    with pytest.raises(BlockingIOError):
        listening.recv(1000)


def test_a_manager_that_does_not_read_holds_nobody_up(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier(address)
    for _ in range(2000):  # many times what a socket's queue holds
        notifier.send(STATUS="x" * 100)
    assert listening.recv(1000).startswith(b"STATUS=")
    notifier.close()


def test_nobody_is_no_trouble(tmp_path: Path) -> None:
    for address in ("", "relative/path", "vsock:2:1234", str(tmp_path / "gone"), "/" + "x" * 200):
        notifier = Notifier(address)
        notifier.send(READY=1)
        notifier.close()
    assert not Notifier("").is_heard


def test_the_environment_says_it_and_keeps_it_from_children() -> None:
    environ = {"NOTIFY_SOCKET": "@nobody", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier.from_environment(environ)
    assert (notifier.is_heard, notifier.watchdog) == (True, 60.0)
    assert environ == {}
    notifier.close()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
    ],
)
def test_a_watchdog_that_is_not_ours_is_none(environ: dict[str, str]) -> None:
    assert Notifier.from_environment(environ).watchdog is None
