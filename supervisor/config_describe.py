"""A configuration in words, for `cueworker check`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..pool.handler import ArgvCommand, Command, Handler, PastedCommand, ShellCommand
from ..pool.limits import Limits as HandlerLimits
from ..pool.recycling import SPREAD, Limits
from ..pool.settings import Settings
from .config_problem import Problem, mask_keys

_WIDTH = 16
_SHOWN_END = 4
_WHEN_REFUSED = {
    "wait": "claim nothing until there is another key",
    "exit": "drain and leave with exit code 77",
}


def describe_settings(
    settings: Settings,
    path: Path | None,
    key_source: str,
    warnings: Sequence[Problem],
    refused: Sequence[Problem],
    *,
    local: bool = False,
) -> str:
    """Several lines of text: the pool, each handler by name, refused handlers, warnings. Holds no API key.

    `local`: the pool would have a server of its own, whose address and key are not known yet.
    """
    server = ["the embedded one (--local)", "its own"] if local else _account(settings, key_source)
    lines = [*_pool(settings, path, *server)]
    for task in sorted(settings.handlers):
        lines += ["", *_handler(settings.handlers[task])]
    lines += _listed("refused", refused)
    lines += _listed("warnings", warnings)
    return mask_keys("\n".join(lines), settings.api_key)


def mask_key(api_key: str) -> str:
    """Enough of a key to tell two apart: the last four characters of a long one."""
    return "…" + api_key[-_SHOWN_END:] if len(api_key) >= 5 * _SHOWN_END else "…"


def _account(settings: Settings, key_source: str) -> list[str]:
    source = f" from {key_source}" if key_source else ""
    return [settings.api_base, mask_key(settings.api_key) + source]


def _pool(settings: Settings, path: Path | None, server: str, api_key: str) -> Iterator[str]:
    polling = (
        "auto" if settings.poll_interval is None else f"every {_seconds(settings.poll_interval)} when idle"
    )
    yield _line("configuration", str(path) if path else "none")
    yield _line("server", server)
    yield _line("api key", api_key)
    if settings.email:
        yield _line("email", settings.email)
    yield _line("key refused", _WHEN_REFUSED[settings.on_auth_failure])
    yield _line("worker id", settings.worker_id)
    yield _line("workers", str(settings.workers))
    yield _line("state dir", str(settings.state_dir))
    if settings.log.file is not None:
        yield _line("log file", str(settings.log.file))
    if not settings.redact:
        yield _line("redact", "false: secrets stay in handlers' output and in reports")
    yield _line("polling", polling)
    yield _line("heartbeat", f"every {_seconds(settings.heartbeat_interval)}")
    yield _line(
        "stopping",
        f"handlers have {_seconds(settings.shutdown_grace)} to finish, "
        f"then {_seconds(settings.kill_grace)} between TERM and KILL",
    )
    if settings.metrics is not None:
        yield _line("metrics", f"http://{settings.metrics}/metrics, also /healthz and /readyz")
    if recycled := ", ".join(_limits(settings.limits)):
        yield _line("recycling", f"a worker after {recycled}, each within {SPREAD:.0%}")


def _limits(limits: Limits) -> Iterator[str]:
    if limits.executions is not None:
        yield f"{limits.executions} executions"
    if limits.memory is not None:
        yield f"{limits.memory / (1 << 20):g} MiB of its own memory"
    if limits.age is not None:
        yield _seconds(limits.age)


def _handler(handler: Handler) -> Iterator[str]:
    yield f"handler {handler.task}"
    yield from _command(handler.command)
    yield _line("  timeout", _seconds(handler.timeout))
    if handler.cwd is not None:
        yield _line("  cwd", os.path.join(handler.base_dir, handler.cwd))
    if handler.env:
        yield _line("  env", ", ".join(sorted(handler.env)))
    yield _line("  lease lost", handler.on_lease_lost)
    if handler.background != "kill":
        yield _line("  background", handler.background)
    if handler.limits is not None:
        yield _line("  limits", ", ".join(_handler_limits(handler.limits)))


def _handler_limits(limits: HandlerLimits) -> Iterator[str]:
    if limits.memory is not None:
        yield f"memory {limits.memory:,} bytes"
    if limits.cpu is not None:
        yield f"cpu {limits.cpu:.0%} of one processor"
    if limits.processes is not None:
        yield f"processes {limits.processes}"


def _command(command: Command) -> Iterator[str]:
    match command:
        case ShellCommand(script, bindings):
            yield from _block("  sh -c", script)
            for variable, expression in bindings:
                yield _line("", f"${variable} = {{{{ {expression} }}}}")
        case PastedCommand(template):
            yield from _block("  sh -c, pasted", template)
        case ArgvCommand(arguments):
            yield _line("  argv", str(list(arguments)))


def _block(name: str, text: str) -> Iterator[str]:
    first, *rest = text.rstrip("\n").split("\n")
    yield _line(name, first)
    for line in rest:
        yield _line("", line)


def _listed(title: str, problems: Iterable[Problem]) -> list[str]:
    listed = [f"  {problem}" for problem in problems]
    return ["", title, *listed] if listed else []


def _line(name: str, value: str) -> str:
    return f"{name:<{_WIDTH}}{value}".rstrip()


def _seconds(duration: float) -> str:
    return f"{duration:g} s"
