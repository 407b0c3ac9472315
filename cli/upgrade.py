"""`cueworker upgrade`: let a running pool go on with the program that is installed now."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from .pool_client import PoolUnreachable
from .pool_command import EXIT_REFUSED, PoolCommand, pool_of, which_pool

_POLL = 0.1


@click.command(cls=PoolCommand)
@which_pool
def upgrade(config: Path | None, state_dir: Path | None) -> None:
    """Let a running pool go on with the version that is installed now; no handler is touched. The same as SIGUSR2.

    Install the new version first, then call this. It is tried beforehand: if it cannot start, or does not like the
    configuration, the old one goes on. Workers that run something end that, and are replaced one by one. The
    supervisor keeps its process id.

    \b
      pip install --upgrade cueworker && cueworker upgrade
      cueworker upgrade --state-dir /var/lib/cueworker
    """
    pool = pool_of(config, state_dir)
    before = pool.ask("status")
    pool.ask("upgrade")
    while True:
        time.sleep(_POLL)
        try:
            now = pool.ask("status")
        except PoolUnreachable:
            continue  # between the two programs
        if now["uptime"] < before["uptime"]:
            break
        if not now["upgrading"]:
            click.echo("not upgraded: the pool's log says why; the old program goes on", err=True)
            sys.exit(EXIT_REFUSED)
        before = now
    click.echo(f"upgraded from {before['version']} to {now['version']}; {_of_before(now)}")


def _of_before(status: dict[str, Any]) -> str:
    left = sum(slot["leaving"] for slot in status["slots"])
    return f"{left} worker(s) of the old version end what they run" if left else "every worker is new"
