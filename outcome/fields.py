"""The fields of the outcome file: each is kept or dropped on its own, the rest of the file still counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_NAMES_KEPT = 20
_NAME_LENGTH = 60


_Judge = Callable[[Any], str | None]
"""Why a value does not count; None if it does."""


def _text(longest: int) -> _Judge:
    def judge(value: Any) -> str | None:
        if not isinstance(value, str):
            return f"must be text, not {_kind(value)}"
        if len(value) > longest:
            return f"has {len(value):,} characters, at most {longest:,} count"
        return None

    return judge


def _web_address(value: Any) -> str | None:
    objection = _text(2000)(value)
    if objection is None and not value.lower().startswith(("http://", "https://")):
        return "must begin with http:// or https://"
    return objection


def _of_type(kind: type) -> _Judge:
    return lambda value: None if isinstance(value, kind) else f"must be {_KINDS[kind]}, not {_kind(value)}"


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    str: "text",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), type(value).__name__)


_JUDGES: Mapping[str, _Judge] = {
    "success": _of_type(bool),
    "result": _text(2000),
    "error": _text(2000),
    "external_id": _text(500),
    "result_url": _web_address,
    "result_ref": _text(500),
    "result_type": _text(100),
    "summary": _text(500),
    "artifacts": _of_type(list),
    "metadata": _of_type(dict),
}
"""What the handler may say, in characters (protocol: "The handler's side")."""


def validate(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Split `document` into the fields that count and, for each other one, why it is dropped.

    Unknown, ill-typed and over-long fields and non-http addresses are dropped. A null is a field that was not
    given, as on the server, so it is neither kept nor named.
    """
    given = {name: value for name, value in document.items() if value is not None}
    objections = {name: why for name, value in given.items() if (why := objection(name, value)) is not None}
    return {name: value for name, value in given.items() if name not in objections}, objections


def objection(name: str, value: Any) -> str | None:
    """Why a field of the outcome file is dropped, in words; None if it counts."""
    judge = _JUDGES.get(name)
    return "is not a field of the outcome file" if judge is None else judge(value)


def bounded_names(names: Sequence[str], most: int = _NAMES_KEPT) -> tuple[str, ...]:
    """At most `most` names of at most 60 characters; a last entry says how many more there were.

    So a hostile file cannot bloat the report with them.
    """
    shown = tuple(name if len(name) <= _NAME_LENGTH else name[: _NAME_LENGTH - 3] + "..." for name in names)
    if len(shown) <= most:
        return shown
    return (*shown[: most - 1], f"... and {len(shown) - most + 1} more")
