"""The end of a file, and what is added to it: through being set aside, cut and made anew."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_CHUNK = 65536
LOOK_EVERY = 0.2
"""Seconds between two looks."""


def last_lines(path: Path, count: int, out: BinaryIO) -> int:
    """Write the last `count` lines of a file to `out`; returns the position after them. Raises OSError."""
    with path.open("rb") as file:
        file.seek(_start_of(file, count))
        _copy(file, out)
        return file.tell()


def _start_of(file: BinaryIO, count: int) -> int:
    """Where the last `count` lines begin. Reads backwards, no further than it must."""
    position = end = file.seek(0, os.SEEK_END)
    if count == 0:
        return end
    wanted = count
    while position > 0:
        begin = max(0, position - _CHUNK)
        file.seek(begin)
        data = file.read(position - begin)
        # What ends the file ends its last line and begins none.
        at = len(data) - 1 if position == end else len(data)
        while (at := data.rfind(b"\n", 0, at)) >= 0:
            wanted -= 1
            if wanted <= 0:
                return begin + at + 1
        position = begin
    return 0


def follow(path: Path, position: int, goes_on: Callable[[], bool], out: BinaryIO) -> None:
    """Write what is added to a file to `out`, from `position` on, until `goes_on` says no. Raises OSError."""
    file = path.open("rb")
    try:
        file.seek(position)
        while True:
            is_last = not goes_on()
            if os.fstat(file.fileno()).st_size < file.tell():
                # It was cut: its lines are new ones.
                file.seek(0)
            _copy(file, out)
            if _is_replaced(path, file):
                # After the look at its name, so that nothing was added to the old one meanwhile.
                _copy(file, out)
                file.close()
                file = path.open("rb")
                continue
            if is_last:
                return
            time.sleep(LOOK_EVERY)
    finally:
        file.close()


def _is_replaced(path: Path, file: BinaryIO) -> bool:
    try:
        return not os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _copy(file: BinaryIO, out: BinaryIO) -> None:
    while data := file.read(_CHUNK):
        out.write(data)
    out.flush()
