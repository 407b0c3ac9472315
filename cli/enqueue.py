"""`cueworker enqueue`: run a task once, now."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from ..client import Conflict, CueAPI, CueAPIError
from ..supervisor.config import ConfigError
from . import payload as payloads
from .connection import connect

EXIT_FAILED = 1
EXIT_CONFIG = 78
EXIT_UNREACHABLE = 69
"""EX_UNAVAILABLE: the server could not be asked."""

NEVER = "2099-01-01T00:00:00Z"
"""When the schedule of a task's cue fires: it is there to be fired by hand."""

_FINAL = {"success", "failed", "missed", "outcome_timeout"}
_POLL_FIRST, _POLL_LAST = 0.1, 2.0
_PAGE = 100


@click.command()
@click.argument("task")
@click.option("--payload", metavar=payloads.METAVAR, help=payloads.HELP)
@click.option(
    "--wait", is_flag=True, help="Wait for the outcome and show it; exit code 1 unless it is a success."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0), help="Seconds to --wait at most [as long as it takes]."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--config", type=click.Path(path_type=Path), help="The pool's YAML file.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), help="The state directory of a pool with --local."
)
def enqueue(
    task: str,
    payload: str | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Run TASK once, now, on whichever pool has a handler for it.

    Makes the worker cue of the task if there is none, fires it with the payload, and prints the execution's id. The
    server is that of the configuration, or the pool's own while one with --local runs.

    \b
      cueworker enqueue greet --payload '{"name": "Ada"}' --wait
      cueworker show "$(cueworker enqueue backup --payload @target.json)"

    Exit codes: 0 done; with --wait 1 unless it is a success; 2 the command line is wrong; 69 the server cannot be
    asked, or refuses; 78 the configuration is wrong.
    """
    try:
        override = {**payloads.read_payload(payload), "task": task}
        with connect(config, state_dir) as api:
            execution = api.cues.fire(_cue_of(api, task), payload_override=override, merge_strategy="replace")
            execution_id = str(execution["id"])
            if not wait:
                click.echo(json.dumps(execution) if as_json else execution_id)
                return
            click.echo(f"execution {execution_id}", err=True)
            found = _wait(api, execution_id, timeout)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    except CueAPIError as error:
        click.echo(f"cueworker enqueue: {error}", err=True)
        sys.exit(EXIT_UNREACHABLE)
    click.echo(json.dumps(found) if as_json else _in_words(found))
    sys.exit(0 if found["status"] == "success" else EXIT_FAILED)


def _cue_of(api: CueAPI, task: str) -> str:
    """The id of the task's own cue, made if there is none."""
    name = f"cueworker: {task}"[:255]
    found = _find(api, name)
    if found is not None:
        return found
    try:
        return str(api.cues.create(name, at=NEVER, payload={"task": task})["id"])
    except Conflict:
        # Somebody was faster.
        found = _find(api, name)
        if found is None:
            raise
        return found


def _find(api: CueAPI, name: str) -> str | None:
    offset = 0
    while True:
        page = api.cues.list(limit=_PAGE, offset=offset)
        for cue in page["cues"]:
            if cue["name"] == name:
                return str(cue["id"])
        offset += len(page["cues"])
        if not page["cues"] or offset >= page["total"]:
            return None


def _wait(api: CueAPI, execution_id: str, timeout: float | None) -> dict[str, Any]:
    """Ask until the execution has ended, telling each change of its status on standard error."""
    give_up = None if timeout is None else time.monotonic() + timeout
    pause, status = _POLL_FIRST, None
    while True:
        try:
            found = api.executions.get(execution_id)
        except CueAPIError as error:
            if error.retry_after is None:
                raise
            time.sleep(error.retry_after)
            continue
        if found["status"] in _FINAL:
            return found
        if found["status"] != status:
            status = found["status"]
            click.echo(f"{status}…", err=True)
        if give_up is not None and time.monotonic() >= give_up:
            click.echo(f"still {status} after {timeout:g} s; it goes on without being watched", err=True)
            return found
        time.sleep(pause)
        pause = min(pause * 1.5, _POLL_LAST)


def _in_words(found: dict[str, Any]) -> str:
    outcome = found.get("outcome") or {}
    lines = [str(found["status"])]
    for name in ("result", "error"):
        if outcome.get(name):
            lines.append(str(outcome[name]).rstrip())
    evidence = found.get("evidence") or {}
    lines += [f"{name}: {value}" for name, value in evidence.items() if value]
    return "\n".join(lines)
