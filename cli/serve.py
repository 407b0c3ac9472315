"""`cueworker serve`: the embedded server by itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .duration import Duration


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; one that other machines reach needs --api-key.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 picks a free one."
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Database, api_key and server.json.",
)
@click.option("--api-key", help="A key to accept besides the one in the state directory.")
@click.option("--rate-limit", type=click.IntRange(1), help="Requests per minute and key [no limit].")
@click.option(
    "--retention",
    type=Duration(),
    default="30d",
    show_default=True,
    help="How long an execution is kept once it has ended; inf keeps all.",
)
@click.option(
    "--quirks",
    type=click.Choice(["core"]),
    help="Behave as the open-source core where it differs from the hosted service.",
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
def serve(
    host: str,
    port: int,
    state_dir: Path,
    api_key: str | None,
    rate_limit: int | None,
    retention: float,
    quirks: str | None,
    log_level: str,
) -> None:
    """Run a CueAPI server on SQLite, for this machine: no account, no network.

    Its URL is in DIR/server.json, its key in DIR/api_key; a pool talks to it with `api_base:` and `api_key:`.
    `cueworker-supervise --local` runs one beside its pool.

    \b
      cueworker serve --state-dir ./cueapi
      cueworker serve --state-dir ./cueapi --port 0 --rate-limit 60
    """
    from ..local.options import Rules
    from ..local.run import serve as run

    sys.exit(
        run(
            host=host,
            port=port,
            state_dir=state_dir,
            api_key=api_key,
            rules=Rules(rate_limit=rate_limit, retention=retention, quirks=quirks),
            log_level=log_level,
        )
    )
