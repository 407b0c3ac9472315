"""The embedded server's speed: pairs of claim and outcome, waits, waiting connections, a million ended rows.

`make bench` prints it. Its CPU seconds are the server's own, so that they mean the same on a busy machine.
"""

from __future__ import annotations

import json
import selectors
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.local_server import LocalServerProcess

PAIRS = 4000
ROUNDS = 3
CONNECTIONS = 16
WAITERS = 1000
ROWS = 1_000_000
QUIET = 10.0
"""Seconds for which the waiting connections' cost is measured."""


def main() -> None:
    """Run the four measurements and print them."""
    with tempfile.TemporaryDirectory(prefix="cueworker-bench-") as name:
        for number in range(1, ROUNDS + 1):
            with LocalServerProcess(Path(name) / f"pairs-{number}") as server:
                print(f"round {number}: " + pairs(server), flush=True)
        with LocalServerProcess(Path(name) / "waits") as server:
            print(wait_latency(server), flush=True)
            print(waiting_connections(server), flush=True)
        print(listings_beside_a_million_rows(Path(name) / "million"))


def request(server: LocalServerProcess, method: str, path: str, body: object = None) -> bytes:
    """One request as bytes."""
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\nUser-Agent: bench\r\n"
        f"Authorization: Bearer {server.api_key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def connection(server: LocalServerProcess) -> socket.socket:
    """One connection to the server."""
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), 30)


def fired(server: LocalServerProcess, count: int) -> list[str]:
    """That many executions of one cue."""
    cue = server.cue(payload={"task": "noop"})
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {server.api_key}"
        path = f"{server.url}/v1/cues/{cue}/fire"
        return [session.post(path, timeout=30).json()["id"] for _ in range(count)]


def pairs(server: LocalServerProcess) -> str:
    """Claim and outcome of each execution, on 16 connections of one bare client."""
    exchanges = (
        (
            request(server, "POST", f"/v1/executions/{execution}/claim", {"worker_id": "w"}),
            request(
                server, "POST", f"/v1/executions/{execution}/outcome", {"success": True, "result": "done"}
            ),
        )
        for execution in fired(server, PAIRS)
    )
    process = psutil.Process(server.pid)
    cpu, began = cpu_of(process), time.monotonic()
    exchange(server, exchanges)
    took = time.monotonic() - began
    return f"{PAIRS / took:.0f} pairs/s, {PAIRS / (cpu_of(process) - cpu):.0f} a CPU second of the server (aim 3000)"


def exchange(server: LocalServerProcess, exchanges: Iterator[tuple[bytes, bytes]]) -> None:
    """Send each pair's second request once its first one is answered."""
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        opened = connection(server)
        selector.register(opened, selectors.EVENT_READ, [b"", iter(())])
        begin(opened, selector.get_key(opened).data, exchanges)
    while selector.get_map():
        for key, _ in selector.select():
            state = key.data
            state[0] += key.fileobj.recv(65536)
            if not state[0].endswith(b"}"):
                continue
            assert state[0].startswith(b"HTTP/1.1 200"), state[0]
            if not begin(key.fileobj, state, exchanges):
                selector.unregister(key.fileobj)
                key.fileobj.close()
    selector.close()


def begin(opened: socket.socket, state: list, exchanges: Iterator[tuple[bytes, bytes]]) -> bool:
    """Send the next request of the connection's pair, or the first one of the next pair."""
    state[0] = b""
    message = next(state[1], None)
    if message is None:
        state[1] = iter(next(exchanges, ()))
        message = next(state[1], None)
    if message is not None:
        opened.sendall(message)
    return message is not None


def wait_latency(server: LocalServerProcess) -> str:
    """From a fire to the answer of the listing that waits for it."""
    cue = server.cue("waited for", payload={"task": "waited"})
    took = []
    held, firing = connection(server), connection(server)
    for _ in range(200):
        held.sendall(request(server, "GET", "/v1/executions/claimable?task=waited&wait=20"))
        server.call("GET", "/health")  # a round trip later the listing waits
        began = time.monotonic()
        firing.sendall(request(server, "POST", f"/v1/cues/{cue}/fire"))
        rows = json.loads(answer(held))["executions"]
        took.append((time.monotonic() - began) * 1000)
        answer(firing)
        server.claim(rows[0]["execution_id"])
    held.close()
    firing.close()
    return (
        f"a wait ends {statistics.median(took):.1f} ms after the fire (worst of 200: {max(took):.1f}; aim 5)"
    )


def answer(opened: socket.socket) -> bytes:
    """The body of the next answer."""
    received = b""
    while True:
        received += opened.recv(65536)
        head, found, body = received.partition(b"\r\n\r\n")
        if found and len(body) == int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
            return body


def waiting_connections(server: LocalServerProcess) -> str:
    """Memory and CPU of a thousand listings that wait."""
    process = psutil.Process(server.pid)
    memory = process.memory_info().rss
    message = request(server, "GET", "/v1/executions/claimable?task=never&wait=30")
    with ThreadPoolExecutor(8) as pool:
        waiters = list(pool.map(lambda _: connection(server), range(WAITERS)))
    for waiter in waiters:
        waiter.sendall(message)
    server.call("GET", "/health")  # answered after all of them have been looked at
    cpu = cpu_of(process)
    time.sleep(QUIET)
    load = (cpu_of(process) - cpu) / QUIET
    grown = (process.memory_info().rss - memory) / 1e6
    for waiter in waiters:
        waiter.close()
    return f"{WAITERS} waiting connections: {grown:.1f} MB (aim 20), {load:.2%} of a core (aim 1 %)"


def listings_beside_a_million_rows(state_dir: Path) -> str:
    """Listings while a million executions have ended."""
    server = LocalServerProcess(state_dir, retention="inf").start()
    cue = server.cue(payload={"task": "noop"})
    (model,) = fired_with(server, cue, 1)
    server.claim(model)
    server.ok("POST", f"/v1/executions/{model}/outcome", {"success": True})
    server.stop()
    multiply(state_dir / "cueworker.db", ROWS)
    with server:
        fired_with(server, cue, 5)
        paths = {
            "claimable": "/v1/executions/claimable",
            "newest": "/v1/executions",
            "failed": "/v1/executions?status=failed",
            "of a cue": f"/v1/executions?cue_id={cue}&status__in=success,failed",
            "held by a worker": "/v1/executions?worker_id=w&status=delivering",
            "usage": "/v1/usage",
        }
        opened = connection(server)
        figures = {}
        for name, path in paths.items():
            took = []
            for _ in range(20):
                began = time.monotonic()
                opened.sendall(request(server, "GET", path))
                answer(opened)
                took.append((time.monotonic() - began) * 1000)
            figures[name] = statistics.median(took)
        opened.close()
        total = server.ok("GET", "/v1/executions?limit=1")["total"]
    told = ", ".join(f"{name} {ms:.1f}" for name, ms in figures.items())
    return f"beside {total} executions, ms a listing (aim 5): {told}"


def fired_with(server: LocalServerProcess, cue: str, count: int) -> list[str]:
    """That many executions of the cue."""
    return [server.fire(cue) for _ in range(count)]


def multiply(database: Path, rows: int) -> None:
    """Copy the database's only execution, one second apart each; every seventh failed."""
    db = sqlite3.connect(database)
    names = [row[1] for row in db.execute("PRAGMA table_info(executions)") if row[1] != "seq"]
    changed = {
        "id": "printf('00000000-0000-4000-8000-%012d', n)",
        "created_at": f"e.created_at - {rows} + n",
    }
    # They come in as live rows and end by an update, so that the database's triggers count them.
    values = ", ".join(
        "'delivering'" if name == "status" else changed.get(name, f"e.{name}") for name in names
    )
    db.execute(
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows - 1})"
        f" INSERT INTO executions ({', '.join(names)}) SELECT {values}"
        " FROM numbers CROSS JOIN (SELECT * FROM executions LIMIT 1) AS e"
    )
    db.execute(
        "UPDATE executions SET status = CASE WHEN seq % 7 THEN 'success' ELSE 'failed' END"
        " WHERE status = 'delivering'"
    )
    db.commit()
    db.close()


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of the process."""
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
