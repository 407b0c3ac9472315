"""Where a user's configuration and state lie: HOME and the XDG base directories of a given environment."""

from __future__ import annotations

import hashlib
import os
import pwd
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

_MAX_NAME = 200
"""A folder's name holds 255 bytes; this leaves room for what is added to it."""


def home(environ: Mapping[str, str]) -> Path:
    """$HOME, else the user database's home folder, else the root."""
    if os.path.isabs(environ.get("HOME", "")):
        return Path(environ["HOME"])
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path("/")


def config_home(environ: Mapping[str, str]) -> Path:
    """$XDG_CONFIG_HOME (relative ones do not count, says its specification), else ~/.config."""
    return _xdg("XDG_CONFIG_HOME", ".config", environ)


def expand_home(text: str, environ: Mapping[str, str]) -> str:
    """`~` and `~/…` by the given environment, `~user` by the user database."""
    if text == "~" or text.startswith("~/"):
        return str(home(environ)) + text[1:]
    return os.path.expanduser(text)


def default_state_dir(worker_id: str, environ: Mapping[str, str]) -> Path:
    """systemd's first $STATE_DIRECTORY, else $XDG_STATE_HOME|~/.local/state + /cueworker/<worker_id>."""
    by_systemd = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if os.path.isabs(by_systemd):
        return Path(by_systemd)
    return _xdg("XDG_STATE_HOME", ".local/state", environ) / "cueworker" / _folder_name(worker_id)


def default_logs_dir(environ: Mapping[str, str]) -> Path | None:
    """systemd's first $LOGS_DIRECTORY; None where there is none."""
    by_systemd = environ.get("LOGS_DIRECTORY", "").split(":")[0]
    return Path(by_systemd) if os.path.isabs(by_systemd) else None


def _folder_name(worker_id: str) -> str:
    name = urllib.parse.quote(worker_id, safe=" @+=,")
    if name in (".", ".."):
        name = name.replace(".", "%2E")
    if len(name) > _MAX_NAME:
        name = name[:_MAX_NAME] + "-" + hashlib.sha256(worker_id.encode()).hexdigest()[:16]
    return name


def _xdg(variable: str, fallback: str, environ: Mapping[str, str]) -> Path:
    if os.path.isabs(environ.get(variable, "")):
        return Path(environ[variable])
    return home(environ) / fallback
