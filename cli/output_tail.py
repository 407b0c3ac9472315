"""The last lines of a file that is being written."""

from __future__ import annotations

import os

from .words import printable

_BYTES_PER_LINE = 400


def last_lines(path: str, count: int) -> list[str]:
    """The last `count` lines that say anything, fit for a terminal; fewer of a short file, none of one that is gone."""
    if count <= 0:
        return []
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - count * _BYTES_PER_LINE))
            content = file.read(count * _BYTES_PER_LINE)
    except OSError:
        return []
    lines = [printable(line).strip() for line in content.decode("utf-8", "replace").splitlines()]
    return [line for line in lines if line][-count:]
