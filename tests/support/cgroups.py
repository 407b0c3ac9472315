"""A cgroup that is handed over to a pool, as a service manager would."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cueworker.pool.cgroup import own_path
from cueworker.supervisor.delegation import folder_of


@dataclass(frozen=True)
class Delegated:
    """The cgroup's folder."""

    folder: Path

    def by(self) -> list[str]:
        """What runs the command that is added to it inside of the cgroup."""
        return ["/bin/sh", "-c", 'echo 0 > "$0/cgroup.procs" && exec "$@"', str(self.folder)]

    def groups(self) -> set[str]:
        """The groups in it, but for the pool's own."""
        return {path.name for path in self.folder.iterdir() if path.is_dir()} - {"pool"}


@pytest.fixture
def delegated() -> Iterator[Delegated]:
    """One below this process's own cgroup; skips the test where nobody may make one."""
    folder = _made()
    try:
        yield Delegated(folder)
    finally:
        with contextlib.suppress(OSError):
            (folder / "cgroup.kill").write_text("1")
        _remove(folder)


def _made() -> Path:
    path = own_path()
    parent = None if path is None else folder_of(path, Path("/proc/self/mountinfo"))
    if parent is None:
        pytest.skip("there is no cgroup v2 here")
    folder = parent / f"cueworker-test-{uuid.uuid4().hex[:12]}"
    try:
        folder.mkdir()
        os.setxattr(folder, "user.delegate", b"1")
    except OSError as error:
        with contextlib.suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no cgroup can be made and handed over here: {error}")
    if not (folder / "cgroup.kill").exists():
        folder.rmdir()
        pytest.skip("this kernel cannot kill a cgroup")
    return folder


def _remove(folder: Path) -> None:
    give_up = time.monotonic() + 10
    while folder.exists():
        for path, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
        assert time.monotonic() < give_up, f"{folder} is not empty"
        time.sleep(0.01)
