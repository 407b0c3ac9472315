"""The programs that handlers begin with, as far as that can be told without running them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..pool.handler import ArgvCommand, Handler, PastedCommand, ShellCommand

_PLAIN = re.compile(r"\s*([A-Za-z0-9_./+-]+)(?=[\s;&|]|$)")
_SHELLS_OWN = re.compile(
    r"\.|:|alias|break|case|cd|command|continue|echo|eval|exec|exit|export|false|for|getopts|hash|if|kill|local|printf"
    r"|pwd|read|readonly|return|set|shift|test|times|trap|true|type|ulimit|umask|unset|until|wait|while"
)


@dataclass(frozen=True)
class Missing:
    """A program that is not there."""

    task: str
    program: str
    certain: bool
    """False for the first word of a shell command: the shell may know it otherwise."""


def missing(handlers: Iterable[Handler], environ: Mapping[str, str]) -> Iterator[Missing]:
    """The handlers whose program is not found, with the PATH and the folder that they would have."""
    for handler in handlers:
        program = first_word(handler)
        if program is not None and not _is_found(program, handler, environ):
            yield Missing(handler.task, program, isinstance(handler.command, ArgvCommand))


def first_word(handler: Handler) -> str | None:
    """The program that a handler begins with; None where it depends on a payload, or is the shell's own."""
    match handler.command:
        case ArgvCommand((program, *_)):
            return None if "{{" in program else program
        case ShellCommand(text) | PastedCommand(text):
            found = _PLAIN.match(text)
            return found.group(1) if found and not _SHELLS_OWN.fullmatch(found.group(1)) else None
    return None


def _is_found(program: str, handler: Handler, environ: Mapping[str, str]) -> bool:
    if "/" not in program:
        path = handler.env.get("PATH", environ.get("PATH", os.defpath))
        # A PATH out of templates is not known before there is a payload.
        return "{{" in path or "${" in path or shutil.which(program, path=path) is not None
    if os.path.isabs(program):
        return os.access(program, os.X_OK)
    if handler.cwd is not None and "{{" in handler.cwd:
        return True
    folder = (
        os.getcwd()
        if handler.cwd is None
        else os.path.join(handler.base_dir, os.path.expanduser(handler.cwd))
    )
    return os.access(os.path.join(folder, program), os.X_OK)
