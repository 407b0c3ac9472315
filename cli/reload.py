"""`cueworker reload`: read the configuration again."""

from __future__ import annotations

from pathlib import Path

import click

from .pool_command import PoolCommand, pool_of, which_pool


@click.command(cls=PoolCommand)
@which_pool
def reload(config: Path | None, state_dir: Path | None) -> None:
    """Let a running pool read its configuration again; what runs is not touched. The same as SIGHUP.

    A configuration with an error changes nothing: the errors are shown here. `cueworker check` shows them beforehand.

    \b
      cueworker check && cueworker reload
    """
    pool_of(config, state_dir).ask("reload")
    click.echo("reloaded; it holds for every execution from now on")
