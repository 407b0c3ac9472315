"""`cueworker serve` and `cueworker start`: processes that run until they are stopped."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cueworker.local import LocalServer, discover
from support.cli import WITHIN, cueworker, start
from support.server_client import ServerClient
from support.waiting import until


@contextlib.contextmanager
def running(*arguments: str, home: Path, server: Path) -> Iterator[tuple[subprocess.Popen[str], LocalServer]]:
    """A command and the local server that it runs with its files in `server`."""
    with start(*arguments, home=home) as process:
        try:
            yield process, until(lambda: discover(server), "the server listens")
        finally:
            process.kill()


def test_serve_runs_the_local_server_until_it_is_stopped(tmp_path: Path) -> None:
    command = ("serve", "--port", "0", "--state-dir", "files", "--api-key", "cue_sk_mine")
    with running(*command, home=tmp_path, server=tmp_path / "files") as (process, server):
        assert server.pid == process.pid
        for key in (server.api_key, "cue_sk_mine"):
            client = ServerClient(server.url, key)
            assert client.ok("GET", "/health")["status"] == "healthy"
            assert client.claimable() == []
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=WITHIN)
        assert process.returncode == 0
    assert f"listening on {server.url}" in errors
    assert discover(tmp_path / "files") is None


def test_serve_limits_requests_if_it_is_told_to(tmp_path: Path) -> None:
    command = ("serve", "--port", "0", "--state-dir", "files", "--rate-limit", "3")
    with running(*command, home=tmp_path, server=tmp_path / "files") as (_, server):
        client = ServerClient(server.url, server.api_key)
        assert [client.call("GET", "/v1/cues").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_serve_says_that_a_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = cueworker("serve", "--port", str(port), "--state-dir", "files", home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"port {port} on 127.0.0.1 is in use; choose another one with --port" in done.stderr
    assert "Traceback" not in done.stderr


def test_start_runs_a_pool_and_enqueue_finds_it_without_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text("worker_id: lamp\nhandlers: {greet: echo hello}\n")
    state = tmp_path / "state"
    command = ("start", "--local", "--workers", "1", "--config", "pool.yaml", "--state-dir", "state")
    with running(*command, home=tmp_path, server=state / "local") as (process, _):
        done = cueworker("enqueue", "greet", "--wait", "--state-dir", "state", home=tmp_path)
        assert (done.returncode, done.stdout) == (0, "success\nhello\n")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=WITHIN)
        assert process.returncode == 0
    assert "[pool.stopped]" in errors


def test_start_refuses_a_bad_configuration(tmp_path: Path) -> None:
    (tmp_path / "cueworker.yaml").write_text("workers: many\nhandlers: {greet: echo}\n")
    done = cueworker("start", home=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert f"{tmp_path / 'cueworker.yaml'}:1:10: " in done.stderr
    assert not (tmp_path / ".local").exists(), "nothing is made before the configuration is good"
