"""Requests of every kind to every endpoint of the API, good and bad, as hypothesis strategies."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.text(_CHARACTERS, min_size=1, max_size=40) | st.sampled_from(
    ["\u202e", "𝄞" * 99, "<b>'\"", "null", "a/b\n"]
)
_ODD = st.sampled_from(["", " ", "x" * 256, "x" * 501, "x" * 2001, "é" * 2000])
UNSTORABLE = st.sampled_from(["\0", "a\0b", "\ud800", math.nan, math.inf])
"""What the service's database refuses: the one thing that is answered 500."""
_SPOILT = UNSTORABLE | UNSTORABLE.map(lambda bad: {"k": [bad]})
_NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-2, 120)
JUNK = st.recursive(
    st.none() | st.booleans() | _NUMBER | TEXT | _ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
OBJECT = st.dictionaries(TEXT, JUNK, max_size=3)
_URL = st.sampled_from(["https://a.example/x", "http://[::1]:80"])
_FUTURE = st.sampled_from(["2099-01-01T00:00:00Z", "9998-12-31T23:59:59-12:00", "2099-06-01T12:00:00"])
_MOMENT = (
    st.datetimes().map(lambda moment: moment.isoformat())
    | _FUTURE
    | st.sampled_from(
        ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2024-02-30", "12:00", "2020-W01", "now"]
    )
)
_ZONE = st.sampled_from(["UTC", "Europe/Riga", "Mars/Olympus", "../../etc/passwd", "", "Europe", "GMT+99"])
_CRON = st.sampled_from(
    ["@daily", "0 9 * * 1-5", "*/7 * * * *", "0 0 30 2 *", "@never", "* * * * * *", "60 * * * *"]
)
_HOOK = st.sampled_from(["https://", "ftp://x", "https://a:b/", "http://[half", "https://a.example"])


def _some(fields: Mapping[str, Strategy]) -> Strategy:
    """An object with any of these fields."""
    return st.fixed_dictionaries({}, optional=dict(fields))


_CUE = {
    "description": TEXT,
    "callback": _some({"url": _URL, "method": TEXT, "headers": st.dictionaries(TEXT, TEXT, max_size=2)}),
    "payload": _some({"task": TEXT, "agent": TEXT}) | OBJECT,
    "retry": _some(
        {"max_attempts": st.integers(1, 10), "backoff_minutes": st.lists(st.integers(), max_size=3)}
    ),
    "on_failure": _some({"email": st.booleans(), "webhook": _URL, "pause": st.booleans()}),
    "verification": _some(
        {"mode": st.sampled_from(["none", "manual", "require_artifacts", "require_external_id"])}
    ),
}
_SCHEDULE = st.just({"type": "recurring", "cron": "@daily"}) | _FUTURE.map(
    lambda at: {"type": "once", "at": at}
)
_EVIDENCE = {
    "external_id": TEXT,
    "result_url": _URL,
    "result_ref": TEXT,
    "result_type": st.just("post"),
    "summary": TEXT,
    "artifacts": st.lists(JUNK, max_size=3),
    "metadata": OBJECT,
}
_NEW = st.uuids().map(str)
_DEVICE = _NEW | st.text("abc", min_size=6, max_size=6)
_BAD: dict[str, Strategy] = {
    "schedule": _some(
        {"type": st.sampled_from(["once", "recurring", ""]), "cron": _CRON, "at": _MOMENT, "timezone": _ZONE}
    ),
    "send_at": _MOMENT,
    "callback": _some({"url": _HOOK, "headers": OBJECT, "transport": JUNK}),
    "on_failure": _some({"webhook": _HOOK, "pause": JUNK}),
    "retry": _some({"max_attempts": _NUMBER, "backoff_minutes": st.lists(JUNK, max_size=2)}),
    "verification": _some({"mode": JUNK}),
    "metadata": st.just({"k": "é" * 2000}),
    "result_url": _HOOK,
    "transport": st.just("webhook"),
    "token": st.sampled_from(["a.b.c", "é.é.é", "..."]),
}
"""How a field is spoilt in its own way; any may be spoilt by any JSON."""


@dataclass(frozen=True)
class Body:
    """The fields that an endpoint takes, with good values."""

    required: Mapping[str, Strategy]
    optional: Mapping[str, Strategy]


def _body(optional: Mapping[str, Strategy] | None = None, **required: Strategy) -> Body:
    return Body(required, optional or {})


BODIES: dict[str, Body] = {
    "POST /v1/executions/{id}/claim": _body(worker_id=st.just("w")),
    "POST /v1/executions/{id}/heartbeat": _body(),
    "POST /v1/executions/{id}/outcome": _body(
        {"result": TEXT, "error": TEXT, **_EVIDENCE}, success=st.booleans()
    ),
    "POST /v1/executions/claim": _body(worker_id=st.just("w")),
    "PATCH /v1/executions/{id}/evidence": _body(_EVIDENCE),
    "POST /v1/executions/{id}/verify": _body({"valid": st.booleans(), "reason": TEXT}),
    "POST /v1/executions/{id}/verification-pending": _body(),
    "POST /v1/executions/{id}/replay": _body(),
    "POST /v1/worker/heartbeat": _body(
        {"handlers": st.lists(TEXT, max_size=3)}, worker_id=st.just("w") | TEXT
    ),
    "POST /v1/cues/{id}/fire": _body(
        {
            "payload_override": OBJECT,
            "merge_strategy": st.sampled_from(["merge", "replace"]),
            "send_at": st.just("2020-01-01T00:00:00Z") | _FUTURE,
            "idempotency_key": TEXT,
        }
    ),
    "POST /v1/cues": _body(_CUE, name=_NEW | TEXT, transport=st.just("worker"), schedule=_SCHEDULE),
    "PATCH /v1/cues/{id}": _body(
        {**_CUE, "name": _NEW | TEXT, "schedule": _SCHEDULE, "status": st.sampled_from(["active", "paused"])}
    ),
    "POST /v1/auth/key/regenerate": _body(),
    "POST /v1/auth/keys": _body({"label": TEXT}),
    "POST /v1/auth/logins/{code}/approve": _body(),
    "POST /v1/auth/logins/{code}/deny": _body(),
    "POST /v1/auth/register": _body(email=st.emails()),
    "POST /v1/auth/device-code": _body(device_code=_DEVICE),
    "POST /v1/auth/device-code/submit-email": _body(device_code=_DEVICE, email=st.emails()),
    "POST /v1/auth/device-code/poll": _body(device_code=_DEVICE),
    "POST /v1/auth/session": _body(token=TEXT),
}
"""Every endpoint that takes a body."""

_QUERY = _some(
    {
        **dict.fromkeys(("limit", "offset", "execution_limit", "execution_offset"), st.integers(0, 100)),
        "status": st.sampled_from(["pending", "delivering", "success,failed", ","]),
        **dict.fromkeys(("task", "agent", "outcome_state", "triggered_by", "alert_type"), TEXT),
        "worker_id": st.just("me") | TEXT,
        # Not just any text: 1e9 would hold the answer back.
        "wait": st.sampled_from(["0", "0.001"]),
    }
)
_BAD_QUERY = _some(
    {
        **dict.fromkeys(("limit", "offset", "execution_limit", "execution_offset", "status", "cue_id"), JUNK),
        "wait": st.sampled_from(["-1", "nan", "x", ""]),
    }
)
_HEADERS = _some(
    {
        "X-Worker-Id": st.just("w") | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=9),
        "X-Confirm-Destructive": st.sampled_from(["true", "true", "false"]),
    }
)
_RAW = st.binary(max_size=20) | st.sampled_from(
    [b"", b"null", b"[]", b"{", b'{"a": 1e999}', b'"\xed\xa0\x80"', b"1" * 5000]
)


@dataclass(frozen=True)
class Request:
    """One request, but for the ids in its path: `known` counts into those that the server gave out."""

    method: str
    template: str
    known: int | None
    name: str
    query: str
    headers: dict[str, str]
    body: bytes | None
    may_fail: bool
    """Whether it holds what the service's database refuses."""

    def path(self, ids: list[str]) -> str:
        """The path with one of these ids, or with a made-up one."""
        name = ids[self.known % len(ids)] if ids and self.known is not None else self.name
        head, brace, rest = self.template.partition("{")
        return head + (quote(name, safe="") + rest.partition("}")[2] if brace else "") + self.query


@st.composite
def requests_to(draw: st.DrawFn, method: str, template: str) -> Request:
    """Requests to one endpoint. Raises KeyError, with its name, for one that takes a body nobody described."""
    body, may_fail = None, False
    if method in ("POST", "PATCH"):
        body, may_fail = draw(_bodies(BODIES[f"{method} {template}"]))
    return Request(
        method,
        template,
        draw(st.integers(0, 99) | st.integers(0, 99) | st.none()),
        draw(TEXT | st.just("..")),
        "?" + urlencode(draw(st.just({}) | _QUERY | _QUERY | _BAD_QUERY)),
        draw(_HEADERS),
        body,
        may_fail,
    )


@st.composite
def _bodies(draw: st.DrawFn, kind: Body) -> tuple[bytes, bool]:
    """A body, good more often than not, and whether it holds what the service's database refuses."""
    what = draw(st.sampled_from(["good"] * 5 + ["spoilt"] * 3 + ["unstorable", "raw"]))
    if what == "raw":
        return draw(_RAW), True
    fields = draw(st.fixed_dictionaries(dict(kind.required), optional=dict(kind.optional)))
    names = sorted({*kind.required, *kind.optional}) or ["unknown"]
    if what == "spoilt":
        name = draw(st.sampled_from(names))
        fields[name] = draw(_BAD.get(name, JUNK) | JUNK)
    elif what == "unstorable":
        fields[draw(st.sampled_from(names))] = draw(_SPOILT)
    return json.dumps(fields).encode(), what == "unstorable" or _over_wide(fields)


def _over_wide(fields: Mapping[str, Any]) -> bool:
    """Whether evidence is wider than the service's columns, which it answers with a 500, too."""
    widths = {"external_id": 255, "result_ref": 255, "result_type": 50}
    return any(isinstance(v := fields.get(name), str) and len(v) > width for name, width in widths.items())
