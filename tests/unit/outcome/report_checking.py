"""A strict server, written from the protocol's table for the outcome alone, and reports of every kind."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from cueworker.outcome import Report
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For property tests on a machine with other work: a slow example is no failure."""

LIMITS = {
    "result": 2000,
    "error": 2000,
    "external_id": 255,
    "result_url": 2000,
    "result_ref": 255,
    "result_type": 50,
    "summary": 500,
}


def refusals(body: dict[str, Any]) -> list[str]:
    """Why the stricter of the two servers would refuse `body`, or fail over it."""
    reasons = list(_unsendable(body))
    if reasons:
        return reasons  # measuring it would fail
    if len(json.dumps(body, allow_nan=False).encode()) > 500_000:
        reasons.append("the body is not well under 1 MB")
    if not isinstance(body.get("success"), bool):
        reasons.append("success is no bool")
    if unknown := set(body) - set(LIMITS) - {"success", "artifacts", "metadata"}:
        reasons.append(f"unknown: {unknown}")
    for name, limit in LIMITS.items():
        text = body.get(name, "")
        if not isinstance(text, str) or len(text) > limit:
            reasons.append(f"{name} is no text of at most {limit} characters")
    if "result_url" in body:
        address = urlsplit(body["result_url"])
        if address.scheme not in {"http", "https"} or not address.hostname:
            reasons.append("result_url has no host")
    if not isinstance(body.get("artifacts", []), list):
        reasons.append("artifacts is no list")
    metadata = body.get("metadata", {})
    if not isinstance(metadata, dict) or len(json.dumps(metadata)) > 10_240:
        reasons.append("metadata is no object of at most 10,240 bytes")
    return reasons


def _unsendable(value: Any, levels: int = 0) -> Iterator[str]:
    """What PostgreSQL, or a reader of JSON behind it, cannot take."""
    if levels > 34:
        yield "nested too deeply"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unsendable(key, levels + 1)
            yield from _unsendable(item, levels + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _unsendable(item, levels + 1)
    elif isinstance(value, str):
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
            yield f"NUL or a lone surrogate in {value[:20]!r}"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield "a number that is not finite"
    elif value is not None and not (isinstance(value, int) and -(2**63) <= value < 2**63):
        yield f"no JSON, or beyond 64 bits: {type(value).__name__}"


def _repeated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Long texts without long examples."""
    return st.builds(lambda text, times: text * times, texts, st.sampled_from([1, 1, 7, 300, 20_000]))


def _wrapped(value: Any) -> Any:
    for _ in range(40):
        value = [value]
    return value


_CHARACTERS = st.characters() | st.sampled_from("\0\ud800\udfffé\U0001f600\x07 ")
_TEXTS = _repeated(st.text(_CHARACTERS, max_size=12))
_KEYS = st.text(_CHARACTERS, max_size=6)
_INTEGERS = st.integers() | st.sampled_from([2**63, -(2**63) - 1, 10**4000])
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _INTEGERS | st.floats() | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4) | st.builds(_wrapped, inner)
    ),
    max_leaves=8,
)
_URLS = _TEXTS | st.builds(
    "http{}://{}{}".format, st.sampled_from(["", "s", "x"]), st.text(max_size=8), _TEXTS
)
_NAMES = st.sampled_from([*LIMITS, "artifacts", "metadata", "output", "details", "other"])
_OURS = st.fixed_dictionaries(
    {"ending": st.sampled_from(["exited", "timed_out"]) | _TEXTS},
    optional={
        "exit_code": _INTEGERS,
        "output": _TEXTS,
        "outcome_file_dropped_fields": st.lists(_TEXTS, max_size=3),
        "clipped": st.dictionaries(_NAMES, _INTEGERS, max_size=3) | _JSON,
        "cleaned": st.lists(_NAMES, max_size=3) | _JSON,
        "removed": st.lists(_NAMES, max_size=3) | _JSON,
    },
)


_METADATA = st.builds(
    lambda handlers, ours: handlers if ours is None else {**handlers, "_cueapi_worker": ours},
    st.dictionaries(_KEYS, _JSON, max_size=4),
    st.none() | _OURS | _JSON,
)

REPORTS = st.builds(
    Report,
    success=st.booleans(),
    result=st.none() | _TEXTS,
    error=st.none() | _TEXTS,
    external_id=st.none() | _TEXTS,
    result_url=st.none() | _URLS,
    result_ref=st.none() | _TEXTS,
    result_type=st.none() | _TEXTS,
    summary=st.none() | _TEXTS,
    artifacts=st.none() | st.lists(_JSON, max_size=4),
    metadata=st.none() | _METADATA,
)
"""Reports with anything in them that Python can hold in these fields' types."""
