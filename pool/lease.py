"""Lease arithmetic: until when an execution is surely ours, and when to say so again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

TAKE_BACK = 300.0
"""Seconds without an execution heartbeat after which the server takes an execution back, whatever lease it named
(PROTOCOL.md, "What the server takes back", 1)."""


class Loss(Enum):
    """How a lease was lost."""

    TAKEN = "it belongs to another worker now"
    """403: somebody else has it. Nothing may be reported."""
    GONE = "the server no longer knows it"
    """404: the cue was deleted."""
    ENDED = "the server took it back"
    """409, and it could not be claimed again."""
    EXPIRED = "it could not be renewed in time"
    """No answer until the deadline: nobody knows whose it is."""


@dataclass(frozen=True)
class Lease:
    """A claim on an execution. Times are `boottime()` seconds."""

    execution_id: str
    acknowledged: float
    """When the last request that the server acknowledged was sent."""
    duration: float
    loss: Loss | None = None

    @classmethod
    def granted(cls, execution_id: str, sent: float, lease_seconds: float) -> Lease:
        """A fresh claim, sent at `sent`."""
        return cls(execution_id, sent, min(lease_seconds, TAKE_BACK))

    @property
    def deadline(self) -> float:
        """Past it the execution may be somebody else's (promise 3)."""
        return self.acknowledged + self.duration

    def renewed(self, sent: float) -> Lease:
        """The lease after a heartbeat that was sent at `sent` and acknowledged."""
        return replace(self, acknowledged=max(sent, self.acknowledged), loss=None)

    def lost(self, loss: Loss) -> Lease:
        """The lease after the server said that it is over."""
        return replace(self, loss=loss)


def renewal_interval(wanted: float, lease: float, workers: int, limit: int | None) -> float:
    """Seconds between execution heartbeats.

    `wanted` is `heartbeat_interval`. Under a limit of `limit` requests a minute, `workers` busy workers may
    spend a quarter of it; never longer than a third of the lease, so that two may fail.
    """
    stretched = wanted if limit is None else max(wanted, 60 * workers / max(1, limit / 4))
    return min(stretched, lease / 3)
