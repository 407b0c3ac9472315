"""The `cueworker` command as its users run it: a process, with nothing of this machine's settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

WITHIN = 60.0
"""Seconds that a command may take on a busy machine."""

_OURS = re.compile(r"CUEAPI_.*|CUEWORKER_.*|XDG_.*|STATE_DIRECTORY|CREDENTIALS_DIRECTORY|NOTIFY_SOCKET")

Done = subprocess.CompletedProcess[str]


def command(*arguments: str) -> list[str]:
    """The command line of `cueworker`."""
    return [sys.executable, "-P", "-m", "cueworker.cli", *arguments]


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """This process's environment with another home folder and no settings of any pool."""
    kept = {name: value for name, value in os.environ.items() if not _OURS.fullmatch(name)}
    return {**kept, "HOME": str(home), "COLUMNS": "200", **more}


def cueworker(*arguments: str, home: Path, **env: str) -> Done:
    """Run a subcommand to its end, in `home`."""
    return subprocess.run(
        command(*arguments),
        cwd=home,
        env=surroundings(home, **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )


def start(*arguments: str, home: Path, **env: str) -> subprocess.Popen[str]:
    """Start a subcommand, in `home`."""
    return subprocess.Popen(
        command(*arguments),
        cwd=home,
        env=surroundings(home, **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
