"""Keys that are no settings: a typo is an error that says what was meant, anything else is ignored."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping

from .config_node import Document, Entry
from .config_problem import clip
from .config_schema import HANDLER, LIMITS, METRICS, TOP

_MEANT = {
    "api_url": "api_base",
    "address": "listen",
    "args": "argv",
    "bind": "listen",
    "base_url": "api_base",
    "command": "cmd",
    "cpus": "cpu",
    "mem": "memory",
    "pids": "processes",
    "tasks_max": "processes",
    "concurrency": "workers",
    "dir": "cwd",
    "directory": "cwd",
    "environment": "env",
    "poll": "poll_interval",
    "port": "listen",
    "prometheus": "metrics",
    "run": "cmd",
    "script": "cmd",
    "shell": "cmd",
    "tasks": "handlers",
    "working_dir": "cwd",
    "working_directory": "cwd",
    "workdir": "cwd",
}
"""Names that other tools use."""


def advise_top(key: str) -> str | None:
    """What an unknown key at the top level was meant to be; None when it resembles nothing."""
    if key in HANDLER:
        return "did you mean handler_timeout?" if key == "timeout" else f"{key} belongs inside a handler"
    return _did_you_mean(key, TOP)


def advise_handler(key: str) -> str | None:
    """The same for a key inside a handler."""
    if key in TOP:
        return "did you mean timeout?" if key == "handler_timeout" else f"{key} belongs at the top level"
    if key in LIMITS:
        return f"{key} belongs under limits"
    return _did_you_mean(key, HANDLER)


def advise_among(fields: Collection[str]) -> Callable[[str], str | None]:
    """The same for a key inside a section that has these."""
    return lambda key: _did_you_mean(key, fields)


def advise_metrics(key: str) -> str | None:
    """The same for a key under `metrics`."""
    return _did_you_mean(key, METRICS)


def advise_limits(key: str) -> str:
    """The same for a key inside `limits`: a limit that is ignored is none, so that each is an error."""
    return _did_you_mean(key, LIMITS) or f"there are {', '.join(LIMITS)}"


def _did_you_mean(key: str, known: Collection[str]) -> str | None:
    folded = key.lower().replace("-", "_")
    if _MEANT.get(folded) in known:
        return f"did you mean {_MEANT[folded]}?"
    close = difflib.get_close_matches(folded[:100], known, n=1, cutoff=0.65)
    return f"did you mean {close[0]}?" if close else None


def known_only(
    entries: Mapping[str, Entry],
    fields: Mapping[str, object],
    advise: Callable[[str], str | None],
    document: Document,
    where: str,
) -> None:
    """Judge the keys that are not `fields`: an error where `advise` has advice, else ignored with a warning.

    The existing daemon ignored unknown keys and its files must work; a typo must not be ignored in silence.
    Keys that begin with `x-` are the writer's own, for anchors.
    """
    for key, entry in entries.items():
        if key in fields or key.startswith("x-"):
            continue
        advice = advise(key)
        if advice is not None:
            document.findings.error(entry.key_place, f"unknown key {clip(key)} {where}", advice)
        else:
            document.findings.warn(entry.key_place, f"unknown key {clip(key)} {where} is ignored")
