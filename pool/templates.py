"""`{{ payload.a.b }}` and `${NAME}` in the config's text: found, looked up, and rendered in one pass."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BLANKS = re.compile(r"\s*")
_ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Template:
    """One `{{ expression }}`: `text[start:end]` is the whole of it, braces included."""

    start: int
    end: int
    expression: str


def find(text: str) -> tuple[Template, ...]:
    r"""All templates of `text`, from left to right, in linear time.

    Finds what the older daemon's regular expression `\{\{\s*(.*?)\s*\}\}` finds: the shortest match, whose
    expression may be empty but holds no newline (blanks around it may). The expression itself backtracks
    quadratically on a text such as `{{{{{{…`, hence this scan.
    """
    found = []
    close = newline = -1
    start = text.find("{{")
    while start >= 0:
        after = start + 2
        if close < after:
            close = text.find("}}", after)
            if close < 0:
                break
            last = _end_of_text(text, after, close)
        first = _skip_blanks(text, after)
        if newline < first:
            newline = text.find("\n", first)
            newline = len(text) if newline < 0 else newline
        if newline < last:
            start = text.find("{{", start + 1)
            continue
        found.append(Template(start, close + 2, text[first : max(first, last)]))
        start = text.find("{{", close + 2)
    return tuple(found)


def lookup(expression: str, payload: Any) -> str:
    """The text that `expression` (`payload.a.b`, or `a.b`) has in `payload`.

    Follows the older daemon, so that its files keep their meaning: only objects are walked into; what is
    missing or null is empty; scalars are as Python's `str` shows them (`True`, `1.5`). Objects and lists are
    compact JSON. The text may hold NUL or lone surrogates, which no environment can carry.
    """
    value = payload
    for key in expression.removeprefix("payload.").split("."):
        if not isinstance(value, dict):
            return ""
        value = value.get(key)
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def render(template: str, payload: Any, environ: Mapping[str, str] | None = None) -> str:
    """`template` with each `{{ … }}` looked up in `payload` and, given `environ`, each `${NAME}` in that.

    One pass: text that comes out of the payload or the environment is never looked at again, so a payload
    with `${HOME}` or `{{ … }}` in it stays text (promise 4). An unset `${NAME}` is empty.
    """
    pieces = []
    position = 0
    for found in find(template):
        pieces.append(_fill(template[position : found.start], environ))
        pieces.append(lookup(found.expression, payload))
        position = found.end
    pieces.append(_fill(template[position:], environ))
    return "".join(pieces)


def _fill(text: str, environ: Mapping[str, str] | None) -> str:
    if environ is None:
        return text
    return _ENVIRONMENT.sub(lambda match: environ.get(match[1], ""), text)


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _end_of_text(text: str, first: int, end: int) -> int:
    """Where the text before `end` stops when the blanks at its end are left out, not before `first`."""
    while end > first and text[end - 1].isspace():
        end -= 1
    return end
