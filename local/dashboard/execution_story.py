"""One execution as its page tells it: a timeline, and what the worker changed in the report. Pure.

The metadata under `_cueapi_worker` came through the network like everything else: nothing in it is taken for
granted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..validate import is_web_url
from . import words

WORKER_ENTRY = "_cueapi_worker"
"""The worker's own entry in a report's metadata."""

_TRIGGERS = {"schedule": "by its schedule", "manual_fire": "by hand", "replay": "as a replay"}
_ENDINGS = {
    "exited": "the handler exited",
    "signalled": "the handler was killed by a signal",
    "timed_out": "the handler ran out of time and was killed",
    "lease_lost": "the lease was lost and the handler killed",
    "shut_down": "the worker shut down and killed the handler",
    "could_not_start": "the handler could not be started",
    "worker_lost": "the worker died; what the handler did is unknown",
}
_STATES = {
    "verified_success": ("Verified", "good"),
    "verification_failed": ("Verification failed", "bad"),
    "verification_pending": ("Waits for verification", "busy"),
}
_SAME_MOMENT = 0.001


@dataclass(frozen=True)
class Step:
    """One step of the timeline."""

    name: str
    at: float | None
    """Epoch seconds; None for one that is still to come."""
    about: str = ""
    tone: str = "done"
    """`done`, `good`, `bad`, `busy` or `ahead`."""


def timeline(row: sqlite3.Row, *, now: float) -> list[Step]:
    """From fired to verified, with what is still to come."""
    how = _TRIGGERS.get(row["triggered_by"], row["triggered_by"])
    steps = [Step("Fired", row["created_at"], how)]
    if row["scheduled_for"] - row["created_at"] > 1:
        steps.append(
            Step("Due", row["scheduled_for"], tone="done" if row["scheduled_for"] <= now else "ahead")
        )
    steps += _claim(row)
    steps += _outcome(row, now=now)
    return steps


def _claim(row: sqlite3.Row) -> list[Step]:
    if row["claimed_at"] is None:
        if row["status"] == "missed":
            return [Step("Missed", row["updated_at"], "no worker claimed it in time", "bad")]
        return [Step("Claimed", None, "waits for a worker", "ahead")]
    waited = row["claimed_at"] - max(row["scheduled_for"], row["created_at"])
    about = f"by {row['claimed_by']}, after {words.duration(waited)}"
    if row["attempts"] > 1:
        about += f"; attempt {row['attempts']}"
    started = row["started_at"]
    if started is not None and started - row["claimed_at"] > _SAME_MOMENT:
        return [Step("Claimed", row["claimed_at"], about), Step("Started", started)]
    return [Step("Claimed", row["claimed_at"], about), Step("Started", started, "as it was claimed")]


def _outcome(row: sqlite3.Row, *, now: float) -> list[Step]:
    at = row["outcome_recorded_at"]
    if at is None:
        return [] if row["status"] == "missed" else [_no_outcome(row, now=now)]
    took = f"after {words.duration(at - row['claimed_at'])}" if row["claimed_at"] is not None else ""
    good = bool(row["outcome_success"])
    steps = [Step("Success" if good else "Failure", at, took, "good" if good else "bad")]
    if row["outcome_state"] in _STATES:
        name, tone = _STATES[row["outcome_state"]]
        # A verdict of the evidence comes with the outcome; one of a person comes later.
        moment = None if tone == "busy" else row["updated_at"]
        steps.append(Step(name, moment, row["outcome_reason"] or "", tone))
    return steps


def _no_outcome(row: sqlite3.Row, *, now: float) -> Step:
    if row["status"] == "delivering" and row["claimed_at"] is not None:
        return Step("Running", None, f"for {words.duration(now - row['claimed_at'])}", "busy")
    if row["status"] in ("failed", "outcome_timeout"):
        return Step("Failure", row["updated_at"], row["error_message"] or "no outcome was reported", "bad")
    if row["status"] in ("retrying", "retry_ready"):
        return Step("Taken back", row["updated_at"], "the lease ran out; another attempt follows", "busy")
    return Step("Outcome", None, "", "ahead")


def worker_entry(metadata: object) -> Mapping[str, Any]:
    """The worker's own entry; empty when there is none, or nonsense in its place."""
    entry = metadata.get(WORKER_ENTRY) if isinstance(metadata, dict) else None
    return entry if isinstance(entry, dict) else {}


def ending(entry: Mapping[str, Any]) -> str | None:
    """How the handler ended, in words: `the handler exited with code 3`."""
    name = entry.get("ending")
    if not isinstance(name, str):
        return None
    said = _ENDINGS.get(name, name)
    if (code := _whole(entry.get("exit_code"))) is not None:
        said += f" with code {code}"
    if (signum := _whole(entry.get("signal"))) is not None:
        said += f" (signal {signum})"
    return said


def changes(entry: Mapping[str, Any]) -> list[str]:
    """What the worker dropped, clipped or replaced in the report, a sentence each."""
    told = []
    if (error := entry.get("outcome_file_parse_error")) is not None:
        told.append(f"The outcome file was not taken: {_text(error)}")
    if entry.get("outcome_file_ignored"):
        told.append("The outcome file was left aside, because of how the handler ended.")
    if names := _names(entry.get("outcome_file_dropped_fields")):
        told.append(f"Dropped from the outcome file: {names}.")
    clipped = entry.get("clipped")
    for name, length in clipped.items() if isinstance(clipped, dict) else ():
        had = _whole(length)
        told.append(f"{name} was cut to fit" + (f"; it had {had:,} characters." if had is not None else "."))
    if names := _names(entry.get("cleaned")):
        told.append(f"Characters that cannot be stored were replaced in: {names}.")
    if names := _names(entry.get("removed")):
        told.append(f"Left out, because it did not fit: {names}.")
    if names := _names(entry.get("survivors")):
        told.append(f"Processes that outlived the kill: {names}.")
    return told


def artifacts(value: object) -> list[tuple[str, str | None]]:
    """Each artifact as a text, and its address when there is one that a browser may follow."""
    found = []
    for item in value if isinstance(value, list) else []:
        address = item if isinstance(item, str) else item.get("url") if isinstance(item, dict) else None
        link = address if isinstance(address, str) and is_web_url(address) else None
        found.append((_text(item), link))
    return found


def _names(value: object) -> str:
    return ", ".join(_text(name) for name in value) if isinstance(value, list) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
