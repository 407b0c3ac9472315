"""Smaller and smaller reports for a server that refuses one (400, 422): evidence goes step by step."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from . import clip
from .changes import LONG_TEXTS
from .fit import fit
from .metadata import Metadata
from .report import Report

SHORT_TEXT = 200
"""Characters of ASCII that `result` and `error` are cut to before they are given up."""

_NOT_PLAIN = re.compile(r"[^\t\n\r\x20-\x7e]")

_Step = Callable[[Report], Report | None]


def shrink(report: Report) -> Report | None:
    """The next smaller report after `report` (as `fit` made it), or None when nothing is left to cut.

    One thing goes at a time, because the outcome is write-once and what is cut is lost: artifacts, the
    handler's metadata, `result_url`, `result_ref`, `external_id`, `result_type`, `summary`, our diagnostics,
    long texts. Each is named under `metadata._cueapi_worker.removed`. The last report is bare: `success` and
    the short error. `success` never changes.
    """
    fitted = fit(report)
    smaller = (step(fitted) for step in _STEPS)
    return next((fit(candidate) for candidate in smaller if candidate is not None), None)


def _without(name: str) -> _Step:
    def step(report: Report) -> Report | None:
        values = report.body()
        if values.pop(name, None) is None:
            return None
        metadata = Metadata.of(report.metadata)
        values["metadata"] = replace(metadata, changes=metadata.changes.remove(name)).assembled()
        return Report(**values)

    return step


def _without_handlers_metadata(report: Report) -> Report | None:
    metadata = Metadata.of(report.metadata)
    return replace(report, metadata=metadata.without_handlers().assembled()) if metadata.handlers else None


def _without_details(report: Report) -> Report | None:
    metadata = Metadata.of(report.metadata)
    if not metadata.has_more_than_essentials():
        return None
    return replace(report, metadata=metadata.essential().assembled())


def _with_short_texts(report: Report) -> Report | None:
    result, error = _short(report.result), _short(report.error)
    if (result, error) == (report.result, report.error):
        return None
    metadata = Metadata.of(report.metadata)
    changes = metadata.changes.remove(LONG_TEXTS)
    for name, text in (("result", report.result), ("error", report.error)):
        if text is not None and len(text) > SHORT_TEXT:
            changes = changes.clip(name, len(text))
    named = replace(metadata, changes=changes)
    return replace(report, result=result, error=error, metadata=named.assembled())


def _bare(report: Report) -> Report | None:
    bare = Report(success=report.success, error=report.error)
    return None if report == bare else bare


def _short(text: str | None) -> str | None:
    return None if text is None else _NOT_PLAIN.sub("?", clip.head_and_tail(text, SHORT_TEXT))


_STEPS: tuple[_Step, ...] = (
    _without("artifacts"),
    _without_handlers_metadata,
    _without("result_url"),
    _without("result_ref"),
    _without("external_id"),
    _without("result_type"),
    _without("summary"),
    _without_details,
    _with_short_texts,
    _bare,
)
