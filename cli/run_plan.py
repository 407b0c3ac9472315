"""What `cueworker run` is about to start, as data and as text. Pure but for the paths that a workspace names."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..pool import process_tree
from ..pool.handler import ArgvCommand, Handler, ShellCommand
from ..pool.invocation import Facts, Invocation, Surroundings, build
from ..pool.settings import Settings
from ..pool.templates import lookup
from ..pool.workspace import Workspace
from .hiding import Secrets

_WIDTH = 13


@dataclass(frozen=True, kw_only=True)
class Given:
    """The execution that is played."""

    execution_id: str
    cue_id: str
    cue_name: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One handler with everything that its start takes."""

    handler: Handler
    given: Given
    invocation: Invocation
    marker: str
    kill_grace: float
    inherited: Mapping[str, str]
    secrets: Secrets
    redacts: bool
    """Whether a worker takes them out of its report."""

    def shown_env(self) -> dict[str, str]:
        """The variables that the handler gets beyond, or other than, the inherited ones; secrets hidden."""
        env = self.invocation.env
        return {
            name: self.secrets.variable(name, env[name])
            for name in sorted(env)
            if self.inherited.get(name) != env[name]
        }

    def withheld(self) -> list[str]:
        """The inherited variables that a handler never gets."""
        return sorted(self.inherited.keys() - self.invocation.env.keys())


def plan(
    handler: Handler,
    settings: Settings,
    given: Given,
    workspace: Workspace,
    surroundings: Surroundings,
    inherited: Mapping[str, str],
) -> Plan:
    """What a worker with these settings would start. Raises CouldNotStart, naming the field to change."""
    marker = process_tree.marker_value(given.execution_id, str(workspace.outcome_file.parent))
    facts = Facts(
        execution_id=given.execution_id,
        cue_id=given.cue_id,
        cue_name=given.cue_name,
        worker_id=settings.worker_id,
        payload=dict(given.payload),
        api_key=settings.api_key,
        base_url=settings.api_base,
        outcome_file=str(workspace.outcome_file),
        payload_file=str(workspace.payload_file),
        marker=(process_tree.MARKER, marker),
    )
    invocation = build(handler, facts, surroundings)
    if not settings.api_key:
        # A pool without one does not start; an empty one would look like one to a handler.
        env = {name: value for name, value in invocation.env.items() if name != "CUEAPI_API_KEY"}
        invocation = Invocation(invocation.argv, env, invocation.cwd)
    return Plan(
        handler=handler,
        given=given,
        invocation=invocation,
        marker=marker,
        kill_grace=settings.kill_grace,
        inherited=inherited,
        secrets=Secrets({**inherited, **invocation.env}, settings.api_key, settings.secrets),
        redacts=settings.redact,
    )


def as_data(planned: Plan) -> dict[str, Any]:
    """For programs."""
    handler = planned.handler
    return {
        "task": handler.task,
        "execution_id": planned.given.execution_id,
        "cue_id": planned.given.cue_id,
        "cue_name": planned.given.cue_name,
        "payload": planned.secrets.value(dict(planned.given.payload)),
        "argv": planned.secrets.value(planned.invocation.argv),
        "bindings": {name: value for name, _, value in _bindings(planned)},
        "cwd": planned.invocation.cwd,
        "env": planned.shown_env(),
        "env_withheld": planned.withheld(),
        "timeout": handler.timeout,
        "kill_grace": planned.kill_grace,
    }


def as_text(planned: Plan, cwd: str) -> str:
    """For people. `cwd` is the caller's own."""
    return "\n".join(_lines(planned, cwd))


def _lines(planned: Plan, cwd: str) -> Iterator[str]:
    handler, invocation = planned.handler, planned.invocation
    yield line("task", handler.task)
    yield line("execution", f"{planned.given.execution_id} (played here, no server is told)")
    yield from _command(planned)
    for name, expression, value in _bindings(planned):
        yield line("", f"${name} = {{{{ {expression} }}}} = {value!r}")
    yield line("cwd", invocation.cwd or f"{cwd} (that of this shell; a pool's is its own)")
    yield line("timeout", f"{handler.timeout:g} s, then {planned.kill_grace:g} s between TERM and KILL")
    kept = len(invocation.env.keys() & planned.inherited.keys())
    yield line("environment", f"{kept} variables of this shell (a service inherits its unit's), and:")
    yield from (line("", f"{name}={value}") for name, value in planned.shown_env().items())
    if planned.withheld():
        yield line("withheld", ", ".join(planned.withheld()))


def _command(planned: Plan) -> Iterator[str]:
    argv = planned.invocation.argv
    if isinstance(planned.handler.command, ArgvCommand):
        yield line("command", planned.secrets.text(shlex.join(argv)))
        return
    first, *rest = planned.secrets.text(argv[-1]).rstrip("\n").split("\n")
    yield line("sh -c", first)
    yield from (line("", other) for other in rest)


def _bindings(planned: Plan) -> list[tuple[str, str, str]]:
    """(variable, template expression, its value) of a `cmd:` whose templates became quoted references."""
    command = planned.handler.command
    if not isinstance(command, ShellCommand):
        return []
    payload = dict(planned.given.payload)
    return [
        (name, expression, planned.secrets.text(lookup(expression, payload)))
        for name, expression in command.bindings
    ]


def line(name: str, value: str) -> str:
    """One line of the description."""
    return f"{name:<{_WIDTH}}{value}".rstrip()
