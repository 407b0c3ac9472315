"""Finding out whether the pool owns the cgroup that it was started in, and taking it over.

Owned means: a service manager or a container handed it over, and nobody else is in it. Below a cgroup that is not ours
another owner would remove ours, or find its own processes killed (systemd's rule of one writer to a cgroup).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from ..pool.cgroup import Cgroups, own_path
from ..pool.events import emit
from ..pool.kill_ladder import RESCAN

CONTROLLERS = ("memory", "cpu", "pids")
"""What `limits:` needs."""

_MARKS = ("user.delegate", "trusted.delegate")
"""Extended attributes that systemd sets on what it hands over."""

EMPTY_WITHIN = 3.0


def take_over(proc_self: Path = Path("/proc/self")) -> Cgroups | None:
    """The cgroup of this process, if it is the pool's own; None, and an event that says why, if it is not.

    Afterwards this process is in its group `pool`, and what an earlier pool's executions left has been killed.
    """
    path = own_path()
    root = None if path is None else folder_of(path, proc_self / "mountinfo")
    reason = "there is no cgroup v2" if root is None or path is None else _why_not(root, path)
    if reason is not None or root is None:
        emit("cgroup.unused", reason=reason)
        return None
    cgroups = Cgroups(root)
    try:
        cgroups.home.mkdir(exist_ok=True)
        (cgroups.home / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
    except OSError as error:
        emit("cgroup.unused", reason=error)
        return None
    end_all(cgroups)
    emit("cgroup.used", path=root)
    return cgroups


def folder_of(path: str, mountinfo: Path) -> Path | None:
    """Where a cgroup v2 that the kernel names `path` lies in the file system; None if it is mounted nowhere."""
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    for line in lines:
        mount, _, kind = line.partition(" - ")
        if kind.split(" ")[0] != "cgroup2":
            continue
        top, point = (_unescaped(field) for field in mount.split(" ")[3:5])
        if (path + "/").startswith(top.rstrip("/") + "/"):
            return Path(point, path[len(top.rstrip("/")) :].lstrip("/"))
    return None


def _why_not(root: Path, path: str) -> str | None:
    """Why a cgroup is not the pool's own; None if it is."""
    if not (root / "cgroup.kill").exists():
        return f"{root} cannot be killed as a whole: it is the machine's, or this kernel is older than 5.14"
    try:
        if not _is_handed_over(root, path):
            return f"{root} was not handed over to this pool; under systemd Delegate=yes does"
        members = (root / "cgroup.procs").read_text(encoding="ascii").split()
    except OSError as error:
        return str(error)
    if members != [str(os.getpid())]:
        return f"other processes are in {root}"
    if not all(os.access(file, os.W_OK) for file in (root, root / "cgroup.procs")):
        return f"{root} cannot be written to by this user"
    return None


def _is_handed_over(root: Path, path: str) -> bool:
    if os.geteuid() != 0:
        return root.stat().st_uid == os.geteuid()
    # Root may write to all of them. The top of a namespace is a container's.
    return path == "/" or any(_is_marked(root, name) for name in _MARKS)


def _is_marked(root: Path, name: str) -> bool:
    with contextlib.suppress(OSError):
        return os.getxattr(root, name) == b"1"
    return False


def enable(cgroups: Cgroups, controllers: Iterable[str] = CONTROLLERS) -> None:
    """Give the executions' groups those controllers that this cgroup has."""
    for name in controllers:
        with contextlib.suppress(OSError):
            (cgroups.root / "cgroup.subtree_control").write_text(f"+{name}", encoding="ascii")


def end_all(cgroups: Cgroups) -> None:
    """Kill what is in the executions' groups, and remove them."""
    groups = cgroups.all()
    living = [group for group in groups if group.is_populated]
    for group in living:
        group.kill()
    if living:
        emit("execution.swept", count=len(living), what="earlier executions, by their cgroups")
    give_up = time.monotonic() + EMPTY_WITHIN
    while any(group.is_populated for group in living) and time.monotonic() < give_up:
        time.sleep(RESCAN)
    for group in groups:
        group.remove()


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
