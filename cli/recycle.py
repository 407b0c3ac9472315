"""`cueworker recycle`: fresh worker processes."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .pool_command import PoolCommand, pool_of, which_pool

_POLL = 0.1


@click.command(cls=PoolCommand)
@click.argument("slot", type=click.IntRange(min=0), required=False)
@click.option("--all", "every", is_flag=True, help="Every slot, one after the other.")
@which_pool
@click.option("--no-wait", is_flag=True, help="Do not wait until it is done.")
def recycle(
    slot: int | None, every: bool, config: Path | None, state_dir: Path | None, no_wait: bool
) -> None:
    """Replace the worker process of a SLOT by a fresh one, or with --all that of each, one at a time.

    A worker leaves when it is free: no handler is harmed, and a slot whose handler runs for hours takes that long.
    Settings like `max_executions`, `max_memory` and `max_age` do it by themselves.

    \b
      cueworker recycle 3
      cueworker recycle --all
    """
    if every == (slot is not None):
        raise click.UsageError("name a SLOT, or say --all")
    pool = pool_of(config, state_dir)
    slots = pool.ask("recycle", slot=slot)["slots"]
    click.echo(f"recycling slot {', '.join(map(str, slots))}")
    if no_wait:
        return
    left = set(slots)
    while left:
        time.sleep(_POLL)
        status = pool.ask("status")
        done = left.difference(status["recycling"])
        for cell in sorted(done):
            pids = [found["pid"] for found in status["slots"] if found["slot"] == cell]
            click.echo(f"slot {cell}: " + (f"pid {pids[0]}" if pids else "closed meanwhile"))
        left -= done
