"""The control socket itself: whoever speaks to it, it neither blocks nor grows, and it answers who asks properly."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cueworker.supervisor.control import LONGEST_REQUEST, MOST_CLIENTS, PATIENCE, RETRY, ControlSocket
from cueworker.supervisor.control_path import LONGEST, address_of
from hypothesis import given, settings
from hypothesis import strategies as st
from support.forked import forked
from support.waiting import until

ANSWER = {"ok": True, "said": "hello"}


class Loop:
    """A control socket and a loop that turns when it is told to, at the time that it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.control = ControlSocket(path)
        self.asked: list[bytes] = []
        self.answer: dict[str, Any] = ANSWER
        self.control.keep(0.0)

    def turn(self, now: float = 0.0) -> None:
        """One turn of the supervisor's loop: everything that is ready."""
        poller = select.poll()
        for descriptor, events in self.control.interests(now).items():
            poller.register(descriptor, events)
        self.control.serve([descriptor for descriptor, _ in poller.poll(0)], now, self._answer)

    def _answer(self, line: bytes) -> dict[str, Any]:
        self.asked.append(line)
        if line == b"raise":
            raise RuntimeError("oh")
        return self.answer

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.setblocking(False)
        with address_of(self.path) as address:
            client.connect(address)
        return client

    def ask(self, request: bytes, now: float = 0.0) -> bytes:
        """What the socket answers to these bytes: nothing, if it waits for more."""
        with self.connect() as client:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                while request:
                    request = request[client.send(request) :]
            for _ in range(4):
                self.turn(now)
            return received(client)


def received(client: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(BlockingIOError, ConnectionResetError):
        while part := client.recv(1 << 20):
            said += part
    return said


def is_dropped(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    made = Loop(tmp_path / "control.sock")
    yield made
    made.control.close()


def test_a_line_is_answered_with_a_line_and_the_end(loop: Loop) -> None:
    assert json.loads(loop.ask(b'{"command": "status"}\n')) == ANSWER
    assert loop.asked == [b'{"command": "status"}']


def test_a_request_may_come_in_pieces(loop: Loop) -> None:
    with loop.connect() as client:
        for piece in (b"on", b"e ", b"line\nand what follows"):
            assert not is_dropped(client)
            client.send(piece)
            loop.turn()
            loop.turn()
        assert json.loads(received(client)) == ANSWER
    assert loop.asked == [b"one line"]


def test_it_is_its_owners_alone_and_gone_at_the_end(loop: Loop) -> None:
    found = loop.path.lstat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    loop.control.close()
    assert not loop.path.exists()


def test_what_a_dead_pool_left_is_replaced(loop: Loop, tmp_path: Path) -> None:
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    again = Loop(left)
    assert json.loads(again.ask(b"x\n")) == ANSWER
    again.control.close()


def test_a_socket_that_was_removed_comes_back_and_a_successors_is_left_alone(loop: Loop) -> None:
    loop.path.unlink()
    loop.control.keep(1.0)
    assert json.loads(loop.ask(b"x\n")) == ANSWER
    loop.path.unlink()
    loop.path.write_text("somebody else's")
    loop.control.close()
    assert loop.path.read_text() == "somebody else's"


def test_a_place_that_cannot_be_used_is_said_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.mkdir()
    made = Loop(path)
    assert made.control.interests(0.0) == {}
    path.rmdir()
    made.control.keep(RETRY / 2)
    assert made.control.interests(0.0) == {}
    made.control.keep(RETRY)
    assert json.loads(made.ask(b"x\n")) == ANSWER
    made.control.close()


def test_a_path_that_no_address_holds(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    path = folder / "control.sock"
    assert len(bytes(path)) > LONGEST
    made = Loop(path)
    assert path.is_socket()
    assert json.loads(made.ask(b"x\n")) == ANSWER
    made.control.close()
    assert not path.exists()


def test_a_silent_client_is_dropped_when_its_time_is_up_and_keeps_nobody_waiting(loop: Loop) -> None:
    with loop.connect() as silent, loop.connect() as slow:
        slow.send(b"half a requ")
        loop.turn(10.0)
        assert json.loads(loop.ask(b"x\n", 10.0)) == ANSWER
        loop.turn(10.0 + PATIENCE - 0.1)
        assert not is_dropped(silent) and not is_dropped(slow)
        loop.turn(10.0 + PATIENCE)
        assert is_dropped(silent) and is_dropped(slow)


def test_a_client_that_does_not_read_is_dropped_and_keeps_nobody_waiting(loop: Loop) -> None:
    loop.answer = {"ok": True, "much": "x" * (8 << 20)}
    with loop.connect() as lazy:
        lazy.send(b"x\n")
        for _ in range(5):
            loop.turn()
        loop.answer = ANSWER
        assert json.loads(loop.ask(b"x\n")) == ANSWER
        loop.turn(PATIENCE)
        assert 0 < len(received(lazy)) < 8 << 20


def test_a_large_answer_arrives_as_fast_as_it_is_read(loop: Loop) -> None:
    loop.answer = {"ok": True, "much": "x" * (2 << 20)}
    with loop.connect() as client:
        client.send(b"x\n")
        said = b""
        while not said.endswith(b"\n"):
            loop.turn()
            said += received(client)
        assert json.loads(said) == loop.answer


@pytest.mark.parametrize(
    "request_",
    [b"x" * (LONGEST_REQUEST + 1) + b"\n", b"x" * (1 << 20) + b"\n", b"\0" * (LONGEST_REQUEST + 1)],
)
def test_a_request_that_is_too_long_is_told_so(loop: Loop, request_: bytes) -> None:
    answer = json.loads(loop.ask(request_))
    assert (answer["ok"], answer["code"]) == (False, "bad_request")
    assert loop.asked == []


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=64), max_size=5))
def test_garbage_asks_nothing_but_whole_lines(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = Loop(Path(folder) / "s")
        for piece in pieces:
            made.ask(piece)
        assert made.asked == [piece.partition(b"\n")[0] for piece in pieces if b"\n" in piece]
        assert json.loads(made.ask(b"x\n")) == ANSWER
        made.control.close()


def test_more_clients_than_there_is_room_for_stand_in_line(loop: Loop) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(loop.connect()) for _ in range(MOST_CLIENTS)]
        loop.turn()
        waiting = [stack.enter_context(loop.connect()) for _ in range(18)]
        for client in waiting:
            client.send(b"x\n")
        loop.turn()
        assert len(loop.control.interests(0.0)) == MOST_CLIENTS
        assert not any(received(client) for client in waiting)
        loop.turn(PATIENCE)
        assert all(map(is_dropped, silent))
        loop.turn(PATIENCE)
        assert [json.loads(received(client)) for client in waiting] == [ANSWER] * len(waiting)


def test_a_request_that_meets_an_error_of_ours_is_told_so(loop: Loop) -> None:
    assert json.loads(loop.ask(b"raise\n"))["code"] == "internal"
    assert json.loads(loop.ask(b"x\n")) == ANSWER


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        made = Loop(Path(folder) / "control.sock")
        made.path.chmod(0o666)

        def somebody_else() -> dict[str, Any]:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(made.path))
                with contextlib.suppress(BrokenPipeError):
                    client.sendall(b'{"command": "drain"}\n')
                answer: dict[str, Any] = json.loads(client.recv(1 << 16))
                return answer

        with forked(somebody_else, uid=31_234) as child:
            until(lambda: made.turn() or select.select([child], [], [], 0)[0], "they are answered")
            assert child.result()["code"] == "forbidden"
        assert made.asked == []
        made.control.close()
