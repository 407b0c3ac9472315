"""Looking for a running pool: none, one that does not listen, one that hangs up."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import threading
from pathlib import Path

import psutil
import pytest
from cueworker.cli.pool_client import NoPool, PoolClient, PoolUnreachable, Refused
from cueworker.cli.process_usage import below
from cueworker.pool import StateDir
from support.forked import forked
from support.waiting import until


def test_no_pool_says_where_it_was_looked_for_and_how_to_start_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NoPool, match=re.escape(str(folder))) as caught:
            PoolClient(StateDir(folder)).ask("status")
        assert "cueworker-supervise" in str(caught.value)


def test_a_pool_without_a_socket_is_not_called_absent(tmp_path: Path) -> None:
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(PoolUnreachable, match="a pool holds") as caught:
        PoolClient(StateDir(tmp_path)).ask("status")
    assert not isinstance(caught.value, NoPool)
    os.close(lock)
    with pytest.raises(NoPool):
        PoolClient(StateDir(tmp_path)).ask("status")


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (b"", PoolUnreachable, "ended the conversation"),
        (b'{"ok": tr', PoolUnreachable, "ended the conversation"),
        (b'{"ok": false, "code": "not_found", "error": "no such thing"}\n', Refused, "no such thing"),
    ],
)
def test_what_a_pool_may_answer(tmp_path: Path, answer: bytes, error: type[Exception], said: str) -> None:
    state_dir = StateDir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(state_dir.control))
        listener.listen()

        def answer_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        pool = threading.Thread(target=answer_once)
        pool.start()
        with pytest.raises(error, match=said):
            PoolClient(state_dir).ask("status")
        pool.join()


def test_what_runs_below_a_worker_is_measured_and_nothing_else() -> None:
    def busy() -> None:
        if os.fork() == 0:
            while True:
                pass
        signal.pause()

    with forked(busy) as worker, forked(signal.pause) as idle:
        until(lambda: worker.pid in below([worker.pid]), "its child is there")
        usage = until(
            lambda: next((one for one in below([worker.pid]).values() if one.cpu > 0), None), "it is measured"
        )
        assert usage.processes == 1
        assert usage.memory > 1 << 20
        assert below([idle.pid]) == {}
        for process in psutil.Process(worker.pid).children():
            process.kill()
