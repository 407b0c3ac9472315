"""Absolute paths for a service: service managers know nothing of a shell's PATH, of pipx, or of uv."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_STANDARD = ("/usr/local/bin", "/usr/bin", "/bin")
_CACHES = re.compile(r"/uv/(archive|environments|builds)-v|/\.cache/(uv|pipx)/|/pipx/\.cache/")
"""Where `uvx` and `pipx run` keep what they may remove at any time."""

_BIN_DIRS = ("UV_TOOL_BIN_DIR", "PIPX_BIN_DIR", "XDG_BIN_HOME")


def program(executable: str) -> tuple[str, ...]:
    """How `cueworker-supervise` is started by the interpreter `executable`'s installation.

    The script beside the interpreter, not the link that pipx and uv put into ~/.local/bin: that one moves with the next
    version of Python. Raises ValueError if the installation will not last.
    """
    interpreter = Path(os.path.abspath(executable))  # not resolved: that would leave a virtual environment
    if _CACHES.search(str(interpreter)):
        raise ValueError(
            f"this cueworker runs from a cache ({interpreter}), which may be emptied at any time; install it first: "
            "`uv tool install cueworker`, `pipx install cueworker`, or pip in a virtual environment"
        )
    script = interpreter.with_name("cueworker-supervise")
    if script.exists():
        return (str(script),)
    return (str(interpreter), "-P", "-m", "cueworker.supervisor")


def search_path(environ: Mapping[str, str], home: Path, without: Iterable[Path] = ()) -> str:
    """A PATH with the same programs as in the shell that `environ` is from: absolute, existing folders, each once.

    With uv's and pipx's folder of programs, whether the shell has it or not; without what lies below `without`.
    """
    given = environ.get("PATH", "").split(":")
    tools = [environ.get(name, "") for name in _BIN_DIRS]
    found: list[str] = []
    for folder in (*given, *tools, str(home / ".local/bin"), *_STANDARD):
        path = Path(folder)
        if not folder or not path.is_absolute() or any(path.is_relative_to(other) for other in without):
            continue
        plain = os.path.normpath(folder)
        # A colon cannot be, and a line break must not be, in a PATH that is written into a file.
        if plain not in found and os.path.isdir(plain) and plain.isprintable():
            found.append(plain)
    return ":".join(found)
