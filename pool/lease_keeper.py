"""Keeping a worker's lease alive while its main thread watches the handler.

Most handlers are gone long before a heartbeat is due, so the thread that sends them, and its connection, exist only
for a lease that lasts. The lease is one immutable value, replaced under the lock; both threads read it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from ..client import Conflict, CueAPIError, Forbidden, NotFound
from .clock import boottime
from .events import emit
from .lease import Lease, Loss, renewal_interval
from .source import Source

KEEP_FROM = 1.0
"""Seconds after which a lease gets a thread. `tend` has to be called then, and may be called at any time."""

_RETRY_FIRST = 0.5
_RETRY_LAST = 10.0


class LeaseKeeper:
    """Renews one lease at a time. All methods belong to the main thread."""

    def __init__(self, connect: Callable[[], Source], heartbeat_interval: float, workers: int) -> None:
        self._connect = connect
        self._heartbeat_interval = heartbeat_interval
        self._workers = workers
        self._kept: _KeptLease | None = None

    def watch(self, lease: Lease, on_change: Callable[[], None]) -> None:
        """Keep `lease` from now on; `on_change` is called, in another thread, whenever it moves or is lost."""
        self._kept = _KeptLease(lease, on_change)

    def tend(self, now: float) -> None:
        """Begin to renew the lease if it lasts. `now` is `boottime()` seconds."""
        kept = self._kept
        if kept is not None and not kept.has_thread and now >= kept.lease.acknowledged + KEEP_FROM:
            thread = threading.Thread(target=self._keep, args=(kept,), name="lease", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no room for another thread: the handler has until the lease ends
                emit("lease.unkept", execution_id=kept.lease.execution_id, reason=error)
                return
            kept.has_thread = True

    @property
    def lease(self) -> Lease:
        """The watched lease as it stands."""
        assert self._kept is not None
        return self._kept.lease

    def release(self) -> None:
        """Stop renewing. An answer that is still on its way is ignored."""
        assert self._kept is not None
        with self._kept.changed:
            self._kept.released = True
            self._kept.changed.notify()
        self._kept = None

    def _keep(self, kept: _KeptLease) -> None:
        """The thread of one lease."""
        source = self._connect()
        try:
            while self._wait_until_due(kept, source):
                _renew(kept, source)
        finally:
            source.close()

    def _wait_until_due(self, kept: _KeptLease, source: Source) -> bool:
        """Wait for the time of the next heartbeat; False when there is none any more."""
        with kept.changed:
            while not kept.released and kept.lease.loss is None:
                lease = kept.lease
                interval = renewal_interval(
                    self._heartbeat_interval, lease.duration, self._workers, source.request_limit()
                )
                wait = lease.acknowledged + interval - boottime()
                if wait <= 0:
                    return True
                kept.changed.wait(wait)
        return False


class _KeptLease:
    """A lease that two threads share."""

    def __init__(self, lease: Lease, on_change: Callable[[], None]) -> None:
        self.lease = lease
        """Replaced by the lease's thread alone."""
        self.on_change = on_change
        self.changed = threading.Condition()
        self.released = False
        """Set by the main thread."""
        self.has_thread = False

    def replace(self, lease: Lease) -> None:
        with self.changed:
            if self.released:
                return
            self.lease = lease
        self.on_change()

    def pause(self, seconds: float) -> None:
        with self.changed:
            if not self.released:
                self.changed.wait(seconds)


def _renew(kept: _KeptLease, source: Source) -> None:
    """Heartbeat until it is acknowledged, lost, or no longer wanted."""
    delay = _RETRY_FIRST
    lease = kept.lease
    while not kept.released:
        sent = boottime()
        try:
            _heartbeat(source, lease.execution_id)
        except Forbidden:
            kept.replace(lease.lost(Loss.TAKEN))
            return
        except NotFound:
            kept.replace(lease.lost(Loss.GONE))
            return
        except Conflict:
            kept.replace(lease.lost(Loss.ENDED))
            return
        except CueAPIError as error:
            # Not acknowledged, whatever the reason: the deadline stands, so ask again well inside it.
            pause = delay if error.retry_after is None else max(delay, error.retry_after)
            kept.pause(pause * random.uniform(0.8, 1.2))  # noqa: S311
            delay = min(delay * 2, _RETRY_LAST)
            continue
        kept.replace(lease.renewed(sent))
        return


def _heartbeat(source: Source, execution_id: str) -> None:
    try:
        source.heartbeat(execution_id)
    except Conflict:
        # Not being claimed any more: taken back, perhaps by nobody yet. Claiming it again is safe, because our handler
        # is the one that runs it.
        source.claim(execution_id)
