"""`cueworker cancel`: end a running execution."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from .pool_client import PoolClient
from .pool_command import PoolCommand, pool_of, which_pool

_POLL = 0.1
_TAIL = 1 << 18
"""Bytes at the end of the history in which an execution that has just ended is looked for."""


@click.command(cls=PoolCommand)
@click.argument("execution")
@which_pool
@click.option("--no-wait", is_flag=True, help="Do not wait until it has ended.")
def cancel(execution: str, config: Path | None, state_dir: Path | None, no_wait: bool) -> None:
    """End the running EXECUTION: TERM, `kill_grace`, KILL, for everything that its handler started.

    It is reported as a failure, "cancelled by operator", with whatever its outcome file proves. The beginning of the
    id is enough if no other running one begins so. What has ended already stays as it ended.

    \b
      cueworker cancel 7f3a
      cueworker cancel 7f3a --no-wait
    """
    pool = pool_of(config, state_dir)
    asked = pool.ask("cancel", execution=execution)
    click.echo(f"cancelling {asked['execution']} ({asked['task']}) in slot {asked['slot']}")
    if no_wait:
        return
    while _is_running(pool, asked["execution"]):
        time.sleep(_POLL)
    ended = _ending(pool.state_dir.history, asked["execution"])
    if ended is None:
        click.echo("it has ended; its report waits in the spool")
    elif ended.get("ending") == "cancelled":
        click.echo("cancelled")
    else:
        click.echo(f"it had ended before that: {ended.get('ending')}", err=True)
        sys.exit(1)


def _is_running(pool: PoolClient, execution_id: str) -> bool:
    running = (slot["execution"] for slot in pool.ask("status")["slots"])
    return any(execution is not None and execution["id"] == execution_id for execution in running)


def _ending(history: Path, execution_id: str) -> dict[str, Any] | None:
    try:
        with history.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines):
        if execution_id.encode() in line:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and found.get("execution_id") == execution_id:
                return found
    return None
