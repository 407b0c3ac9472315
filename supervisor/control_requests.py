"""What may be asked of a running pool: each request a value, made from a JSON line. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..pool.board import MAX_WORKERS


class _Request(msgspec.Struct, tag_field="command", forbid_unknown_fields=True, frozen=True):
    """`{"command": <tag>, …}`."""


class Status(_Request, frozen=True, tag="status"):
    """What the pool is doing."""


class Cancel(_Request, frozen=True, tag="cancel"):
    """End a running execution; it is reported as a failure."""

    execution: Annotated[str, msgspec.Meta(min_length=1)]
    """Its id, or the beginning of it."""


class Pause(_Request, frozen=True, tag="pause"):
    """Claim nothing more; what runs goes on."""


class Resume(_Request, frozen=True, tag="resume"):
    """Claim again."""


class Scale(_Request, frozen=True, tag="scale"):
    """Set the number of workers, until the next reload."""

    workers: Annotated[int, msgspec.Meta(ge=1, le=MAX_WORKERS)]


class Recycle(_Request, frozen=True, tag="recycle"):
    """Replace the process of one slot, or of each (None), by a fresh one."""

    slot: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Reload(_Request, frozen=True, tag="reload"):
    """Read the configuration again."""


class Upgrade(_Request, frozen=True, tag="upgrade"):
    """Go on with the program that is installed now."""


class Drain(_Request, frozen=True, tag="drain"):
    """Stop: handlers may finish within `shutdown_grace`."""


Request = Status | Cancel | Pause | Resume | Scale | Recycle | Reload | Upgrade | Drain

COMMANDS = ("status", "cancel", "pause", "resume", "scale", "recycle", "reload", "upgrade", "drain")

_decoder = msgspec.json.Decoder(Request)


def parse(line: bytes) -> Request:
    """The request in a line. Raises ValueError, saying what is wrong with it."""
    try:
        request: Request = _decoder.decode(line)
        return request
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        said = f"{error}".replace("`$.", "`")
        raise ValueError(f"not a request: {said}; the commands are {', '.join(COMMANDS)}") from error
