"""`cueworker top`: a running pool, live."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output_tail import last_lines
from .pool_client import PoolClient
from .pool_command import PoolCommand, pool_of, which_pool
from .process_usage import below
from .refresh import refreshed
from .top_frame import Line, frame

if TYPE_CHECKING:
    from rich.console import Group


@click.command(cls=PoolCommand)
@which_pool
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--frames", type=click.IntRange(min=1), help="Show that many and end [until Ctrl-C].")
@click.option(
    "--lines",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Lines of each handler's output, where it is logged.",
)
@click.option("--plain", is_flag=True, help="Text alone, even if `rich` is installed.")
def top(
    config: Path | None,
    state_dir: Path | None,
    interval: float,
    frames: int | None,
    lines: int,
    plain: bool,
) -> None:
    """Watch a running pool: what each slot runs, for how long of how much, its lease, CPU, memory and output.

    CPU and MEM are those of the handler and everything that it started; 100% is one core. It is in colour if the
    extra `ui` is installed (pip install 'cueworker[ui]').

    \b
    cueworker top                        until Ctrl-C
    cueworker top --frames 1             once, for a file or a chat
    """
    pool = pool_of(config, state_dir)
    pictures = _pictures(pool, lines, interval, frames)
    if plain or not sys.stdout.isatty() or not _with_rich(pictures):
        for screen in refreshed(interval, frames):
            screen("\n".join(line.text for line in _picture(pool, lines)))


def _picture(pool: PoolClient, lines: int) -> list[Line]:
    status = pool.ask("status")
    busy = [slot for slot in status["slots"] if slot["execution"] is not None]
    usage = below(slot["pid"] for slot in busy if slot["pid"] is not None)
    output = {
        slot["slot"]: last_lines(slot["execution"]["output"], lines)
        for slot in busy
        if slot["execution"]["output"] is not None
    }
    return frame(status, usage, output)


def _pictures(pool: PoolClient, lines: int, interval: float, frames: int | None) -> Iterator[list[Line]]:
    shown = 0
    while True:
        yield _picture(pool, lines)
        shown += 1
        if shown == frames:
            return
        time.sleep(interval)


def _with_rich(pictures: Iterator[list[Line]]) -> bool:
    """Show the pictures in colour; False, and nothing shown, if `rich` is not installed."""
    try:
        from rich.live import Live
    except ImportError:
        return False
    with contextlib.suppress(KeyboardInterrupt), Live(auto_refresh=False) as live:
        for picture in pictures:
            live.update(_rendered(picture), refresh=True)
    return True


def _rendered(picture: list[Line]) -> Group:
    from rich.console import Group
    from rich.text import Text

    return Group(*(Text(line.text, style=line.style, no_wrap=True, overflow="ellipsis") for line in picture))
