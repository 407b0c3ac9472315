"""The ideal loop: claim, spawn `sh -c true`, report, and nothing else. What a pool's safety is measured against.

usage: ideal.py URL KEY: reads execution ids from standard input, one a line, and ends with them.
"""

from __future__ import annotations

import subprocess
import sys

from cueworker.client import CueAPI


def main() -> None:
    """Work off the ids on standard input."""
    url, key = sys.argv[1:]
    with CueAPI(key, base_url=url) as api:
        ids = [line.strip() for line in sys.stdin]
        print("ready", flush=True)
        sys.stdin = None
        for execution_id in ids:
            api.executions.claim(execution_id, worker_id="ideal")
            subprocess.run(["/bin/sh", "-c", "true"], check=True)
            api.executions.report_outcome(execution_id, success=True, result="completed")


main()
