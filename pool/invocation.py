"""What is started for an execution: argument list, environment, working directory. Pure.

Payload text reaches a handler as data only: through the environment, or as one argument of an `argv:` (promise 4).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import templates
from .errors import CouldNotStart
from .handler import ArgvCommand, Handler, PastedCommand, ShellCommand

MAX_STRING = 131_072
"""Bytes of one argument or `NAME=value` with its NUL: Linux's MAX_ARG_STRLEN, 128 KiB."""

SHELL = "/bin/sh"

_OURS_ALONE = re.compile(r"NOTIFY_SOCKET|WATCHDOG_.*|LISTEN_.*|CREDENTIALS_DIRECTORY|CUEAPI_PAYLOAD")
# The last: a pool that a handler started has that one's payload, no stand-in for one too large to pass.
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_POINTER = 8
_PROGRAM = 4096 + 512
"""Bytes of the total that are the kernel's own: the program's path (PATH_MAX), and a script's `#!` line."""


@dataclass(frozen=True)
class Invocation:
    """The arguments of one process start."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a handler is told of its execution (PROTOCOL.md, "The handler's side")."""

    execution_id: str
    cue_id: str
    cue_name: str
    worker_id: str
    payload: Any
    api_key: str
    base_url: str
    outcome_file: str
    payload_file: str
    marker: tuple[str, str]
    """(name, value) of the environment variable that marks every process of the execution."""


class Surroundings:
    """What every handler of a worker inherits, looked at once: the pool's own environment and the kernel's limit."""

    def __init__(self, environ: Mapping[str, str], stack_limit: int) -> None:
        """`stack_limit` is the soft limit in bytes, -1 for none."""
        self.env = {name: value for name, value in environ.items() if not _OURS_ALONE.fullmatch(name)}
        self.size = sum(_size(name, value) + _POINTER for name, value in self.env.items())
        self.total_limit = total_limit_of(stack_limit)


def build(handler: Handler, facts: Facts, surroundings: Surroundings) -> Invocation:
    """Everything that is needed to start `handler`.

    Raises CouldNotStart, naming the field, when a value cannot be passed to a process.
    """
    payload = facts.payload if isinstance(facts.payload, dict) else {}
    env = _standard(facts)
    for name, template in handler.env.items():
        env[name] = _clean(templates.render(template, payload, surroundings.env))
    argv = _argv(handler, payload, env)
    cwd = _cwd(handler, payload)
    _check_sizes(argv, env, surroundings)
    return Invocation(argv, surroundings.env | env, cwd)


def total_limit_of(stack_limit: int) -> int:
    """Bytes that arguments and environment may take together (Linux: a quarter of the stack, 128 KiB to 6 MiB)."""
    if stack_limit < 0:
        return 6 << 20
    return max(MAX_STRING, min(stack_limit // 4, 6 << 20))


def _standard(facts: Facts) -> dict[str, str]:
    env = {
        "CUEAPI_EXECUTION_ID": facts.execution_id,
        "CUEAPI_CUE_ID": facts.cue_id,
        "CUEAPI_CUE_NAME": _clean(facts.cue_name).replace("\0", "\N{REPLACEMENT CHARACTER}"),
        "CUEAPI_WORKER_ID": facts.worker_id,
        "CUEAPI_API_KEY": facts.api_key,
        "CUEAPI_BASE_URL": facts.base_url,
        "CUEAPI_OUTCOME_FILE": facts.outcome_file,
        "CUEAPI_PAYLOAD_FILE": facts.payload_file,
        facts.marker[0]: facts.marker[1],
    }
    text = json.dumps(facts.payload)
    if _size("CUEAPI_PAYLOAD", text) <= MAX_STRING:
        env["CUEAPI_PAYLOAD"] = text
    return env


def _argv(handler: Handler, payload: dict[str, Any], env: dict[str, str]) -> tuple[str, ...]:
    match handler.command:
        case ShellCommand(script, bindings):
            for name, expression in bindings:
                env[name] = _clean(templates.lookup(expression, payload))
            return (SHELL, "-c", script)
        case PastedCommand(template):
            return (SHELL, "-c", _clean(templates.render(template, payload)))
        case ArgvCommand(arguments):
            return tuple(_clean(templates.render(argument, payload)) for argument in arguments)


def _cwd(handler: Handler, payload: dict[str, Any]) -> str | None:
    if handler.cwd is None:
        return None
    cwd = os.path.expanduser(_clean(templates.render(handler.cwd, payload)))
    return os.path.join(handler.base_dir, cwd)


def _clean(text: str) -> str:
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text) if not text.isascii() else text


def _size(name: str, value: str) -> int:
    return len(os.fsencode(name)) + len(os.fsencode(value)) + 2


def _check_sizes(argv: tuple[str, ...], env: Mapping[str, str], surroundings: Surroundings) -> None:
    total, total_limit = surroundings.size + _PROGRAM, surroundings.total_limit
    for field, size, has_nul in _pieces(argv, env):
        if has_nul:
            raise CouldNotStart(
                f"{field} holds a NUL character, which no process can be given; read it from $CUEAPI_PAYLOAD_FILE"
            )
        if size > MAX_STRING:
            raise CouldNotStart(
                f"{field} is {size:,} bytes, more than the {MAX_STRING:,} that a process can be given; "
                "read the payload from the file named by $CUEAPI_PAYLOAD_FILE"
            )
        total += size + _POINTER
    if total > total_limit:
        raise CouldNotStart(
            f"arguments and environment are {total:,} bytes together, more than the {total_limit:,} that a process "
            "can be given; read the payload from the file named by $CUEAPI_PAYLOAD_FILE"
        )


def _pieces(argv: tuple[str, ...], env: Mapping[str, str]) -> Iterator[tuple[str, int, bool]]:
    for index, argument in enumerate(argv):
        yield f"argument {index}", len(os.fsencode(argument)) + 1, "\0" in argument
    for name, value in env.items():
        yield f"environment variable {name}", _size(name, value), "\0" in value
