"""The effects of installing and removing a service: files written and removed, commands run and shown."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path

import click

from .service import MARK
from .service_managers import Step

_SHOWN = 20
"""Lines of what a command that failed said."""

WITHIN = 600.0
"""Seconds that a command may take: a restart waits for the handlers of the pool that runs."""


class Found(Enum):
    """What lies where the definition belongs."""

    NOTHING = "new"
    SAME = "unchanged"
    OLDER = "changed"
    FOREIGN = "not ours"


class StepFailed(Exception):
    """A command failed; the message names it and has what it said."""

    def __init__(self, command: str, how: str, said: str = "") -> None:
        self.said = said
        super().__init__(f"{command}: {how}" + "".join(f"\n  {line}" for line in said.splitlines()[-_SHOWN:]))


def compare(file: Path, text: str) -> Found:
    """What is there already, compared with what is to be written."""
    if not os.path.lexists(file):
        return Found.NOTHING
    found = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    if found == text:
        return Found.SAME
    return Found.OLDER if MARK in found else Found.FOREIGN


def judge(command: Sequence[str], file: Path, text: str) -> None:
    """Let the service manager's own checker judge `text` before it is written; skipped where it is not, or cannot.

    `command` ends with the file's path, in whose place a copy of the same name stands. Raises StepFailed.
    """
    if shutil.which(command[0]) is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, file.name)
        copy.write_text(text, encoding="utf-8")
        try:
            _run((*command[:-1], str(copy)))
        except StepFailed as error:
            # It names what it judges. Without a session of the user's (su, sudo), it cannot even begin.
            if file.name in error.said:
                raise


def write(file: Path, text: str) -> None:
    """Replace a file by rename, readable by everybody. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(0o644)
        temporary.rename(file)
    finally:
        temporary.unlink(missing_ok=True)


def show(steps: Iterable[Step]) -> None:
    """Say what will be run."""
    for step in steps:
        click.echo("  " + " ".join(step.command) + (f"   ({step.why})" if step.why else ""))


def perform(steps: Iterable[Step]) -> None:
    """Run commands one after the other. Raises StepFailed at the first that fails and must not."""
    for step in steps:
        click.echo("$ " + " ".join(step.command))
        try:
            _run(step.command)
        except StepFailed as error:
            if not step.may_fail:
                raise
            click.echo(f"  {error} (goes on)")


def _run(command: Sequence[str]) -> None:
    name = " ".join(command)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=WITHIN, check=False
        )
    except OSError as error:
        raise StepFailed(name, error.strerror or str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise StepFailed(name, f"no answer within {WITHIN:g} s") from error
    if done.returncode != 0:
        raise StepFailed(name, f"exit code {done.returncode}", done.stderr.strip() or done.stdout.strip())
