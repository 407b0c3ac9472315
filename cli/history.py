"""`cueworker history`: what became of executions, from the pool's own record; it need not run."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from ..pool.history import newest_first
from ..supervisor.config import ConfigError
from .completing import task_names
from .history_query import Query, newest, parse_since, rows
from .usage import UsageCommand, WrongCommandLine
from .where import pool_options, state_dir_of

EXIT_NOT_FOUND = 4
EXIT_UNREADABLE = 73
EXIT_CONFIG = 78


@click.command(cls=UsageCommand)
@click.option("--task", help="Only executions of this task.", shell_complete=task_names)
@click.option(
    "--since", metavar="AGO|TIME", help="Only later ones: 90m, 2h, 7d, or 2026-05-01T06:00 (local)."
)
@click.option("--failed", is_flag=True, help="Only those that were no success.")
@click.option(
    "--limit", type=click.IntRange(0), default=50, show_default=True, help="The newest so many; 0: all."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with all that is known.")
@pool_options
def history(
    task: str | None,
    since: str | None,
    failed: bool,
    limit: int,
    as_json: bool,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Show what became of executions, the newest last.

    Read from history.jsonl in the pool's state directory and the file that was set aside before it (10 MB each); the
    pool need not run. `cueworker show EXECUTION` tells more of one.

    \b
      cueworker history --failed --since 12h
      cueworker history --task backup --limit 5
      cueworker history --limit 0 --json | jq 'select(.queued > 60)'

    Exit codes: 0 also when nothing matches; 4 no pool has used that state directory; 64 the command line is wrong;
    78 the configuration is wrong.
    """
    try:
        after = None if since is None else parse_since(since, time.time())
    except ValueError as error:
        raise WrongCommandLine(f"--since: {error}") from error
    try:
        found_in = state_dir_of(config, state_dir)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    if not found_in.root.is_dir():
        click.echo(
            f"cueworker history: there is no state directory {found_in.root}: no pool has run there; name the pool's "
            "with --config or --state-dir",
            err=True,
        )
        sys.exit(EXIT_NOT_FOUND)
    try:
        found = newest(newest_first(found_in.history), Query(task=task, since=after, failed=failed), limit)
    except OSError as error:
        click.echo(f"cueworker history: {error}; run it as the pool's user", err=True)
        sys.exit(EXIT_UNREADABLE)
    if as_json:
        for line in found:
            click.echo(json.dumps(line))
    elif found:
        click.echo("\n".join(rows(found)))
    else:
        click.echo(f"nothing in {found_in.history} matches", err=True)
