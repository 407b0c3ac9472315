"""What can go wrong in a pool, named after what happened.

PoolError
 ├─ StateDirUnusable   the state directory cannot be written, or belongs to somebody else
 ├─ StateDirBusy       another pool holds it
 └─ CouldNotStart      a handler could not be started; the execution is reported as failed
"""

from __future__ import annotations


class PoolError(Exception):
    """Base of this room's errors."""


class StateDirUnusable(PoolError):
    """The state directory cannot be used; the message says why and what to do."""


class StateDirBusy(PoolError):
    """Another pool holds the state directory's lock; the message names it."""


class CouldNotStart(PoolError):
    """A handler could not be started; the message names the field to change."""
