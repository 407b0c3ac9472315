"""`cueworker scale`: more or fewer workers."""

from __future__ import annotations

from pathlib import Path

import click

from ..pool.board import MAX_WORKERS
from .pool_command import PoolCommand, pool_of, which_pool


@click.command(cls=PoolCommand)
@click.argument("workers", type=click.IntRange(1, MAX_WORKERS))
@which_pool
def scale(workers: int, config: Path | None, state_dir: Path | None) -> None:
    """Set the number of WORKERS of a running pool. Those that are too many leave when they are free.

    It holds until the next reload or restart, which go back to the configuration's number. SIGTTIN and SIGTTOU to the
    supervisor are one more and one less.

    \b
      cueworker scale 12
    """
    answer = pool_of(config, state_dir).ask("scale", workers=workers)
    click.echo(
        f"{answer['workers']} workers, {answer['before']} before; "
        "not written to the configuration: a reload or a restart goes back to its number"
    )
