"""What a task's handler is: the command to run and the rules it runs under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .limits import Limits

Background = Literal["kill", "leave"]
OnLeaseLost = Literal["kill", "finish"]


@dataclass(frozen=True)
class ShellCommand:
    """A `cmd:` whose templates became quoted references to environment variables (promise 4).

    `script` is run as `/bin/sh -c script`; before that, each variable in `bindings` is set to the text of the
    template expression it is paired with. The script itself never contains payload text.
    """

    script: str
    bindings: tuple[tuple[str, str], ...] = ()
    """(environment variable, template expression such as `payload.a.b`) pairs."""


@dataclass(frozen=True)
class PastedCommand:
    """A `cmd:` under `templates: paste`: payload text is pasted into shell source, as the older daemon did."""

    template: str


@dataclass(frozen=True)
class ArgvCommand:
    """An `argv:` list: no shell; each argument is a template of its own."""

    arguments: tuple[str, ...]


Command = ShellCommand | PastedCommand | ArgvCommand


@dataclass(frozen=True, kw_only=True)
class Handler:
    """How executions of one task are run."""

    task: str
    command: Command
    timeout: float
    """Seconds until the kill ladder starts."""
    cwd: str | None = None
    """Working directory, a template; relative ones are relative to `base_dir`. None: the pool's own."""
    base_dir: str = "."
    """The config file's folder."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Extra environment; values are templates with `{{ payload.a.b }}` and `${NAME}`."""
    on_lease_lost: OnLeaseLost = "kill"
    background: Background = "kill"
    """What becomes of processes that a handler leaves when it ends by itself. `leave` needs a cgroup of the pool's own;
    they then go on until the pool stops."""
    limits: Limits | None = None
