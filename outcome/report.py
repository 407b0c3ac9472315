"""The report: what the pool tells the server about one execution, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

WORKER_ENTRY = "_cueapi_worker"
"""The key under `metadata` that is the pool's own: diagnostics, never taken from a handler."""


@dataclass(frozen=True)
class Report:
    """The verdict with its texts and evidence, field by field as in `POST /v1/executions/{id}/outcome`.

    None means "not sent". Any text is allowed here; `fit` makes a report that the server will take.
    """

    success: bool
    result: str | None = None
    error: str | None = None
    external_id: str | None = None
    result_url: str | None = None
    result_ref: str | None = None
    result_type: str | None = None
    summary: str | None = None
    artifacts: list[Any] | None = None
    metadata: dict[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """The JSON body, without the fields that are None."""
        values = ((name, getattr(self, name)) for name in FIELD_NAMES)
        return {name: value for name, value in values if value is not None}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Report:
        """The report that `body` was made from (spool files).

        Names that are not fields of a report are ignored, so that a spool written by a newer version still
        reaches the server. Raises ValueError when `body` is no mapping, has no bool `success`, or a field of
        the wrong type.
        """
        if nonsense := _nonsense(body):
            raise ValueError(nonsense)
        return cls(**{name: body[name] for name in FIELD_NAMES if name in body})


FIELD_NAMES = tuple(field.name for field in fields(Report))
"""In the order of the body."""

_FIELD_TYPES: dict[str, type] = {"success": bool, "artifacts": list, "metadata": dict}


def _nonsense(body: Any) -> str | None:
    """Why `body` is not the body of a report, if so."""
    if not isinstance(body, Mapping):
        return f"the body of a report is a mapping, not {type(body).__name__}"
    if body.get("success") is None:
        return "the body of a report has a bool `success`"
    for name in FIELD_NAMES:
        value = body.get(name)
        if value is not None and not isinstance(value, _FIELD_TYPES.get(name, str)):
            return f"`{name}` in the body of a report cannot be of type {type(value).__name__}"
    return None
