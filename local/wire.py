"""Times and identifiers as they go over the wire."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, tzinfo

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def iso(epoch: float | None) -> str | None:
    """Epoch seconds as UTC ISO 8601 with `Z`; None stays None."""
    return None if epoch is None else stamp(epoch)


def stamp(epoch: float) -> str:
    """Epoch seconds as UTC ISO 8601 with `Z`."""
    return datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str, zone: tzinfo = UTC) -> float:
    """ISO 8601 as epoch seconds; a time without an offset is read in `zone`.

    Raises ValueError for anything else, and for times beyond the calendar.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.timestamp()
    except OverflowError as error:
        raise ValueError(str(error)) from error


def new_cue_id() -> str:
    """`cue_` and twelve random letters and digits."""
    return "cue_" + "".join(secrets.choice(_ALPHABET) for _ in range(12))


def new_execution_id() -> str:
    """A random UUID."""
    return str(uuid.uuid4())
