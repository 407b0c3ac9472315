"""`cueworker dashboard`: the way into the embedded server's pages."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path

import click

from .own_server import EXIT_FAILED, server, where


@click.command()
@click.option("--open", "open_it", is_flag=True, help="Open it in your browser, too.")
@where
def dashboard(open_it: bool, config: Path | None, state_dir: Path | None) -> None:
    """Print a link to the dashboard of the embedded server that runs on this machine.

    The link signs in one browser, once, within a minute; run this again for another one.

    \b
    The embedded server is started by
      cueworker-supervise --local          beside a pool
      cueworker serve --state-dir DIR      by itself
    """
    with server("dashboard", config, state_dir) as api:
        link = api.base_url + api.dashboard.link()
    click.echo(link)
    click.echo("It signs in one browser, once, within a minute.", err=True)
    if open_it and not (_has_screen(os.environ) and webbrowser.open(link)):
        click.echo("cueworker dashboard: no browser could be started here; open the link yourself", err=True)
        sys.exit(EXIT_FAILED)


def _has_screen(environ: Mapping[str, str]) -> bool:
    """Whether a browser would have a window: without one, text browsers take over the terminal."""
    return not sys.platform.startswith("linux") or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
