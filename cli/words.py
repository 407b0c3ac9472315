"""Seconds, bytes and other people's text, as a terminal shows them. Pure."""

from __future__ import annotations

import re

NOTHING = "-"

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")
"""What terminals take as commands: colours, cursor moves, titles."""


def duration(seconds: float | None) -> str:
    """`0.4s`, `12s`, `3m20s`, `2h05m`, `3d04h`: two units at most; `-` for None."""
    if seconds is None:
        return NOTHING
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def size(count: float | None) -> str:
    """`900K`, `42M`, `1.5G`; `-` for None."""
    if count is None:
        return NOTHING
    if count < 1 << 20:
        return f"{count / (1 << 10):.0f}K"
    if count < 1 << 30:
        return f"{count / (1 << 20):.0f}M"
    return f"{count / (1 << 30):.1f}G"


def printable(text: str) -> str:
    """Text that a terminal only shows: what would move its cursor or change its state is left out."""
    without = _ESCAPES.sub("", text)
    return "".join(character for character in without.expandtabs(4) if character.isprintable())


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Aligned lines: the head, then one for each row."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
