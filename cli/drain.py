"""`cueworker drain`: stop a pool, gently."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .pool_client import NoPool, PoolUnreachable
from .pool_command import PoolCommand, pool_of, which_pool

_POLL = 0.1


@click.command(cls=PoolCommand)
@which_pool
@click.option("--wait", is_flag=True, help="Wait until the pool has stopped.")
def drain(config: Path | None, state_dir: Path | None, wait: bool) -> None:
    """Stop a running pool: handlers may finish within `shutdown_grace`, then TERM, then KILL; all are reported.

    The same as SIGTERM to the supervisor. A service manager may start the pool again: use its own `stop` then.

    \b
      cueworker drain --wait
    """
    pool = pool_of(config, state_dir)
    answer = pool.ask("drain")
    running = f"{answer['running']} execution(s) run"
    click.echo(f"draining; {running}" if answer["changed"] else f"it was stopping already; {running}")
    while wait:
        try:
            pool.ask("status")
        except NoPool:
            return
        except PoolUnreachable:
            pass  # between its last answer and its end
        time.sleep(_POLL)
