"""The state directory: who owns it, what lies where, and how a file in it is replaced."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .errors import StateDirBusy, StateDirUnusable

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


class StateDir:
    """`slots/`, `outcomes/`, `spool/`, `history.jsonl`, the lock and the control socket; private to one pool (0700)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.slots = root / "slots"
        self.outcomes = root / "outcomes"
        self.spool = root / "spool"
        self.history = root / "history.jsonl"
        self.local = root / "local"
        self.control = root / "control.sock"
        self._folders = (self.slots, self.outcomes, self.spool)

    def prepare(self) -> None:
        """Make the folders. Raises StateDirUnusable with what to do when they cannot be ours alone."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_owner()
            self.make_folders()
            for folder in self._folders:
                if folder.is_symlink():
                    raise StateDirUnusable(
                        f"{folder} is a symbolic link; remove it, or choose another state_dir"
                    )
            self._check_writable()
        except OSError as error:
            raise StateDirUnusable(
                f"state directory {self.root} cannot be used: {error.strerror or error}; {_remedy(error)}"
            ) from error

    def make_folders(self) -> None:
        """Make what is missing: a handler may have removed it all. Raises OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self._folders:
            folder.mkdir(mode=0o700, exist_ok=True)

    def _check_owner(self) -> None:
        found = self.root.stat()
        if found.st_uid != os.geteuid():
            raise StateDirUnusable(
                f"state directory {self.root} belongs to user id {found.st_uid}, this process runs as {os.geteuid()}; "
                "run as its owner, or choose another with `state_dir:` or --state-dir"
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            self.root.chmod(0o700)

    def _check_writable(self) -> None:
        probe = self.root / f".probe-{os.getpid()}"
        try:
            probe.write_bytes(b"x")
        finally:
            probe.unlink(missing_ok=True)

    def lock(self, wait: float, abandon: Callable[[], bool] = lambda: False) -> int | None:
        """Take the directory's lock for this pool and return the descriptor that holds it; None if `abandon` said so.

        The descriptor is inherited by the forked processes and held until the last of them is gone, so a successor
        waits here, for `wait` seconds at most, until their clean-up has ended. Raises StateDirBusy, naming the holder,
        and StateDirUnusable.
        """
        try:
            descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateDirUnusable(
                f"{error.filename}: {error.strerror}; remove it, or choose another state_dir"
            ) from error
        give_up = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if abandon():
                    os.close(descriptor)
                    return None
                if time.monotonic() >= give_up:
                    holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
                    os.close(descriptor)
                    raise StateDirBusy(
                        f"state directory {self.root} is in use by {holder or 'another process'}; "
                        "stop that pool first, or give this one its own --state-dir"
                    ) from None
                time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"cueworker-supervise, pid {os.getpid()}\n".encode(), 0)
        return descriptor

    def is_in_use(self) -> bool:
        """Whether a pool, or its clean-up, runs here: somebody holds the lock. Raises OSError if it cannot be seen."""
        try:
            descriptor = os.open(self.root / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            # Shared, and given back at once: a pool that is just starting tries again.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def slot_record(self, slot: int) -> Path:
        """Where slot `slot` says what it does."""
        return self.slots / f"{slot}.json"

    def spool_entry(self, execution_id: str) -> Path:
        """Where the report of an execution waits."""
        return self.spool / f"{file_name(execution_id)}.json"


def file_name(execution_id: str) -> str:
    """What an execution's files are called, without the ending. An id that is no safe file name is hashed."""
    if _PLAIN_NAME.fullmatch(execution_id):
        return execution_id
    return "sha256-" + hashlib.sha256(execution_id.encode("utf-8", "surrogatepass")).hexdigest()


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room on its disk, or choose another with `state_dir:` or --state-dir"
    return "choose one that this user may write with `state_dir:` or --state-dir"


def write_json(path: Path, value: Any) -> None:
    """Replace a file durably by rename: a reader, and a crash of any process, sees the old or the new one.

    It is synced after the rename, so that one commit of the file system's journal takes both. A power cut between the
    two may leave a torn file under the name: readers must bear that, and the caller has not relied on it yet.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            content = json.dumps(value).encode()
            if file.write(content) != len(content):
                raise OSError(28, os.strerror(28), str(temporary))
            temporary.rename(path)
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if there is no such file. Raises ValueError if it holds anything else."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds no JSON object")
    return value


def entries(folder: Path) -> Iterator[Path]:
    """The finished JSON files of a folder, oldest name first; half-written ones are skipped."""
    with contextlib.suppress(FileNotFoundError):
        yield from sorted(path for path in folder.iterdir() if path.suffix == ".json" and path.name[0] != ".")
