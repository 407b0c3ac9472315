"""The form for a new cue, and the body of POST /v1/cues that it stands for. Pure."""

from __future__ import annotations

from typing import Any

from ..errors import Refused
from .forms import Form

NEVER = "2099-01-01T00:00:00Z"
"""The single run of a cue that is there to be fired by hand."""

_FIELDS = {
    "body.name": "name",
    "body.description": "description",
    "body.payload": "payload",
    "body.schedule.cron": "cron",
    "body.schedule.at": "at",
    "body.schedule.timezone": "timezone",
    "body.schedule.type": "when",
    "body.retry.max_attempts": "max_attempts",
    "body.verification.mode": "verification",
}
_CODES = {"duplicate_cue_name": "name", "invalid_timezone": "timezone"}


def blank() -> Form:
    """The form as it is first shown."""
    return Form({"when": "hand", "timezone": "UTC", "max_attempts": "3", "verification": "none"})


def body_of(form: Form) -> dict[str, Any]:
    """The body that the form stands for; what cannot be said in one is noted as a problem."""
    payload = form.json_object("payload") or {}
    task = form.text("task")
    if task is not None:
        if payload.get("task", task) != task:
            form.problem("task", "The payload names another task")
        payload = {"task": task, **payload}
    if form.text("name") is None:
        form.problem("name", "A cue needs a name")
    attempts = form.text("max_attempts") or "3"
    if not attempts.isdecimal() or len(attempts) > 3:
        form.problem("max_attempts", "This must be a whole number from 1 to 10")
    return {
        "name": form.text("name"),
        "description": form.text("description"),
        "transport": "worker",
        "schedule": _schedule(form),
        "payload": payload,
        "retry": {"max_attempts": int(attempts) if attempts.isdecimal() and len(attempts) <= 3 else 3},
        "on_failure": {"pause": form["pause_on_failure"] == "on"},
        "verification": {"mode": form["verification"] or "none"},
    }


def _schedule(form: Form) -> dict[str, Any]:
    timezone = form.text("timezone") or "UTC"
    match form["when"]:
        case "recurring":
            if form.text("cron") is None:
                form.problem("cron", "A recurring cue needs a cron line, such as 0 9 * * 1-5")
            return {"type": "recurring", "cron": form.text("cron"), "timezone": timezone}
        case "once":
            if form.text("at") is None:
                form.problem("at", "A single run needs its moment, such as 2030-01-31T09:00")
            return {"type": "once", "at": form.text("at"), "timezone": timezone}
        case _:
            return {"type": "once", "at": NEVER, "timezone": "UTC"}


def note(form: Form, refusal: Refused) -> None:
    """Puts what the server has against the cue beside the fields it is about."""
    for field, message in refusal.details:
        form.problem(_FIELDS.get(field, ""), _shorn(message, field))
    if refusal.details:
        return
    if refusal.code == "invalid_schedule":
        form.problem("cron" if form["when"] == "recurring" else "at", refusal.message)
    else:
        form.problem(_CODES.get(refusal.code, ""), refusal.message)


def _shorn(message: str, field: str) -> str:
    """`name must have …` is `This must have …` beside the field itself."""
    name = field.rpartition(".")[2]
    return f"This{message.removeprefix(name)}" if message.startswith(f"{name} ") else message
