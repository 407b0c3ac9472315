"""The private folder in which a worker's handlers find their payload and leave their outcome.

One folder a worker, `outcomes/<slot>-<unpredictable>/`, 0700, with an unpredictable pair of files, 0600, for each
execution. A worker runs one execution at a time and empties the folder after each, so that a handler has it to itself;
a folder for each would cost more than all the rest of an execution's files on a journalled disk.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from ..outcome import OutcomeFile, read_outcome_file

_OUTCOME, _PAYLOAD = ".outcome.json", ".payload.json"
_LONGEST_PAYLOAD = 16 << 20
"""Bytes: the server takes far less."""


class Workspace:
    """A worker's folder and the files of its current execution. Nothing is made before `fill`."""

    def __init__(self, outcomes: Path, slot: int) -> None:
        self._outcomes = outcomes
        self._slot = slot
        self._rename()

    def _rename(self) -> None:
        self._folder = self._outcomes / f"{self._slot}-{secrets.token_hex(16)}"
        self.begin()

    def begin(self) -> None:
        """Name the files of another execution: the slot record names them before the claim."""
        name = secrets.token_hex(16)
        self.outcome_file = self._folder / f"{name}{_OUTCOME}"
        """What `CUEAPI_OUTCOME_FILE` names. It exists, empty, when the handler starts."""
        self.payload_file = self._folder / f"{name}{_PAYLOAD}"
        """What `CUEAPI_PAYLOAD_FILE` names."""

    def fill(self, payload: bytes) -> None:
        """Create both files. Raises OSError."""
        try:
            self._create(payload)
        except FileNotFoundError:
            # The first execution, or an earlier handler has removed the folder, or that of all workers.
            self._outcomes.mkdir(mode=0o700, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._create(payload)

    def _create(self, payload: bytes) -> None:
        for file, content in ((self.payload_file, payload), (self.outcome_file, b"")):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            # Buffered: a full disk may take a part, which is no payload; the buffer's flush writes all or raises.
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(content)

    def empty(self) -> None:
        """Delete the files and all that a handler may have put beside or in place of them. Never raises."""
        with contextlib.suppress(OSError):
            if not os.path.islink(self._folder):
                self.payload_file.unlink(missing_ok=True)
                self.outcome_file.unlink(missing_ok=True)
                if not os.listdir(self._folder):
                    return
        remove(self._folder)
        # A folder that cannot be trusted, or not be removed, is not used again.
        self._rename()

    def close(self) -> None:
        """The worker leaves."""
        remove(self._folder)


def read_outcome(path: Path) -> OutcomeFile:
    """What a handler left in its outcome file. Never raises.

    A link in the folder's own place is not followed either (promise 4).
    """
    if os.path.islink(path.parent):
        return OutcomeFile({}, "outcome_file_not_a_regular_file: in a symbolic link", present=True)
    return read_outcome_file(path)


def read_payload(outcome_file: Path) -> Any:
    """The payload that lies beside an outcome file; None if there is none any more. Never raises, follows no link."""
    path = outcome_file.with_name(outcome_file.name.removesuffix(_OUTCOME) + _PAYLOAD)
    with contextlib.suppress(OSError, ValueError, RecursionError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return json.loads(file.read(_LONGEST_PAYLOAD))
    return None


def remove_all(outcomes: Path, slot: int | None = None) -> None:
    """Delete the folders that dead workers left: those of one slot, or all."""
    with contextlib.suppress(OSError):
        for path in outcomes.iterdir():
            if slot is None or path.name.startswith(f"{slot}-"):
                remove(path)


def remove(path: Path) -> None:
    """Delete a folder with all that a handler may have put into it or in its place. Never raises, follows no link."""
    with contextlib.suppress(OSError):
        path.rmdir()
        return
    with contextlib.suppress(OSError):
        # A handler may have taken the permissions away.
        path.parent.chmod(0o700)
        if os.path.islink(path) or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        _remove_tree(path)


def _remove_tree(root: Path) -> None:
    """Delete a folder that no process changes any more. Raises OSError.

    A handler can nest folders deeper than Python recurses and than a path may be long, and take their
    permissions away. So there is no recursion: a subfolder's subfolders are moved up, until there are none.
    """
    root.chmod(0o700)
    fresh_name = (root / f"{secrets.token_hex(8)}-{number}" for number in itertools.count())
    while subfolders := _without_files(root):
        for subfolder in subfolders:
            for inner in _without_files(subfolder):
                inner.rename(next(fresh_name))
            subfolder.rmdir()
    root.rmdir()


def _without_files(folder: Path) -> list[Path]:
    """Delete everything in a folder but its subfolders, and open those up."""
    subfolders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                path.chmod(0o700)
                subfolders.append(path)
            else:
                path.unlink()
    return subfolders
