"""A name for the control socket that fits into a socket's address: that holds 107 bytes, a path more."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST = 100
"""Bytes; an address takes 107 on Linux and 103 on macOS."""


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """The path, or while the context lasts one through `/proc/self/fd` where it is too long.

    Neither a link nor the working directory is touched. Raises OSError, where there is no /proc with what to do.
    """
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
    elif sys.platform == "linux":
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{folder}/{path.name}"
        finally:
            os.close(folder)
    else:
        raise OSError(
            errno.ENAMETOOLONG, f"longer than {LONGEST} bytes; choose a shorter `state_dir:`", str(path)
        )
