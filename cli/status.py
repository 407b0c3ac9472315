"""`cueworker status`: what a running pool is doing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .pool_command import PoolCommand, pool_of, which_pool
from .refresh import Screen, again_and_again
from .status_text import text


@click.command(cls=PoolCommand)
@which_pool
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, or with --watch one a line.")
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
def status(config: Path | None, state_dir: Path | None, as_json: bool, watch: bool, interval: float) -> None:
    """Show what a running pool is doing: its slots, what they run, for how long, and what waits.

    \b
      cueworker status                     once, in words
      cueworker status --json | jq .       all of it, for programs
      cueworker status --watch             until Ctrl-C
    """
    pool = pool_of(config, state_dir)
    screen = Screen()

    def show() -> None:
        found = pool.ask("status")
        if as_json:
            click.echo(json.dumps(found))
        elif watch:
            screen.show(text(found))
        else:
            click.echo(text(found))

    again_and_again(show, interval, None if watch else 1)
