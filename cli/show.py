"""`cueworker show`: everything that is known of one execution, here and on the server."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from ..client import CueAPIError, NotFound
from ..pool.history import newest_first
from ..pool.slot_record import SlotRecords
from ..pool.state_dir import StateDir
from ..supervisor.config import ConfigError
from . import known, show_text
from .completing import execution_ids
from .connection import connect
from .spool_rows import entry_facts
from .usage import UsageCommand, WrongCommandLine
from .where import pool_options, state_dir_of

EXIT_NOT_FOUND = 4
EXIT_UNREADABLE = 73
EXIT_CONFIG = 78

_SHORTLY = (1.0, 2.0)
"""Seconds to connect and to wait for the server: what is known here is worth showing without it."""


@click.command(cls=UsageCommand)
@click.argument("execution", shell_complete=execution_ids)
@click.option("--offline", is_flag=True, help="Do not ask the server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@pool_options
def show(execution: str, offline: bool, as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """Show everything known of EXECUTION: an id, or enough of its beginning to tell it from others.

    Where it runs, whether its report waits, what history says, where its output was logged, and how the server sees it,
    if that answers within 3 s. Works while the pool is stopped.

    \b
      cueworker show 7f3a9c21
      cueworker show 7f3a9c21 --offline --json | jq '.history[-1].error'

    Exit codes: 0 it is known; 4 it is not; 64 the beginning of several ids; 78 the configuration is wrong.
    """
    try:
        found_in = state_dir_of(config, state_dir)
        execution_id = _identified(execution, found_in)
        found = _here(found_in, execution_id)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    except OSError as error:
        click.echo(f"cueworker show: {error}; run it as the pool's user", err=True)
        sys.exit(EXIT_UNREADABLE)
    if not offline:
        found["server"] = _on_the_server(execution_id, config, state_dir)
    if not _is_known(found):
        click.echo(
            f"cueworker show: no execution {execution!r} is known in {found_in.root}"
            + ("" if offline else f"; the server: {found['server'].get('unknown')}"),
            err=True,
        )
        sys.exit(EXIT_NOT_FOUND)
    click.echo(json.dumps(found, indent=2) if as_json else show_text.as_text(found, time.time()))


def _identified(prefix: str, found_in: StateDir) -> str:
    try:
        return known.pick(prefix, known.all_known(found_in))
    except known.NotOne as error:
        if error.ambiguous:
            raise WrongCommandLine(str(error)) from error
    # The server may know it.
    return prefix


def _here(found_in: StateDir, execution_id: str) -> dict[str, Any]:
    record = next((r for r in SlotRecords(found_in).readable() if r.execution_id == execution_id), None)
    log = known.log_of(found_in, execution_id)
    lines = [line for line in newest_first(found_in.history) if line["execution_id"] == execution_id]
    return {
        "execution_id": execution_id,
        "slot": None if record is None else {**vars(record), "worker_lives": record.worker_lives},
        "spool": entry_facts(found_in, execution_id),
        "history": lines[::-1],
        "log": None if log is None else str(log),
    }


def _on_the_server(execution_id: str, config: Path | None, state_dir: Path | None) -> dict[str, Any]:
    """The server's answer, or why there is none under `unknown`."""
    try:
        with contextlib.closing(connect(config, state_dir, timeout=_SHORTLY)) as api:
            return api.executions.get(execution_id)
    except NotFound:
        return {"unknown": "it does not know it"}
    except ConfigError as error:
        return {"unknown": f"not asked: {error.problems[0].message.partition(':')[0]}"}
    except (CueAPIError, ValueError) as error:
        return {"unknown": f"no answer: {error}"}


def _is_known(found: dict[str, Any]) -> bool:
    server = found.get("server", {"unknown": ""})
    here = found["slot"] or found["spool"] or found["history"] or found["log"]
    return bool(here) or "unknown" not in server
