"""One picture of a pool for `cueworker top`: lines with a style each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .process_usage import Usage
from .status_text import HEAD, Status, note, row, summary
from .words import NOTHING, size, table

SHORT_OF_TIME = 0.1
"""The share of its timeout that is left to a handler from which on it is marked."""


class Line(NamedTuple):
    """A line and how it looks: one of rich's styles, or none."""

    text: str
    style: str = ""


def frame(status: Status, usage: Mapping[int, Usage], output: Mapping[int, Sequence[str]]) -> list[Line]:
    """`usage` by the worker's pid, `output` (last lines) by the slot."""
    slots = status["slots"]
    rows = [[*row(slot), *_cells(usage.get(slot["pid"])), note(slot)] for slot in slots]
    head, *lines = table([*HEAD, "CPU", "MEM", "PROCS", "NOTE"], rows)
    first, *more = summary(status)
    shown = [
        Line(first, "bold yellow" if status["paused"] else "bold"),
        *(Line(text) for text in more),
        Line(""),
    ]
    shown.append(Line(head, "bold"))
    for slot, line in zip(slots, lines, strict=True):
        shown.append(Line(line, _style(slot)))
        shown += [Line(f"      | {text}", "dim") for text in output.get(slot["slot"], ())]
    return shown


def _cells(usage: Usage | None) -> list[str]:
    if usage is None:
        return [NOTHING, NOTHING, NOTHING]
    return [f"{usage.cpu:.0f}%", size(usage.memory), str(usage.processes)]


def _style(slot: dict[str, Any]) -> str:
    execution = slot["execution"]
    if slot["pid"] is None or slot["crashes"]:
        return "red"
    if execution is None:
        return "dim" if slot["state"] == "idle" else ""
    left, timeout = execution["time_left"], execution["timeout"]
    ends_soon = left is not None and timeout is not None and left < timeout * SHORT_OF_TIME
    return "yellow" if ends_soon or execution["cancelled"] else "green"
