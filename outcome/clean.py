"""Values made safe for the server's JSON and PostgreSQL behind it: pure, any depth of hostile input."""

from __future__ import annotations

import math
import re
from typing import Any

MAX_LEVELS = 32
"""Containers within containers, the outermost counted."""

TOO_DEEP = f"(nested deeper than {MAX_LEVELS} levels)"

_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_INT64_END = 2**63
_LONGEST_INT_TEXT = 4_096
"""Bits. Longer integers are named, not written out: Python refuses to convert far longer ones."""


def clean_text(text: str) -> str:
    """`text` with U+FFFD in place of NUL and lone surrogates, which the server answers with 500."""
    return _UNSENDABLE.sub("\ufffd", text)


def clean_value(value: Any) -> Any:
    """A JSON value that every server and consumer can take, as close to `value` as that allows.

    Text is cleaned in keys and values. NaN and the infinities become the texts `NaN`, `Infinity` and
    `-Infinity`, integers beyond 64 bits their decimal digits (PostgreSQL would hold them, but most JSON
    readers round them or fail). Containers deeper than 32 levels become a text that says so, and what is not
    JSON at all becomes its `str()`. A value that needs none of this comes back equal.
    """
    return _clean(value, MAX_LEVELS)


def _clean(value: Any, levels: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int):
        return value if -_INT64_END <= value < _INT64_END else _int_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _non_finite_text(value)
    if not isinstance(value, (dict, list, tuple)):
        return clean_text(str(value))
    if levels == 0:
        return TOO_DEEP
    if isinstance(value, dict):
        return {clean_text(str(key)): _clean(item, levels - 1) for key, item in value.items()}
    return [_clean(item, levels - 1) for item in value]


def _int_text(value: int) -> str:
    bits = value.bit_length()
    return str(value) if bits <= _LONGEST_INT_TEXT else f"(an integer of {bits:,} bits)"


def _non_finite_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
