"""A pool's status in words, for `cueworker status` and `cueworker top`. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .words import NOTHING, duration, printable, table

HUNG_AFTER = 30.0
"""Seconds without a beat that are worth a note; a process beats every 5."""

HEAD = ["SLOT", "STATE", "PID", "AGE", "DONE", "TASK", "EXECUTION", "ELAPSED", "LEASE"]

Slot = dict[str, Any]
Status = dict[str, Any]


def summary(status: Status) -> list[str]:
    """The lines above the table: the pool, where it is, and what is not as usual."""
    counts = Counter(slot["state"] for slot in status["slots"])
    states = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    stage = "PAUSED" if status["paused"] and status["stage"] == "running" else status["stage"]
    lines = [
        f"{status['worker_id']} (pid {status['pid']}) {stage}, up {duration(status['uptime'])}; "
        f"{status['workers']} workers: {states}",
        f"server {status['server']}; state in {status['state_dir']}; "
        f"{status['waiting_reports']} report(s) wait in the spool",
    ]
    if status["paused"]:
        lines.append("nothing is claimed while it is paused; `cueworker resume` ends that")
    if status["recycling"]:
        lines.append(f"recycling, one at a time: slot {', '.join(map(str, status['recycling']))}")
    steward = status["steward"]
    if steward["pid"] is None or note(steward):
        lines.append(f"steward: {steward['state']}; {note(steward)}".removesuffix("; "))
    return [printable(line) for line in lines]


def row(slot: Slot) -> list[str]:
    """A slot's cells under `HEAD`."""
    execution = slot["execution"]
    cells = [
        str(slot["slot"]),
        slot["state"],
        NOTHING if slot["pid"] is None else str(slot["pid"]),
        duration(slot["age"]),
        str(slot["executions"]),
    ]
    if execution is None:
        return [*cells, NOTHING, NOTHING, NOTHING, NOTHING]
    elapsed = f"{duration(execution['elapsed'])} / {duration(execution['timeout'])}"
    return [
        *cells,
        printable(execution["task"] or NOTHING)[:32],
        printable(execution["id"] or NOTHING)[:8],
        elapsed if execution["elapsed"] is not None else execution["phase"] or NOTHING,
        duration(execution["lease_left"]),
    ]


def note(slot: Slot) -> str:
    """What is not as usual with a slot."""
    said = []
    execution = slot["execution"]
    if execution is not None and execution["cancelled"]:
        said.append("cancelling")
    if slot["leaving"]:
        said.append("leaves when it is free")
    if slot["beat"] is not None and slot["beat"] > HUNG_AFTER:
        said.append(f"silent for {duration(slot['beat'])}")
    if slot["crashes"]:
        said.append(f"{slot['crashes']} crash(es) in a row, last {slot['last_exit']}")
    if slot["recycled"]:
        said.append(f"recycled {slot['recycled']}x, last for {slot['recycled_for']}")
    return printable("; ".join(said))


def text(status: Status) -> str:
    """All of it."""
    rows = [[*row(slot), note(slot)] for slot in status["slots"]]
    return "\n".join([*summary(status), "", *table([*HEAD, "NOTE"], rows)])
