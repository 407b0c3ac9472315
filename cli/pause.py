"""`cueworker pause` and `cueworker resume`: stop claiming, and go on."""

from __future__ import annotations

from pathlib import Path

import click

from .pool_command import PoolCommand, pool_of, which_pool


@click.command(cls=PoolCommand)
@which_pool
def pause(config: Path | None, state_dir: Path | None) -> None:
    """Let a running pool claim nothing more, until `cueworker resume`. What runs goes on and is reported.

    The same as SIGTSTP to the supervisor, and as Ctrl-Z on its terminal. It does not outlive the pool: one that is
    started again claims.

    \b
      cueworker pause
      cueworker pause --state-dir /var/lib/cueworker
    """
    answer = pool_of(config, state_dir).ask("pause")
    goes_on = f"{answer['running']} running execution(s) go on"
    click.echo(f"paused; {goes_on}" if answer["changed"] else f"it was paused already; {goes_on}")


@click.command(cls=PoolCommand)
@which_pool
def resume(config: Path | None, state_dir: Path | None) -> None:
    """Let a paused pool claim work again. The same as SIGCONT to the supervisor.

    \b
      cueworker resume
      cueworker resume --state-dir /var/lib/cueworker
    """
    answer = pool_of(config, state_dir).ask("resume")
    click.echo("resumed" if answer["changed"] else "it was not paused")
