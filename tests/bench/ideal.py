"""The ideal loop: claim, spawn `sh -c true`, report, and nothing else: what a pool's safety is measured against.

usage: ideal.py CLIENT URL KEY. Reads execution ids from standard input, one a line, and ends with them. CLIENT is
`requests` for a session as anybody would write it, or `ours` for this project's leaner client.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import requests
from cueworker.client import CueAPI

Call = Callable[[str], None]


def plain(url: str, key: str) -> tuple[Call, Call]:
    """Claim and report on a plain session."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"

    def post(path: str, body: dict[str, object]) -> None:
        answer = session.post(f"{url}/v1/executions/{path}", json=body, timeout=30)
        answer.raise_for_status()
        answer.json()

    return (
        lambda execution_id: post(f"{execution_id}/claim", {"worker_id": "ideal"}),
        lambda execution_id: post(f"{execution_id}/outcome", {"success": True, "result": "completed"}),
    )


def ours(url: str, key: str) -> tuple[Call, Call]:
    """Claim and report with the pool's own client, without its request budget."""
    executions = CueAPI(key, base_url=url).executions

    def claim(execution_id: str) -> None:
        executions.claim(execution_id, worker_id="ideal")

    def report(execution_id: str) -> None:
        executions.report_outcome(execution_id, success=True, result="completed")

    return claim, report


def main() -> None:
    """Work off the ids on standard input."""
    client, url, key = sys.argv[1:]
    claim, report = {"requests": plain, "ours": ours}[client](url, key)
    ids = [line.strip() for line in sys.stdin]
    print("ready", flush=True)
    for execution_id in ids:
        claim(execution_id)
        subprocess.run(["/bin/sh", "-c", "true"], stdin=subprocess.DEVNULL, check=True)
        report(execution_id)


main()
