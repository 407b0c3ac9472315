"""The local server as a process: readiness, discovery, clean and unclean ends, one server per directory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import requests
from cueworker.local import LocalServer, discover
from support.local_server import API_KEY, LocalServerProcess, local_server
from support.waiting import until

__all__ = ["local_server"]
RACED_ROWS = 1000 if os.environ.get("CUEWORKER_SOAK") == "1" else 60


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_server_json_tells_where_and_goes_with_a_clean_exit(tmp_path: Path) -> None:
    state_dir = tmp_path / "new" / "dir"
    server = LocalServerProcess(state_dir).start()
    record = json.loads((state_dir / "server.json").read_text())
    assert set(record) == {"url", "pid", "start_time", "version"}
    assert (record["url"], record["pid"]) == (server.url, server.pid)
    assert record["start_time"] == psutil.Process(server.pid).create_time()
    assert (_mode(state_dir), _mode(state_dir / "server.json"), _mode(state_dir / "api_key")) == (
        0o700,
        0o600,
        0o600,
    )
    key = (state_dir / "api_key").read_text().strip()
    assert key.removeprefix("cue_sk_").isalnum()
    assert discover(state_dir) == LocalServer(server.url, key, server.pid)
    assert server.call("GET", "/v1/cues", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert b"cueworker: local server" in Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert server.stop() == 0
    assert not (state_dir / "server.json").exists()
    assert discover(state_dir) is None


def test_discovery_is_not_fooled_by_what_a_killed_server_leaves(tmp_path: Path) -> None:
    server = LocalServerProcess(tmp_path).start()
    server.kill()
    path = tmp_path / "server.json"
    assert path.exists()
    assert discover(tmp_path) is None
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "pid": os.getpid()}))  # the pid was given to another process
    assert discover(tmp_path) is None
    path.write_text("{")
    assert discover(tmp_path) is None


def test_discovery_imports_none_of_the_servers_libraries() -> None:
    heavy = ("starlette", "uvicorn", "sqlite3", "asyncio")
    code = f"import sys, cueworker.local; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_database_keeps_no_key_in_clear(tmp_path: Path) -> None:
    server = LocalServerProcess(tmp_path).start()
    registered = server.ok("POST", "/v1/auth/register", {"email": "a@b.example"})["api_key"]
    server.stop()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("cueworker.db*"))
    assert b"a@b.example" in kept
    assert registered.encode() not in kept
    assert API_KEY.encode() not in kept


def test_acknowledged_writes_survive_a_kill(tmp_path: Path) -> None:
    server = LocalServerProcess(tmp_path).start()
    cue = server.cue()
    acknowledged: list[str] = []
    enough = threading.Event()

    def fire_until_it_dies() -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {server.api_key}"
        with contextlib.suppress(requests.RequestException):  # refused, reset, or cut half way
            while True:
                answer = session.post(f"{server.url}/v1/cues/{cue}/fire", timeout=20)
                acknowledged.append(answer.json()["id"])
                if len(acknowledged) > 200:
                    enough.set()

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(fire_until_it_dies) for _ in range(4)]
        assert enough.wait(60)
        server.kill()
        for writer in writers:
            writer.result(30)
    with server:
        kept = []
        while len(page := server.ok("GET", f"/v1/executions?limit=100&offset={len(kept)}")["executions"]):
            kept += [row["id"] for row in page]
        assert set(acknowledged) <= set(kept)
        assert len(kept) <= len(acknowledged) + 4  # at most one unacknowledged write for each writer


def test_claims_race_through_kills_and_none_is_granted_twice(tmp_path: Path) -> None:
    server = LocalServerProcess(tmp_path, take_back_after=600).start()
    cue = server.cue()
    fired = [server.fire(cue) for _ in range(RACED_ROWS)]
    grants: list[str] = []
    killing = iter(range(RACED_ROWS // 3, RACED_ROWS, RACED_ROWS // 3))
    turns = [threading.Barrier(17) for _ in range(4)]

    def claim_until_it_dies(number: int) -> None:
        for turn in turns[:-1]:
            turn.wait(60)
            session = requests.Session()
            session.headers["Authorization"] = f"Bearer {server.api_key}"
            with contextlib.suppress(requests.RequestException):
                for execution in fired[number % 7 :] + fired[: number % 7]:
                    path = f"{server.url}/v1/executions/{execution}/claim"
                    answer = session.post(path, json={"worker_id": f"w{number}"}, timeout=20)
                    if answer.status_code == 200:
                        grants.append(answer.json()["execution_id"])
            session.close()
            turns[-1].wait(60)

    with ThreadPoolExecutor(16) as pool:
        claimers = [pool.submit(claim_until_it_dies, number) for number in range(16)]
        for turn in turns[:-1]:
            turn.wait(60)
            if (until_then := next(killing, None)) is not None:
                until(lambda: len(grants) >= until_then, "some are granted")
                server.kill()
            turns[-1].wait(60)
            if until_then is not None:
                server.start()
        for claimer in claimers:
            claimer.result(60)
    assert len(grants) == len(set(grants)), "granted twice"
    delivering = server.ok("GET", "/v1/executions?status=delivering&limit=1")["total"]
    assert delivering == RACED_ROWS
    # What was granted without its answer arriving was in flight at a kill: one for each claimer at most.
    assert RACED_ROWS - 2 * 16 <= len(grants) <= RACED_ROWS
    print(f"{RACED_ROWS} rows, 16 claimers, 2 kills: {len(grants)} grants answered, none twice")
    server.stop()


def test_a_restart_fires_what_was_missed_once(tmp_path: Path) -> None:
    server = LocalServerProcess(tmp_path).start()
    at = time.time() + 1
    cue = server.cue(schedule={"type": "once", "at": datetime.fromtimestamp(at, UTC).isoformat()})
    server.kill()
    while time.time() < at:  # the moment passes while no server runs
        threading.Event().wait(at - time.time())
    with server:
        (row,) = server.claimable("?wait=20")
        assert row["cue_id"] == cue
        assert datetime.fromisoformat(row["scheduled_for"]).timestamp() == pytest.approx(at, abs=0.001)
        assert server.claimable("?task=none&wait=1.2") == []  # two more looks of its clock
        assert server.ok("GET", f"/v1/cues/{cue}")["execution_total"] == 1


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_though_listings_wait(local_server: LocalServerProcess, signum: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(local_server.claimable, "?wait=30") for _ in range(4)]
        for _ in range(10):
            local_server.ok("GET", "/v1/workers")
        assert not any(h.done() for h in held)
        started = time.monotonic()
        os.kill(local_server.pid, signum)
        assert local_server.stop() == 0
        assert time.monotonic() - started < 10  # 0.3 s on an idle machine; the waits would take 30
        assert [h.result(1) for h in held] == [[]] * 4
    assert not any("Traceback" in line for line in local_server.log)


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "cueworker.local", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run(f"--port={port}", f"--state-dir={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"port {port} on 127.0.0.1 is in use" in done.stderr
    assert not (tmp_path / "server.json").exists()


def test_a_second_server_on_the_same_directory_is_refused(local_server: LocalServerProcess) -> None:
    done = _run("--port=0", f"--state-dir={local_server.state_dir}")
    assert done.returncode == 1
    assert f"another local server (pid {local_server.pid})" in done.stderr
    assert discover(local_server.state_dir) is not None


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _run("--port=0", f"--state-dir={tmp_path / 'file'}")
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is told by Linux only")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    parent = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-P', '-m', 'cueworker.local',"
        " '--port=0', '--state-dir', sys.argv[1], '--die-with-parent'], stderr=subprocess.PIPE, text=True);"
        " print(p.stderr.readline(), p.pid, sep='', flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-P", "-c", parent, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    assert starter.stdout.readline().startswith("listening on")
    child = psutil.Process(int(starter.stdout.readline()))
    starter.kill()
    starter.communicate(timeout=30)
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert not (tmp_path / "server.json").exists()


def test_a_parent_that_is_gone_already_is_noticed(tmp_path: Path) -> None:
    done = _run("--port=0", f"--state-dir={tmp_path}", "--die-with-parent=1")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "server.json").exists()
