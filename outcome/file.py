"""The outcome file: opened so that it can neither block the worker nor show it another file, then parsed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .fields import bounded_names, validate

MAX_BYTES = 10_240
"""The largest outcome file that counts (protocol: "The handler's side")."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


@dataclass(frozen=True)
class OutcomeFile:
    """What the handler left in its outcome file, validated field by field."""

    fields: Mapping[str, Any]
    """The valid fields; empty when the file is absent, empty or unusable."""
    parse_error: str | None = None
    """Why nothing in the file counts: a stable code such as `outcome_file_too_large`, then words."""
    dropped_fields: tuple[str, ...] = ()
    """Names of fields that were unknown, ill-typed or too long; bounded in count and length."""
    objections: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Why each dropped field was dropped, in words."""
    present: bool = field(kw_only=True)
    """False when there is no file or nothing but whitespace in it."""


def read_outcome_file(path: str | os.PathLike[str]) -> OutcomeFile:
    """Read and parse the outcome file at `path`. Never raises, never blocks, never follows a link.

    Only a regular file of our own with a single name is read, and at most 10,241 bytes of it however fast it
    grows: a link of either kind would make the report show another file of ours to the server (promise 4).
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return OutcomeFile({}, present=False)
    except OSError as error:
        return _refused(_not_regular(_mode_of(path)) or _unreadable(error))
    except ValueError as error:
        return _refused(f"outcome_file_unreadable: {error}")
    try:
        refusal = _refusal(os.fstat(descriptor))
        return _refused(refusal) if refusal else parse_outcome(_read(descriptor))
    except OSError as error:
        return _refused(_unreadable(error))
    finally:
        os.close(descriptor)


def parse_outcome(raw: bytes) -> OutcomeFile:
    """Parse the file's bytes. Pure, and takes any bytes; nothing but whitespace counts as no file.

    A byte order mark is skipped, the last of duplicate keys wins, NaN and Infinity pass (`fit` cleans them).
    """
    if len(raw) > MAX_BYTES:
        return _refused(_too_large())
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _refused(f"outcome_file_not_utf8: {error.reason} at byte {error.start}")
    if not text.strip():
        return OutcomeFile({}, present=False)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        return _refused(_malformed(f"{error.msg} at line {error.lineno} column {error.colno}"))
    except ValueError:
        return _refused(_malformed("a number has too many digits"))
    except RecursionError:
        return _refused(_malformed("nested too deeply"))
    if not isinstance(document, dict):
        return _refused("outcome_file_not_an_object")
    fields, objections = validate(document)
    dropped = bounded_names(tuple(objections))
    return OutcomeFile(fields, dropped_fields=dropped, objections=objections, present=True)


def _read(descriptor: int) -> bytes:
    """Up to one byte more than counts: enough to tell that a growing file is too large."""
    chunks: list[bytes] = []
    room = MAX_BYTES + 1
    while room and (chunk := os.read(descriptor, room)):
        chunks.append(chunk)
        room -= len(chunk)
    return b"".join(chunks)


def _refusal(status: os.stat_result) -> str | None:
    """Why the opened file is not read, if so."""
    if not_regular := _not_regular(status.st_mode):
        return not_regular
    if status.st_nlink > 1:
        return "outcome_file_not_a_regular_file: a hard link to a file with another name"
    if status.st_uid != os.geteuid():
        return f"outcome_file_unreadable: it belongs to another user (uid {status.st_uid})"
    if status.st_size > MAX_BYTES:
        return _too_large(status.st_size)
    return None


def _mode_of(path: str | os.PathLike[str]) -> int:
    """The mode of what could not be opened, only to name it; 0 when even that is hidden."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def _not_regular(mode: int) -> str | None:
    if mode == 0 or stat.S_ISREG(mode):
        return None
    return f"outcome_file_not_a_regular_file: {_KINDS.get(stat.S_IFMT(mode), 'of an unknown kind')}"


def _refused(parse_error: str) -> OutcomeFile:
    return OutcomeFile({}, parse_error, present=True)


def _unreadable(error: OSError) -> str:
    return f"outcome_file_unreadable: {error.strerror}"


def _malformed(why: str) -> str:
    return f"outcome_file_malformed_json: {why}"


def _too_large(size: int | None = None) -> str:
    found = "" if size is None else f" ({size:,} bytes)"
    return f"outcome_file_too_large: more than {MAX_BYTES:,} bytes{found}"
