"""Whether the pool lives (`/healthz`) and can do its job (`/readyz`), and why not. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from .contact import Contact

BEAT_WITHIN = 10.0
"""Seconds within which the supervisor's loop, which turns at least once a second, must have beaten."""
WORKER_WITHIN = 5.0
"""Seconds for which no worker may be up: a reload replaces them in less."""
ANSWER_WITHIN = 30.0
LISTING_WITHIN = 60.0
SPOOL_WITHIN = 300.0
"""Seconds that the server may be silent, that listing may fail, that no waiting report may be delivered."""
MIN_FREE = 1 << 20
"""Bytes that the state directory's disk must have left: some reports and records."""


class Reason(StrEnum):
    """Why a pool cannot do its job."""

    SUPERVISOR_STUCK = "supervisor_stuck"
    DRAINING = "draining"
    PAUSED = "paused"
    NO_WORKER = "no_worker"
    KEY_REFUSED = "key_refused"
    SERVER_UNREACHABLE = "server_unreachable"
    LISTING_FAILING = "listing_failing"
    SPOOL_STUCK = "spool_stuck"
    DISK_FULL = "disk_full"


@dataclass(frozen=True)
class Disk:
    """The disk of the state directory."""

    free_bytes: int
    """What this user may still write."""
    free_files: int | None
    """None where the file system does not count them."""
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What is known of a pool at one moment. Times are `boottime()` seconds."""

    last_beat: float
    draining: bool
    paused: bool
    worker_seen: float | None
    """When a worker was last up (idle or busy); None: none has been yet."""
    contact: Contact
    listing_failed_since: float | None
    spool_stuck_since: float | None
    """Since when reports wait and none could be delivered."""
    disk: Disk | None
    """None: it cannot be looked at, because the directory is gone or closed to us."""


def is_alive(condition: Condition, now: float) -> bool:
    """Whether the supervisor's loop turns. The server has no say in it: restarting the pool would not mend that."""
    return now - condition.last_beat <= BEAT_WITHIN


def reasons(condition: Condition, now: float) -> dict[Reason, str]:
    """Why the pool cannot do its job, each in words that say what to look at. Empty: it can."""
    return dict(_reasons(condition, now))


def _reasons(condition: Condition, now: float) -> Iterator[tuple[Reason, str]]:
    if not is_alive(condition, now):
        age = now - condition.last_beat
        yield Reason.SUPERVISOR_STUCK, f"the supervisor has given no sign of life for {age:.0f} s"
    if condition.draining:
        yield Reason.DRAINING, "the pool is being stopped and takes no more work"
    if condition.paused:
        yield Reason.PAUSED, "an operator has paused the pool; `cueworker resume` ends that"
    if condition.worker_seen is None or now - condition.worker_seen > WORKER_WITHIN:
        yield Reason.NO_WORKER, "no worker is up; the log says why none starts (slot.cannot_boot)"
    yield from _about_server(condition.contact, now)
    if _since(condition.listing_failed_since, now) > LISTING_WITHIN:
        lasted = _since(condition.listing_failed_since, now)
        yield Reason.LISTING_FAILING, f"work cannot be listed for {lasted:.0f} s{_last(condition.contact)}"
    if _since(condition.spool_stuck_since, now) > SPOOL_WITHIN:
        lasted = _since(condition.spool_stuck_since, now)
        yield Reason.SPOOL_STUCK, f"reports wait in the spool and none could be delivered for {lasted:.0f} s"
    yield from _about_disk(condition.disk)


def _about_server(contact: Contact, now: float) -> Iterator[tuple[Reason, str]]:
    if contact.key_refused:
        yield Reason.KEY_REFUSED, f"the server does not take the API key: {contact.last_error}"
    if not contact.answered and contact.silent_since is None:
        yield Reason.SERVER_UNREACHABLE, "the server has not answered yet"
    elif _since(contact.silent_since, now) > ANSWER_WITHIN or not contact.answered:
        silence = _since(contact.silent_since, now)
        yield (
            Reason.SERVER_UNREACHABLE,
            f"the server has not answered for {silence:.0f} s{_last(contact)}",
        )


def _about_disk(disk: Disk | None) -> Iterator[tuple[Reason, str]]:
    if disk is None:
        yield Reason.DISK_FULL, "the state directory is gone or closed to this user"
    elif disk.read_only:
        yield Reason.DISK_FULL, "the state directory's disk is read-only"
    elif disk.free_bytes < MIN_FREE:
        yield Reason.DISK_FULL, f"the state directory's disk has {disk.free_bytes} bytes left"
    elif disk.free_files == 0:
        yield Reason.DISK_FULL, "the state directory's disk can hold no more files (inodes)"


def _since(when: float | None, now: float) -> float:
    return 0.0 if when is None else now - when


def _last(contact: Contact) -> str:
    return f": {contact.last_error}" if contact.last_error else ""
