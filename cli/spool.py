"""`cueworker spool`: the reports that the server does not have yet, and a person's say in what becomes of them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ..pool import history
from ..pool.history_line import history_line
from ..pool.spool import Spool
from ..pool.spool_notes import SpoolNotes
from ..pool.state_dir import StateDir
from ..supervisor.config import ConfigError
from . import known
from .completing import spooled_ids
from .spool_rows import all_entries, entry_facts, rows
from .usage import UsageCommand, WrongCommandLine
from .where import pool_options, state_dir_of

EXIT_FAILED = 1
EXIT_NO_POOL = 3
EXIT_NOT_FOUND = 4
EXIT_UNREADABLE = 73
EXIT_CONFIG = 78

_LOOK_EVERY = 0.1


@click.group()
def spool() -> None:
    """Look at and settle the reports that the server does not have yet.

    A pool sends them again by itself until the server has them; an entry here is no reason to act unless its last
    refusal says so.

    \b
      cueworker spool list
      cueworker spool retry 7f3a9c21
      cueworker spool drop 7f3a9c21

    Exit codes: 0 done; 1 not done; 3 no pool runs; 4 no such entry; 64 the command line is wrong; 78 the
    configuration is wrong.
    """


@spool.command("list", cls=UsageCommand)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, reports included.")
@pool_options
def list_(as_json: bool, config: Path | None, state_dir: Path | None) -> None:
    """List the reports that wait: age, attempts, last refusal, next try.

    \b
      cueworker spool list --json | jq -r .execution_id
    """
    with _found(config, state_dir) as found_in:
        entries = all_entries(found_in)
        pool_runs = found_in.is_in_use()
    if as_json:
        for facts in entries:
            click.echo(json.dumps(facts))
    elif entries:
        click.echo("\n".join(rows(entries, time.time(), pool_runs=pool_runs)))
    else:
        click.echo(f"no report waits in {found_in.spool}", err=True)


@spool.command(cls=UsageCommand)
@click.argument("execution", required=False, shell_complete=spooled_ids)
@click.option("--all", "every", is_flag=True, help="All that wait.")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=45.0,
    show_default=True,
    help="Seconds to wait for the attempt; 0 asks for it and leaves.",
)
@pool_options
def retry(
    execution: str | None, every: bool, timeout: float, config: Path | None, state_dir: Path | None
) -> None:
    """Ask the running pool to send EXECUTION's report now, and say what came of it.

    EXECUTION is an id or the beginning of one. The pool sends reports by itself; this only spares its pause.

    \b
      cueworker spool retry 7f3a9c21
      cueworker spool retry --all
    """
    if every == (execution is not None):
        raise WrongCommandLine("give an EXECUTION, or --all")
    with _found(config, state_dir) as found_in:
        ids = list(known.waiting(found_in)) if execution is None else [_picked(execution, found_in)]
        if not found_in.is_in_use():
            click.echo(f"no pool runs on {found_in.root}: one sends its spool when it starts", err=True)
            sys.exit(EXIT_NO_POOL)
        notes = SpoolNotes(found_in)
        before = {execution_id: notes.tried(execution_id) for execution_id in ids}
        for execution_id in ids:
            notes.ask(execution_id)
        if not timeout:
            return
        give_up = time.monotonic() + timeout
        settled = [_settled(found_in, each, before[each], give_up) for each in ids]
    sys.exit(0 if all(settled) else EXIT_FAILED)


@spool.command(cls=UsageCommand)
@click.argument("execution", shell_complete=spooled_ids)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pool_options
def drop(execution: str, yes: bool, config: Path | None, state_dir: Path | None) -> None:
    """Give up EXECUTION's report: it is moved to dropped/ in the spool, and never sent.

    The server then never learns how the execution ended: it takes it back in time, and may hand it out again. Moved
    back, it is sent after all.

    \b
      cueworker spool drop 7f3a9c21 --yes
    """
    with _found(config, state_dir) as found_in:
        execution_id = _picked(execution, found_in)
        facts = entry_facts(found_in, execution_id)
        if facts is not None and facts.get("held_by_worker"):
            click.echo(f"the worker of {execution_id} is sending it just now; try again later", err=True)
            sys.exit(EXIT_FAILED)
        if not yes:
            click.confirm(_question(execution_id, facts), abort=True, err=True)
        _drop(found_in, execution_id)


def _drop(found_in: StateDir, execution_id: str) -> None:
    path = found_in.spool_entry(execution_id)
    try:
        entry = Spool.read(path)
    except ValueError:
        entry = None
    try:
        kept = Spool(found_in).set_aside(execution_id)
    except FileNotFoundError:
        click.echo(f"{execution_id} has just been settled; nothing is dropped", err=True)
        sys.exit(EXIT_NOT_FOUND)
    SpoolNotes(found_in).forget(execution_id)
    if entry is not None:
        history.record(found_in.history, **history_line(entry, "dropped", time.time() - entry.created))
    click.echo(f"dropped; kept as {kept}")


def _question(execution_id: str, facts: dict[str, Any] | None) -> str:
    what = (
        "its report"
        if not facts or facts["unreadable"]
        else f"the report of {facts['task']} ({facts['ending']})"
    )
    return f"Drop {what} for {execution_id}? The server will not learn of it, and may hand the execution out again."


def _settled(found_in: StateDir, execution_id: str, before: object, give_up: float) -> bool:
    """Wait for the attempt, and say what came of it."""
    notes = SpoolNotes(found_in)
    while found_in.spool_entry(execution_id).exists():
        tried = notes.tried(execution_id)
        if not notes.is_asked(execution_id) and tried is not None and tried != before:
            click.echo(f"{execution_id}: refused: {tried.reason}")
            return False
        if time.monotonic() >= give_up:
            click.echo(f"{execution_id}: not tried yet; the pool is busy, or waits for the server")
            return False
        time.sleep(_LOOK_EVERY)
    line = next(
        (each for each in history.newest_first(found_in.history) if each["execution_id"] == execution_id), {}
    )
    click.echo(f"{execution_id}: {line.get('fate', 'settled')}")
    return True


def _picked(prefix: str, found_in: StateDir) -> str:
    try:
        return known.pick(prefix, known.waiting(found_in))
    except known.NotOne as error:
        if error.ambiguous:
            raise WrongCommandLine(str(error)) from error
        click.echo(
            f"no report of {prefix!r} waits in {found_in.spool}; cueworker spool list shows all", err=True
        )
        sys.exit(EXIT_NOT_FOUND)


@contextmanager
def _found(config: Path | None, state_dir: Path | None) -> Iterator[StateDir]:
    """The pool's state directory; what goes wrong with it is told and ends the command."""
    try:
        yield state_dir_of(config, state_dir)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    except OSError as error:
        click.echo(f"cueworker spool: {error}; run it as the pool's user", err=True)
        sys.exit(EXIT_UNREADABLE)
