"""Makes the report that a real server will take: the stricter of all known limits, every change named."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from . import clip, web_address
from .changes import Changes
from .clean import clean_value
from .metadata import Metadata
from .report import Report

ARTIFACTS_MAX_BYTES = 65_536
"""The server names no limit for artifacts; this keeps the body far below the 1 MB that it takes in all."""

_Cut = Callable[[str, int], str]

_TEXTS: Mapping[str, tuple[int, _Cut]] = {
    "result": (2_000, clip.head_and_tail),
    "error": (2_000, clip.head_and_tail),
    "external_id": (255, clip.head),
    "result_ref": (255, clip.head),
    "result_type": (50, clip.head),
    "summary": (500, clip.head_with_ellipsis),
}
"""Limits in characters: the stricter column of the protocol's table for the outcome."""


def fit(report: Report) -> Report:
    """`report` within every limit of both known servers, so that it is neither refused nor answered with 500.

    NUL, lone surrogates, non-finite numbers, integers beyond 64 bits and too deep nesting are cleaned, texts
    are clipped, a `result_url` that does not parse is left out, artifacts keep the first ones that fit, and
    metadata gives way as `Metadata.fitted` says. What was changed is named under `metadata._cueapi_worker`:
    `clipped` (field: length before), `cleaned` and `removed` (fields). `fit(fit(r)) == fit(r)`.
    """
    given = report.body()
    values = {name: _cleaned(name, value) for name, value in given.items()}
    touched = [name for name in given if values[name] != given[name]]
    metadata = Metadata.of(values.pop("metadata", None))
    changes = metadata.changes.clean(*touched)
    changes = _clip_texts(values, changes)
    changes = _drop_bad_address(values, changes)
    changes = _bound_artifacts(values, changes)
    fitted = Metadata(metadata.handlers, metadata.details, changes).fitted()
    return Report(**values, metadata=fitted.assembled())


def _cleaned(name: str, value: Any) -> Any:
    clean = clean_value(value)
    return clean.strip().replace(" ", "%20") if name == "result_url" else clean


def _clip_texts(values: dict[str, Any], changes: Changes) -> Changes:
    for name, (limit, cut) in _TEXTS.items():
        text = values.get(name)
        if text is not None and len(text) > limit:
            values[name] = cut(text, limit)
            changes = changes.clip(name, len(text))
    return changes


def _drop_bad_address(values: dict[str, Any], changes: Changes) -> Changes:
    address = values.get("result_url")
    if address is None or web_address.is_acceptable(address):
        return changes
    del values["result_url"]
    return changes.remove("result_url")


def _bound_artifacts(values: dict[str, Any], changes: Changes) -> Changes:
    artifacts = values.get("artifacts")
    if not artifacts:
        return changes
    room = ARTIFACTS_MAX_BYTES
    kept = []
    for artifact in artifacts:
        room -= len(json.dumps(artifact)) + len(", ")
        if room < 0:
            break
        kept.append(artifact)
    if len(kept) == len(artifacts):
        return changes
    if not kept:
        del values["artifacts"]
        return changes.remove("artifacts")
    values["artifacts"] = kept
    return changes.clip("artifacts", len(artifacts))
