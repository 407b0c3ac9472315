"""What the steward's calls have met lately: whether the server answers, and takes the key."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..client import BudgetExhausted, CueAPIError, RefusedByServer, ServerError, Unauthorized


@dataclass(frozen=True)
class Contact:
    """The steward's view of the server. Times are `boottime()` seconds."""

    answered: bool = False
    """Whether the server has ever given an answer of its own."""
    silent_since: float | None = None
    """Since when it has given none: unreachable, answers lost, or 5xx."""
    key_refused: bool = False
    """Whether the last answer was 401."""
    last_error: str = ""
    """What the last call without a good answer said."""

    def after(self, error: CueAPIError | None, now: float) -> Contact:
        """The view after a call; `error` None: a good answer. One that was not sent for lack of budget says nothing."""
        match error:
            case None:
                return Contact(answered=True)
            case BudgetExhausted():
                return self
            case RefusedByServer() if not isinstance(error, ServerError):
                refused = isinstance(error, Unauthorized)
                return Contact(answered=True, key_refused=refused, last_error=str(error))
            case _:
                since = now if self.silent_since is None else self.silent_since
                return replace(self, silent_since=since, last_error=str(error))
