"""Who a system service runs as, and whether that user can."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

DEDICATED = "cueworker"
"""The user of a configuration that is root's. Not systemd's DynamicUser=: handlers' files must keep an owner, and it
implies restrictions that handlers do not survive (ProtectHome, ProtectSystem=strict)."""


def choose(run_as: str | None, config: Path) -> str:
    """`run_as`, else the owner of the configuration: its handlers are that user's commands. Never root by itself.

    Raises ValueError if there is no such user; the dedicated one need not exist yet.
    """
    user = run_as or _owner(config)
    if user != DEDICATED and not exists(user):
        raise ValueError(f"there is no user {user!r} on this machine; choose one with --run-as")
    return user


def _owner(config: Path) -> str:
    uid = config.stat().st_uid
    if uid == 0:
        return DEDICATED
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise ValueError(
            f"{config} belongs to user id {uid}, who has no name; choose one with --run-as"
        ) from None


def exists(user: str) -> bool:
    """Whether the machine has this user."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def home_of(user: str) -> Path:
    """A user's home folder; of the dedicated one that does not exist yet, where it will be."""
    return Path(pwd.getpwnam(user).pw_dir) if exists(user) else Path("/var/lib") / user


def creation(user: str) -> tuple[str, ...]:
    """The command that makes the dedicated user."""
    return ("useradd", "--system", "--home-dir", f"/var/lib/{user}", "--shell", "/usr/sbin/nologin", user)


def obstacle(user: str, config: Path, program: str) -> str | None:
    """Why a user cannot run the service, and what to do; None if nothing is in the way. For root to ask."""
    if os.geteuid() != 0 or not exists(user):
        return None
    if not _may(user, "-r", config):
        return (
            f"{user} cannot read {config}: `chgrp {user} {config} && chmod 640 {config}`, and let {user} enter its "
            "folders; or choose another user with --run-as"
        )
    if not _may(user, "-x", Path(program)):
        return f"{user} cannot run {program}: install cueworker where everybody may, such as /opt, or choose --run-as"
    return None


def _may(user: str, test: str, path: Path) -> bool:
    entry = pwd.getpwnam(user)
    done = subprocess.run(
        ["/bin/sh", "-c", f'test {test} "$0"', str(path)],
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=os.getgrouplist(user, entry.pw_gid),
        check=False,
    )
    return done.returncode == 0
