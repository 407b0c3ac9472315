"""The fields of the outcome file: each is kept or dropped on its own, the rest of the file still counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_NAMES_KEPT = 20
_NAME_LENGTH = 60


def _text(longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= longest


def _web_address(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 2000 and value.lower().startswith(("http://", "https://"))


_ACCEPTS: Mapping[str, Callable[[Any], bool]] = {
    "success": lambda value: isinstance(value, bool),
    "result": _text(2000),
    "error": _text(2000),
    "external_id": _text(500),
    "result_url": _web_address,
    "result_ref": _text(500),
    "result_type": _text(100),
    "summary": _text(500),
    "artifacts": lambda value: isinstance(value, list),
    "metadata": lambda value: isinstance(value, dict),
}
"""What the handler may say, in characters (protocol: "The handler's side")."""


def validate(document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Split `document` into the fields that count and the names of those that were dropped.

    Unknown, ill-typed and over-long fields and non-http addresses are dropped. A null is a field that was not
    given, as on the server, so it is neither kept nor named. The names are bounded in count and length: a
    hostile file cannot bloat the report with them.
    """
    given = {name: value for name, value in document.items() if value is not None}
    kept = {name: value for name, value in given.items() if name in _ACCEPTS and _ACCEPTS[name](value)}
    return kept, bounded_names([name for name in given if name not in kept])


def bounded_names(names: Sequence[str], most: int = _NAMES_KEPT) -> tuple[str, ...]:
    """At most `most` names of at most 60 characters; a last entry says how many more there were."""
    shown = tuple(name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 3] + "..." for name in names)
    if len(shown) <= most:
        return shown
    return (*shown[: most - 1], f"... and {len(shown) - most + 1} more")
