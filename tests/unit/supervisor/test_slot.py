"""The table of a slot's life: complete, without dead ends, and what must never happen."""

from __future__ import annotations

import itertools

import pytest
from cueworker.supervisor.slot import HAS_PROCESS, IS_SETTLING, TABLE, Action, Event, State, next_state
from hypothesis import given
from hypothesis import strategies as st

ASKS = {Action.ASK_TO_LEAVE, Action.ASK_TO_STOP, Action.ASK_TO_KILL, Action.DESTROY}
ENDS = (Event.CLOSE, Event.STOP, Event.KILL)
TRANSITIONS = [(state, event, *next_state(state, event)) for state, event in itertools.product(State, Event)]


def reachable(start: State, events: set[Event]) -> set[State]:
    """Every state that these events can lead to."""
    found, new = {start}, [start]
    while new:
        state = new.pop()
        for event in events:
            after, _ = next_state(state, event)
            if after not in found:
                found.add(after)
                new.append(after)
    return found


def walk(state: State, *events: Event) -> tuple[State, list[Action]]:
    done: list[Action] = []
    for event in events:
        state, actions = next_state(state, event)
        done += actions
    return state, done


def test_every_state_answers_every_event() -> None:
    assert set(TABLE) == set(State)
    for state, row in TABLE.items():
        assert set(row) == set(Event), state


def test_every_state_can_be_reached() -> None:
    assert reachable(State.CLOSED, set(Event)) == set(State)


@pytest.mark.parametrize("state", State)
def test_from_every_state_a_slot_can_be_closed_and_filled_again(state: State) -> None:
    closed, _ = walk(state, Event.CLOSE, Event.DIED, Event.SETTLED)
    assert closed is State.CLOSED
    filled, actions = walk(closed, Event.OPEN)
    assert (filled, actions) == (State.RUNNING, [Action.FORK])


@pytest.mark.parametrize("state", State)
def test_an_open_slot_heals_by_itself(state: State) -> None:
    """A death in any state that wants a process ends with a fresh one."""
    wanted, _ = next_state(state, Event.OPEN)
    healed, _ = walk(wanted, Event.DIED, Event.SETTLED, Event.COOLED)
    assert healed is State.RUNNING


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_forked_after_the_end_before_the_slot_is_opened_again(state: State, end: Event) -> None:
    ended, actions = next_state(state, end)
    assert Action.FORK not in actions
    others = set(Event) - {Event.OPEN}
    for later, event in itertools.product(reachable(ended, others), others):
        assert Action.FORK not in next_state(later, event)[1], (later, event)


@pytest.mark.parametrize("end", [Event.STOP, Event.KILL])
def test_a_process_is_told_how_to_end(end: Event) -> None:
    """A second, more urgent word gets through, too: it must reach a process that is already asked to leave."""
    told = {Event.STOP: Action.ASK_TO_STOP, Event.KILL: Action.ASK_TO_KILL}[end]
    for state in HAS_PROCESS:
        assert next_state(state, end) == (State.CLOSING, (told,))


def test_a_process_is_forked_exactly_where_one_begins_to_exist() -> None:
    for state, event, after, actions in TRANSITIONS:
        begins = state not in HAS_PROCESS and after in HAS_PROCESS
        assert actions.count(Action.FORK) == begins, (state, event)


def test_a_process_stops_existing_by_its_death_alone_and_is_settled_then() -> None:
    for state, event, after, actions in TRANSITIONS:
        if state in HAS_PROCESS:
            assert (after not in HAS_PROCESS) == (event is Event.DIED), (state, event)
        begins = state not in IS_SETTLING and after in IS_SETTLING
        assert (Action.SETTLE in actions) == begins == (state in HAS_PROCESS and event is Event.DIED)


def test_what_a_process_left_is_settled_before_the_slot_goes_on() -> None:
    for state, event, after, _ in TRANSITIONS:
        if state in IS_SETTLING:
            assert (after not in IS_SETTLING) == (event is Event.SETTLED), (state, event)


def test_only_a_process_gets_signals() -> None:
    for state, event, after, actions in TRANSITIONS:
        if ASKS & set(actions):
            assert state in HAS_PROCESS and after in HAS_PROCESS, (state, event)


def test_a_stuck_process_is_destroyed_whatever_it_was_asked() -> None:
    for state, event, after, actions in TRANSITIONS:
        if event is Event.STUCK:
            assert actions == ((Action.DESTROY,) if state in HAS_PROCESS else ())
            assert after is state


def test_a_refill_pauses_first_so_that_a_crash_loop_is_braked() -> None:
    assert walk(State.RUNNING, Event.DIED, Event.SETTLED) == (State.COOLING, [Action.SETTLE, Action.COOL])
    assert [
        event for state, event, after, _ in TRANSITIONS if state is State.COOLING and after is State.RUNNING
    ] == [Event.COOLED]


def test_a_reload_replaces_a_process_once_and_fills_its_place() -> None:
    state, actions = walk(State.RUNNING, Event.RETIRE, Event.RETIRE)
    assert (state, actions) == (State.RETIRING, [Action.ASK_TO_LEAVE])
    state, actions = walk(state, Event.DIED, Event.SETTLED, Event.COOLED)
    assert (state, actions) == (State.RUNNING, [Action.SETTLE, Action.COOL, Action.FORK])


def test_a_slot_that_is_wanted_again_while_it_closes_is_filled_again() -> None:
    state, actions = walk(State.RUNNING, Event.CLOSE, Event.OPEN, Event.DIED, Event.SETTLED, Event.COOLED)
    assert state is State.RUNNING
    assert actions.count(Action.FORK) == 1


@given(st.lists(st.sampled_from(Event)))
def test_no_order_of_events_makes_two_processes_of_one_slot(events: list[Event]) -> None:
    state, processes = State.CLOSED, 0
    for event in events:
        if event is Event.DIED and processes == 0:
            continue
        processes -= event is Event.DIED
        state, actions = next_state(state, event)
        processes += actions.count(Action.FORK)
        assert processes == (state in HAS_PROCESS)
