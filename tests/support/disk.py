"""A disk of a test's own, so small that it can be filled."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SIZE = 2 << 20


class SmallDisk:
    """A mounted file system of 2 MiB."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    def fill(self) -> None:
        """Leave no room for another byte."""
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with contextlib.suppress(OSError):
            while os.write(descriptor, bytes(4096)):
                pass
        os.close(descriptor)

    def free(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)

    def remount(self, mode: str) -> None:
        """`ro` or `rw`."""
        subprocess.run(["mount", "-o", f"remount,{mode}", self.root], check=True)


@contextlib.contextmanager
def small_disk(root: Path) -> Iterator[SmallDisk]:
    """A small disk at `root`; the test is skipped where nothing may be mounted."""
    root.mkdir(mode=0o700)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(root)]
    done = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)
