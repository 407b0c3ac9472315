"""Replacing a file that holds a secret: all of it or nothing, durably, and readable by its owner alone."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from ..pool.state_dir import sync_folder


def replace_private(path: Path, content: bytes) -> None:
    """Put `content` in place of the file, or make it, 0600. A symbolic link stays one: its target is replaced.

    A reader, and a crash at any moment, sees the old file or the new one. The owner stays who it was. Raises OSError,
    and leaves the old file as it was.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _keep_owner(target, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(target.parent)


def ensure_replaceable(path: Path) -> None:
    """Raises OSError when `replace_private` would: its folder may not be written to, or not be made."""
    folder = Path(os.path.realpath(path)).parent
    while not os.path.lexists(folder):
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass


def _keep_owner(target: Path, descriptor: int) -> None:
    """For root, who may log in for the user that the pool runs as."""
    with contextlib.suppress(OSError):
        before = target.stat()
        if (before.st_uid, before.st_gid) == (os.geteuid(), os.getegid()):
            return
        os.fchown(descriptor, before.st_uid, before.st_gid)
        if before.st_uid == 0 and before.st_gid != 0:
            # A file of root's that a service reads as a member of the file's group: it must go on to.
            os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR | (before.st_mode & stat.S_IRGRP))
