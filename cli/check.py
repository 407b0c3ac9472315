"""`cueworker check`: what a configuration would run, and everything that is wrong with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ..supervisor.config import ConfigError, Overrides, describe, find_config, load_config
from ..supervisor.local_child import PENDING_BASE, PENDING_KEY

EXIT_CONFIG = 78


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), help="The YAML file [looked for as by cueworker-supervise]."
)
@click.option("--workers", type=click.IntRange(1), help="As for cueworker-supervise.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="As for cueworker-supervise.")
@click.option("--worker-id", help="As for cueworker-supervise.")
@click.option("--local", is_flag=True, help="For a pool with --local: no API key is needed.")
def check(
    config: Path | None, workers: int | None, state_dir: Path | None, worker_id: str | None, local: bool
) -> None:
    """Validate the configuration and show what would run.

    Every error is shown, with file:line:column and what to do. `cueworker run` tries one handler, `cueworker doctor`
    looks at the machine and the server as well.

    \b
      cueworker check
      cueworker check --config /etc/cueworker/cueworker.yaml --workers 16

    Exit codes: 0 all is well; 78 an error, or a handler whose command is refused (the others would run).
    """
    overrides = Overrides(
        workers=workers,
        state_dir=state_dir,
        worker_id=worker_id,
        api_key=PENDING_KEY if local else None,
        api_base=PENDING_BASE if local else None,
    )
    try:
        loaded = load_config(find_config(config, os.environ, Path.cwd()), overrides)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    click.echo(describe(loaded, local=local))
    if loaded.refused:
        sys.exit(EXIT_CONFIG)
