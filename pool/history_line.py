"""What history says of an execution: its run, its ending, the first words of its report, what became of that. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..outcome import WORKER_ENTRY
from .offers import Offer
from .spool import SpoolEntry

RESULT_LENGTH = 200
"""Characters of a result's first line. An error is kept as it was reported: it is what people look for."""

_FROM_THE_WORKER = {
    "exit_code": "exit_code",
    "signal": "signal",
    "outcome_file_parse_error": "outcome_file_error",
    "outcome_file_dropped_fields": "dropped",
    "clipped": "clipped",
    "cleaned": "cleaned",
    "removed": "removed",
}
"""Entries of `metadata._cueapi_worker`, and what they are called here."""

_EVIDENCE = ("external_id", "result_url", "result_ref", "result_type", "summary")


def about_run(slot: int, offer: Offer, now: float, seconds: float) -> dict[str, Any]:
    """The facts of a run that its report does not hold. `now` is its end in epoch seconds, `seconds` its length.

    `queued` is the time from when it was due to when a worker took it, `started` that moment in epoch seconds.
    """
    started = now - seconds
    facts = {"slot": slot, "started": round(started, 3), "seconds": round(seconds, 3)}
    due = _epoch(offer.scheduled_for)
    if due is not None:
        facts["queued"] = round(max(0.0, started - due), 3)
    return {"cue": offer.cue_name, **facts} if offer.cue_name else facts


def history_line(entry: SpoolEntry, fate: str, waited: float | None = None) -> dict[str, Any]:
    """One execution for `history.record`. `waited` are the seconds that its report spent in the spool."""
    report = entry.report
    ours = (report.metadata or {}).get(WORKER_ENTRY, {})
    facts: dict[str, Any] = {
        "execution_id": entry.execution_id,
        "task": entry.task,
        "ending": entry.ending,
        "success": report.success,
        "fate": fate,
        **entry.about,
        "waited": None if waited is None else round(waited, 3),
        "error": report.error,
        "result": None if report.result is None else _first_line(report.result)[:RESULT_LENGTH],
        **{name: getattr(report, name) for name in _EVIDENCE},
        "artifacts": len(report.artifacts) if report.artifacts else None,
        **{name: ours.get(key) for key, name in _FROM_THE_WORKER.items()},
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _epoch(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
