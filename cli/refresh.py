"""Showing something again and again on a terminal, until Ctrl-C."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import Callable

import click

_HOME, _CLEAR_LINE_END, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_CLEAR = "\x1b[2J"


def again_and_again(show: Callable[[], None], interval: float, times: int | None = None) -> None:
    """Call `show` every `interval` seconds, that many times or for ever; Ctrl-C ends it quietly."""
    with contextlib.suppress(KeyboardInterrupt):
        for turn in itertools.count(1):
            show()
            if turn == times:
                return
            time.sleep(interval)


class Screen:
    """Shows texts, each in the place of the one before it where there is a terminal."""

    def __init__(self) -> None:
        self._clear = _CLEAR if sys.stdout.isatty() else None

    def show(self, text: str) -> None:
        """Show a text."""
        if self._clear is None:
            click.echo(text)
            return
        # Overwritten rather than cleared: a cleared screen flickers.
        lines = text.replace("\n", f"{_CLEAR_LINE_END}\n")
        click.echo(f"{self._clear}{_HOME}{lines}{_CLEAR_LINE_END}\n{_CLEAR_BELOW}", nl=False)
        self._clear = ""
