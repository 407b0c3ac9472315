"""Another user, for what root is not bound by: permissions and the limit on processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pool import Pool


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A folder of a user who has nothing else on this machine: other tests do not count against its limits."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can be somebody else")
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, *[30_000 + os.getpid() % 30_000] * 2)
    yield folder
    shutil.rmtree(folder)


def as_owner_of(folder: Path) -> list[str]:
    """What runs the command that is added to it as the folder's owner, who may also read what is root's: Python is."""
    found = folder.stat()
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={found.st_uid}", f"--regid={found.st_gid}", "--clear-groups", *reading]


def nobodys_pool(folder: Path, handlers: dict[str, Any], **settings: Any) -> Pool:
    """A pool for `Pool.spawn(by=as_owner_of(folder))`."""
    pool = Pool(folder, handlers, **settings)
    found = folder.stat()
    os.chown(pool.config, found.st_uid, found.st_gid)
    return pool
