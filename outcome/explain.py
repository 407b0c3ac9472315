"""The outcome file's verdict in words, field by field: what counts in the report, what does not, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .changes import Changes
from .ending import Ending
from .file import OutcomeFile
from .metadata import Metadata
from .report import WORKER_ENTRY, Report
from .verdict import is_consulted


class FieldFate(StrEnum):
    """What became of one field of the outcome file on its way into the report."""

    KEPT = "kept"
    CLIPPED = "clipped"
    CLEANED = "cleaned"
    DROPPED = "dropped"


@dataclass(frozen=True)
class FieldVerdict:
    """One field of the outcome file."""

    name: str
    fate: FieldFate
    why: str | None = None


_REMOVED = {
    "result_url": "the server would not take it as a web address",
    "artifacts": "not one of them fits within the server's limit",
    "metadata": "it is larger than the server takes",
}
_CLEANED = "characters or numbers that the server cannot store were replaced"


def explain(ending: Ending, file: OutcomeFile, report: Report) -> tuple[FieldVerdict, ...]:
    """The fate of each field of `file` in `report`, which is `fit(resolve(ending, file, …))`.

    In the file's order; those that were dropped for themselves come last.
    """
    counting = tuple(_fields(ending, file, report))
    return counting + tuple(
        FieldVerdict(name, FieldFate.DROPPED, why) for name, why in file.objections.items()
    )


def _fields(ending: Ending, file: OutcomeFile, report: Report) -> Iterator[FieldVerdict]:
    changes = Metadata.of(report.metadata).changes
    for name, value in file.fields.items():
        why = _reason_not_to_count(name, ending, report)
        if why is not None:
            yield FieldVerdict(name, FieldFate.DROPPED, why)
            continue
        if name == "metadata" and WORKER_ENTRY in value:
            yield FieldVerdict(
                f"metadata.{WORKER_ENTRY}", FieldFate.DROPPED, "this entry is the worker's own"
            )
        yield _in_report(name, value, changes, report)


def _reason_not_to_count(name: str, ending: Ending, report: Report) -> str | None:
    if not is_consulted(ending):
        return f"the file does not count when a handler {ending.kind.value.replace('_', ' ')}"
    if name == "error" and report.success:
        return "a success has no error"
    return None


def _in_report(name: str, value: Any, changes: Changes, report: Report) -> FieldVerdict:
    if name in changes.removed:
        return FieldVerdict(name, FieldFate.DROPPED, _REMOVED.get(name))
    if name in changes.clipped:
        return FieldVerdict(name, FieldFate.CLIPPED, _clipped(name, changes.clipped[name], report))
    if name in changes.cleaned:
        return FieldVerdict(name, FieldFate.CLEANED, _CLEANED)
    if name == "success" and value and not report.success:
        return FieldVerdict(name, FieldFate.DROPPED, "nothing makes a success of this ending")
    if name == "error" and report.error != value:
        return FieldVerdict(name, FieldFate.DROPPED, "the worker's own words explain this ending")
    if isinstance(value, str) and name in ("result", "error") and not value.strip():
        return FieldVerdict(name, FieldFate.DROPPED, "it is blank: the handler's output stands in")
    return FieldVerdict(name, FieldFate.KEPT)


def _clipped(name: str, before: int, report: Report) -> str:
    kept = getattr(report, name)
    unit = "entries" if name == "artifacts" else "characters"
    return f"{before:,} {unit}, of which the server takes {len(kept or ''):,}"
