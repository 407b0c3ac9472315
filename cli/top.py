"""`cueworker top`: a running pool, live."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output_tail import last_lines
from .pool_client import PoolClient
from .pool_command import PoolCommand, pool_of, which_pool
from .process_usage import below
from .refresh import Screen, again_and_again
from .top_frame import Line, frame

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live


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
    with _screen(plain) as show:
        again_and_again(lambda: show(_picture(pool, lines)), interval, frames)


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


@contextlib.contextmanager
def _screen(plain: bool) -> Iterator[Callable[[list[Line]], None]]:
    """What shows a picture: in colour where there is a terminal and `rich`."""
    live = None if plain or not sys.stdout.isatty() else _live()
    if live is None:
        screen = Screen()
        yield lambda picture: screen.show("\n".join(line.text for line in picture))
    else:
        with live:
            yield lambda picture: live.update(_rendered(picture), refresh=True)


def _live() -> Live | None:
    try:
        from rich.live import Live
    except ImportError:
        return None
    return Live(auto_refresh=False)


def _rendered(picture: list[Line]) -> Group:
    from rich.console import Group
    from rich.text import Text

    return Group(*(Text(line.text, style=line.style, no_wrap=True, overflow="ellipsis") for line in picture))
