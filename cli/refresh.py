"""Showing something again and again on a terminal, until Ctrl-C."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import Iterator
from typing import Protocol

import click

_HOME, _CLEAR_LINE_END, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_CLEAR = "\x1b[2J"


class Screen(Protocol):
    """Shows a text; `clear` in the place of the one before it, where there is a terminal."""

    def __call__(self, text: str, *, clear: bool = True) -> None: ...


def refreshed(interval: float, frames: int | None) -> Iterator[Screen]:
    """A screen every `interval` seconds, `frames` times or for ever; ends quietly at Ctrl-C."""
    is_first = True

    def show(text: str, *, clear: bool = True) -> None:
        nonlocal is_first
        if not clear or not sys.stdout.isatty():
            click.echo(text)
            return
        # Overwritten rather than cleared: a cleared screen flickers.
        lines = text.replace("\n", f"{_CLEAR_LINE_END}\n")
        click.echo(f"{_CLEAR if is_first else ''}{_HOME}{lines}{_CLEAR_LINE_END}\n{_CLEAR_BELOW}", nl=False)
        is_first = False

    with contextlib.suppress(KeyboardInterrupt):
        for frame in itertools.count(1):
            yield show
            if frame == frames:
                return
            time.sleep(interval)
