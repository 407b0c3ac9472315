"""`cueworker dashboard`: the way into the local server's pages."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

import click

from ..supervisor.config import ConfigError
from .connection import local_server

EXIT_UNREACHABLE = 69
"""EX_UNAVAILABLE: there is no server that could be asked."""
EXIT_CONFIG = 78
_PATIENCE = 10
"""Seconds."""


@click.command()
@click.option("--open", "open_it", is_flag=True, help="Open it in your browser as well.")
@click.option("--config", type=click.Path(path_type=Path), help="The pool's YAML file.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    help="The state directory of a pool with --local, or of `cueworker serve`.",
)
def dashboard(open_it: bool, config: Path | None, state_dir: Path | None) -> None:
    """Print a link to the dashboard of the local server that runs on this machine.

    The link signs one browser in, once, within a minute; run this again for another one.

    \b
    A local server is started by
      cueworker-supervise --local          beside a pool
      cueworker serve --state-dir DIR      by itself
    """
    import requests

    try:
        server = local_server(config, state_dir)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    if server is None:
        where = f" with the state directory {state_dir}" if state_dir is not None else ""
        _fail(
            f"no local server runs{where}. Start one with `cueworker-supervise --local`, or with"
            " `cueworker serve --state-dir DIR` and give this command the same --state-dir"
        )
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy between us and our own machine
            answer = session.post(
                f"{server.url}/dashboard/link",
                headers={"Authorization": f"Bearer {server.api_key}"},
                timeout=_PATIENCE,
            )
            answer.raise_for_status()
            address = server.url + answer.json()["path"]
    except (requests.RequestException, ValueError, KeyError) as error:
        _fail(f"the local server at {server.url} did not answer: {error}")
    click.echo(address)
    click.echo("It signs one browser in, once, within a minute.", err=True)
    if open_it and not _opened(address):
        _fail("no browser could be started here; open the link yourself")


def _opened(address: str) -> bool:
    # Text browsers would take over the terminal; graphical ones need a display.
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        if not os.environ.get("BROWSER"):
            return False
    return webbrowser.open(address)


def _fail(message: str) -> None:
    click.echo(f"cueworker dashboard: {message}", err=True)
    sys.exit(EXIT_UNREACHABLE)
