"""A slot's life as a table: (state, event) → (state, actions). Pure; the supervisor carries the actions out."""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """Where a slot is."""

    CLOSED = auto()
    """No process, none wanted."""
    RUNNING = auto()
    RETIRING = auto()
    """Its process was asked to leave; another takes its place."""
    CLOSING = auto()
    """Its process was asked to leave; none takes its place."""
    SETTLING = auto()
    """Its process is gone; what it left is being killed and its execution settled."""
    SETTLING_LAST = auto()
    """The same, and no process takes its place."""
    COOLING = auto()
    """Waits to be refilled."""


class Event(Enum):
    """What can happen to a slot."""

    OPEN = auto()
    """A process is wanted here."""
    RETIRE = auto()
    """The process should be replaced by a fresh one as soon as it is free (reload)."""
    CLOSE = auto()
    """The process should leave as soon as it is free (drain, fewer workers)."""
    STOP = auto()
    """The process should end its handler by the kill ladder and leave."""
    KILL = auto()
    """The process should kill its handler at once and leave."""
    STUCK = auto()
    """The process does not react any more, or did not end its handler in time."""
    DIED = auto()
    """The process is gone."""
    SETTLED = auto()
    """Nothing of the process is left and its execution is spooled."""
    COOLED = auto()
    """The pause before the refill is over, or the fork has to be tried again."""


class Action(Enum):
    """What the supervisor does."""

    FORK = auto()
    ASK_TO_LEAVE = auto()
    """TERM to the process."""
    ASK_TO_STOP = auto()
    """INT to the process."""
    ASK_TO_KILL = auto()
    """QUIT to the process."""
    DESTROY = auto()
    """SIGKILL to the process; what it ran comes to the supervisor."""
    SETTLE = auto()
    COOL = auto()


_S, _E, _A = State, Event, Action
_Entry = tuple[State, tuple[Action, ...]]


def _stay(state: State, *events: Event) -> dict[Event, _Entry]:
    return dict.fromkeys(events, (state, ()))


TABLE: dict[State, dict[Event, _Entry]] = {
    State.CLOSED: {
        _E.OPEN: (_S.RUNNING, (_A.FORK,)),
        **_stay(_S.CLOSED, _E.RETIRE, _E.CLOSE, _E.STOP, _E.KILL, _E.STUCK, _E.DIED, _E.SETTLED, _E.COOLED),
    },
    State.RUNNING: {
        _E.RETIRE: (_S.RETIRING, (_A.ASK_TO_LEAVE,)),
        _E.CLOSE: (_S.CLOSING, (_A.ASK_TO_LEAVE,)),
        _E.STOP: (_S.CLOSING, (_A.ASK_TO_STOP,)),
        _E.KILL: (_S.CLOSING, (_A.ASK_TO_KILL,)),
        _E.STUCK: (_S.RUNNING, (_A.DESTROY,)),
        _E.DIED: (_S.SETTLING, (_A.SETTLE,)),
        **_stay(_S.RUNNING, _E.OPEN, _E.SETTLED, _E.COOLED),
    },
    State.RETIRING: {
        _E.CLOSE: (_S.CLOSING, ()),
        _E.STOP: (_S.CLOSING, (_A.ASK_TO_STOP,)),
        _E.KILL: (_S.CLOSING, (_A.ASK_TO_KILL,)),
        _E.STUCK: (_S.RETIRING, (_A.DESTROY,)),
        _E.DIED: (_S.SETTLING, (_A.SETTLE,)),
        **_stay(_S.RETIRING, _E.OPEN, _E.RETIRE, _E.SETTLED, _E.COOLED),
    },
    State.CLOSING: {
        _E.OPEN: (_S.RETIRING, ()),
        _E.STOP: (_S.CLOSING, (_A.ASK_TO_STOP,)),
        _E.KILL: (_S.CLOSING, (_A.ASK_TO_KILL,)),
        _E.STUCK: (_S.CLOSING, (_A.DESTROY,)),
        _E.DIED: (_S.SETTLING_LAST, (_A.SETTLE,)),
        **_stay(_S.CLOSING, _E.RETIRE, _E.CLOSE, _E.SETTLED, _E.COOLED),
    },
    State.SETTLING: {
        _E.CLOSE: (_S.SETTLING_LAST, ()),
        _E.STOP: (_S.SETTLING_LAST, ()),
        _E.KILL: (_S.SETTLING_LAST, ()),
        _E.SETTLED: (_S.COOLING, (_A.COOL,)),
        **_stay(_S.SETTLING, _E.OPEN, _E.RETIRE, _E.STUCK, _E.DIED, _E.COOLED),
    },
    State.SETTLING_LAST: {
        _E.OPEN: (_S.SETTLING, ()),
        _E.SETTLED: (_S.CLOSED, ()),
        **_stay(_S.SETTLING_LAST, _E.RETIRE, _E.CLOSE, _E.STOP, _E.KILL, _E.STUCK, _E.DIED, _E.COOLED),
    },
    State.COOLING: {
        _E.CLOSE: (_S.CLOSED, ()),
        _E.STOP: (_S.CLOSED, ()),
        _E.KILL: (_S.CLOSED, ()),
        _E.COOLED: (_S.RUNNING, (_A.FORK,)),
        **_stay(_S.COOLING, _E.OPEN, _E.RETIRE, _E.STUCK, _E.DIED, _E.SETTLED),
    },
}

HAS_PROCESS = frozenset({State.RUNNING, State.RETIRING, State.CLOSING})
IS_SETTLING = frozenset({State.SETTLING, State.SETTLING_LAST})


def next_state(state: State, event: Event) -> _Entry:
    """The table's answer."""
    return TABLE[state][event]
