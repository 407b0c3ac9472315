"""Starting a handler's process, in its cgroup and under its limits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import oom
from .confinement import Confinement
from .invocation import Invocation

_LIMITED_START = str(Path(__file__).with_name("limited_start.py"))


def spawn(
    invocation: Invocation, confinement: Confinement, stdout: int, stderr: int
) -> subprocess.Popen[bytes]:
    """Start the handler in a session of its own. Raises OSError or ValueError if its program cannot be started."""
    group, enforcement = confinement.group, confinement.enforcement
    if group is None:
        process = _popen(invocation, enforcement.data, stdout, stderr)
    else:
        with group.entered():
            process = _popen(invocation, enforcement.data, stdout, stderr)
        # Not before: this process was in it, too.
        group.limit(enforcement.files)
    oom.prefer(process.pid)
    return process


def _popen(
    invocation: Invocation, data_limit: int | None, stdout: int, stderr: int
) -> subprocess.Popen[bytes]:
    if data_limit is None:
        return _start(invocation.argv, invocation, stdout, stderr)
    reader, writer = os.pipe()
    try:
        locale = invocation.env.get("LC_CTYPE")
        options = (str(data_limit), str(writer), "" if locale is None else f"={locale}")
        argv = (sys.executable, "-I", "-S", _LIMITED_START, *options, *invocation.argv)
        process = _start(argv, invocation, stdout, stderr, pass_fds=(writer,))
        os.close(writer)
        writer = -1
        failure = os.read(reader, 20)
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
    if failure:
        process.wait()
        raise OSError(int(failure), os.strerror(int(failure)), invocation.argv[0])
    return process


def _start(
    argv: Sequence[str], invocation: Invocation, stdout: int, stderr: int, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        env=invocation.env,
        cwd=invocation.cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        pass_fds=pass_fds,
    )
