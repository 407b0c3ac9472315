"""The fields of a cue as callers send them: checked, and turned into columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .errors import Refused, bad_request, unprocessable
from .schedule import BadSchedule, BadTimezone, Schedule, first_run, zone_of
from .validate import Fields, is_web_url
from .verification import MODES
from .wire import parse_time

Columns = dict[str, Any]
_TRANSPORTS = ("worker", "webhook")
_UPDATABLE = frozenset(
    (
        "name",
        "description",
        "status",
        "schedule",
        "callback",
        "payload",
        "retry",
        "on_failure",
        "verification",
    )
)
_DEFAULTS = {
    "description": None,
    "callback": json.dumps({"url": None, "method": "POST", "headers": {}}),
    "payload": "{}",
    "retry": json.dumps({"max_attempts": 3, "backoff_minutes": [1, 5, 15]}),
    "on_failure": json.dumps({"email": True, "webhook": None, "pause": False}),
    "verification": None,
}


def new_cue(body: Mapping[str, Any], *, now: float) -> Columns:
    """The columns of a new cue.

    Raises Refused 422 for what breaks the schema, then 400 `invalid_schedule` and 422 `invalid_timezone`
    (protocol, "Errors at create").
    """
    fields = Fields(body)
    columns: Columns = {**_DEFAULTS, **_common(fields)}
    columns["name"] = fields.string("name", longest=255, required=True, empty=False)
    # The service's own default is the webhook, which then needs a URL.
    columns["transport"] = fields.choice("transport", _TRANSPORTS) or "webhook"
    if columns["transport"] == "webhook" and not json.loads(columns["callback"])["url"]:
        fields.problem("callback.url", "callback.url is required for webhook transport")
    schedule = fields.mapping("schedule", required=True)
    parsed = _schedule(fields, schedule) if schedule is not None else None
    fields.finish()
    assert parsed is not None
    return columns | schedule_columns(parsed, now=now)


def cue_update(body: Mapping[str, Any], *, now: float) -> Columns:
    """The columns that a PATCH changes; null is as good as not given, but clears `description` and
    `verification`.

    Raises Refused as `new_cue`, and 422 for unknown fields and for a status other than active and paused.
    """
    fields = Fields(body)
    for name in body:
        if name not in _UPDATABLE:
            fields.problem(name, f"Unknown field: {name}")
    columns = _common(fields)
    if (renamed := fields.string("name", longest=255, empty=False)) is not None:
        columns["name"] = renamed
    if (status := fields.choice("status", ("active", "paused"))) is not None:
        columns["status"] = status
    schedule = fields.mapping("schedule")
    parsed = _schedule(fields, schedule) if schedule is not None else None
    for clearable in ("description", "verification"):
        if fields.given(clearable) and body[clearable] is None:
            columns[clearable] = None
    fields.finish()
    return columns | (schedule_columns(parsed, now=now) if parsed is not None else {})


def schedule_columns(schedule: Schedule, *, now: float) -> Columns:
    """The schedule's columns with its first run. Raises Refused 400 and 422 for what cannot be followed."""
    try:
        first = first_run(schedule, now=now)
    except BadSchedule as error:
        raise bad_request("invalid_schedule", str(error)) from error
    except BadTimezone as error:
        raise _bad_timezone(error) from error
    return {
        "schedule_type": schedule.type,
        "cron": schedule.cron if schedule.type == "recurring" else None,
        "at": schedule.at if schedule.type == "once" else None,
        "timezone": schedule.timezone,
        "next_run": first,
    }


def _common(fields: Fields) -> Columns:
    columns: Columns = {}
    if (description := fields.string("description")) is not None:
        columns["description"] = description
    if (payload := fields.mapping("payload")) is not None:
        columns["payload"] = json.dumps(payload)
    for name, read in (
        ("callback", _callback),
        ("retry", _retry),
        ("on_failure", _on_failure),
        ("verification", _verification),
    ):
        if (value := fields.mapping(name)) is not None:
            inner = Fields(value)
            columns[name] = json.dumps(read(inner))
            fields.within(name, inner)
    return columns


def _callback(fields: Fields) -> Columns:
    if fields.given("transport"):
        fields.problem("transport", "transport must be specified at the top level, not inside callback")
    headers = fields.mapping("headers") or {}
    if not all(isinstance(value, str) for value in headers.values()):
        fields.problem("headers", "headers must be an object of strings")
    method = fields.string("method") or "POST"
    return {"url": fields.web_url("url"), "method": method, "headers": headers}


def _retry(fields: Fields) -> Columns:
    minutes = fields.items("backoff_minutes")
    if minutes is not None and not all(isinstance(m, int) and not isinstance(m, bool) for m in minutes):
        fields.problem("backoff_minutes", "backoff_minutes must be a list of whole numbers")
    attempts = fields.integer("max_attempts", least=1, most=10)
    return {
        "max_attempts": 3 if attempts is None else attempts,
        "backoff_minutes": [1, 5, 15] if minutes is None else minutes,
    }


def _on_failure(fields: Fields) -> Columns:
    email, pause = fields.boolean("email"), fields.boolean("pause")
    webhook = fields.string("webhook")
    if webhook is not None and not is_web_url(webhook):
        fields.problem("webhook", "webhook must be an http(s) URL")
    return {"email": True if email is None else email, "pause": bool(pause), "webhook": webhook}


def _verification(fields: Fields) -> Columns:
    return {"mode": fields.choice("mode", MODES) or "none"}


def _schedule(fields: Fields, values: Mapping[str, Any]) -> Schedule | None:
    inner = Fields(values)
    kind = inner.string("type", required=True)
    cron, at = inner.string("cron"), inner.string("at")
    timezone = inner.string("timezone") or "UTC"
    moment = None
    if at is not None:
        try:
            moment = parse_time(at, zone_of(timezone))
        except BadTimezone as error:
            raise _bad_timezone(error) from error
        except ValueError:
            inner.problem("at", "at must be an ISO 8601 time")
    fields.within("schedule", inner)
    return Schedule(kind, timezone, cron, moment) if kind is not None else None


def _bad_timezone(error: BadTimezone) -> Refused:
    return unprocessable([("body.schedule.timezone", str(error))], code="invalid_timezone")
