"""The parent: one thread, one loop, no network. It keeps the slots filled and leaves nothing behind."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import random
import select
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import psutil

from ..pool import log, process_tree, steward, worker
from ..pool.board import MAX_WORKERS, STEWARD, SlotState
from ..pool.clock import boottime
from ..pool.counted import HUNG, OVERDUE, SWEPT
from ..pool.events import emit
from ..pool.kill_ladder import QUIET_SCANS, RESCAN
from ..pool.settings import Settings
from ..pool.shared import Shared
from ..pool.spool import Spool
from ..pool.tally import SUPERVISOR
from . import exit_codes
from .account_keeper import AccountKeeper
from .children import Child, fork
from .control import ControlSocket
from .control_commands import answer
from .counting import count_lost, count_restart
from .groups import Groups
from .handover import Adopted, exec_anew
from .local_child import LocalChild
from .operations import Operations
from .restart import BOOT_TRIES, Exit
from .service_watch import ServiceWatch, View
from .settlement import redacting, settle_slot
from .shutdown import Shutdown, Stage
from .signals import Signals, hold_back, let_through
from .slot import HAS_PROCESS, IS_SETTLING, Action, Event, State, next_state
from .slot_process import SlotProcess
from .sweep import SWEEP_WITHIN
from .upgrade import Upgrade, UpgradeStage, handover_of

HUNG_AFTER = 90.0
"""Seconds without a beat after which a process is stuck: more than any single call of it may take."""

TICK = 1.0
LATE_AFTER = 5.0
"""Seconds between two turns of the loop from which on the supervisor itself was held up (suspend, SIGSTOP)."""

RETRY_SETTLING = 1.0
RETRY_DESTROYING = 5.0

"""EX_NOPERM: the server refuses the API key (`on_auth_failure: exit`)."""

_SIGNAL_OF = {
    Action.ASK_TO_LEAVE: signal.SIGTERM,
    Action.ASK_TO_STOP: signal.SIGINT,
    Action.ASK_TO_KILL: signal.SIGQUIT,
}


class Supervisor:
    """Made with everything that the forked processes share; `run` returns the exit code."""

    def __init__(
        self,
        settings: Settings,
        shared: Shared,
        signals: Signals,
        reload: Callable[[], Settings | tuple[str, ...]],
        *,
        hangup_drains: bool,
        local: LocalChild | None,
        account: AccountKeeper,
        watch: ServiceWatch,
        adopted: Sequence[Adopted] = (),
    ) -> None:
        self._settings = settings
        self._redact = redacting(settings, os.environ)
        self._shared = shared
        self._signals = signals
        self._counts = shared.tally.row(SUPERVISOR)
        self._reload = reload
        self._hangup_drains = hangup_drains
        self._local = local
        self._account = account
        self._watch = watch
        self._groups = Groups(shared.cgroups)
        self._local_at = 0.0
        self._shutdown = Shutdown(settings.shutdown_grace, settings.kill_grace)
        self._steward = SlotProcess(STEWARD, "steward", steward.main)
        self._slots: list[SlotProcess] = []
        self._bystanders: set[int] = set()
        self._upgrade = Upgrade()
        self._adopt(adopted)
        self._bystanders |= {process.pid for process in psutil.Process().children()} - self._known()
        """Children from before this program was exec'ed: not ours to kill."""
        self._exit_code = exit_codes.OK
        self._fresh_from = self._last_turn = boottime()
        self._control = ControlSocket(shared.state_dir.control)
        self._operations = Operations(self, shared, self._slots, self._steward, self._feed)

    def run(self) -> int:
        """Run the pool until it has stopped."""
        # What is here now is what every worker shares: no collection of theirs should touch, and so copy, it.
        gc.collect()
        gc.freeze()
        # Before the workers: a pool whose workers are up can be asked.
        self._control.keep(boottime())
        self._set_size(self._settings.workers)
        self._feed(self._steward, Event.OPEN)
        while True:
            now = boottime()
            self._shared.pulse.beat(now)
            self._notice_lateness(now)
            for signum in self._signals.take():
                self._on_signal(signum, now)
            self._reap()
            self._look_after_key(now)
            self._advance_shutdown(now)
            self._advance_upgrade(now)
            self._operations.go_on()
            self._settle(boottime())
            self._refill(boottime())
            self._look_for_stuck(boottime())
            self._watch.turn(self._view, boottime())
            if self._is_over():
                break
            self._last_turn = boottime()
            self._control.keep(self._last_turn)
            self._wait(max(0.0, self._next_event() - self._last_turn))
        self._control.close()
        self._groups.end()
        emit("pool.stopped", waiting=len(Spool(self._shared.state_dir).paths()))
        return self._exit_code

    def _wait(self, seconds: float) -> None:
        """Sleep until a signal, a client of the control socket, or for that long."""
        poller = select.poll()
        poller.register(self._signals, select.POLLIN)
        poller.register(self._account, select.POLLIN)
        for descriptor, events in self._control.interests(self._last_turn).items():
            poller.register(descriptor, events)
        ready = [descriptor for descriptor, _ in poller.poll(math.ceil(seconds * 1000))]
        self._control.serve(ready, boottime(), lambda line: answer(line, self._operations))

    # Signals and stages.

    def _on_signal(self, signum: signal.Signals, now: float) -> None:
        match signum:
            case signal.SIGHUP if not self._hangup_drains:
                self.reload()
            case signal.SIGTSTP:
                self._operations.pause(signum.name)
            case signal.SIGCONT:
                self._operations.resume(signum.name)
            case signal.SIGTTIN:
                self.scale(min(self._shared.board.slots + 1, MAX_WORKERS), signum.name)
            case signal.SIGTTOU:
                self.scale(max(self._shared.board.slots - 1, 1), signum.name)
            case signal.SIGUSR1:
                self._reopen_logs(signum.name)
            case signal.SIGUSR2:
                self.upgrade(signum.name)
            case signal.SIGQUIT:
                self._enter(Stage.KILLING, signum.name, now)
            case _:
                again = self._shutdown.stage is not Stage.NONE
                self._enter(Stage.STOPPING if again else Stage.DRAINING, signum.name, now)

    def _advance_upgrade(self, now: float) -> None:
        if not self.is_upgrading:
            return
        if self.stage is not Stage.NONE:
            self._upgrade.fail("the pool is stopping")
        elif self._upgrade.is_cleared(self._slots, self._steward, self._shared.board, now):
            self._hand_over()

    def _look_after_key(self, now: float) -> None:
        refused = self._account.look(now)
        if refused and self._settings.on_auth_failure == "exit" and self._shutdown.stage is Stage.NONE:
            self._exit_code = exit_codes.BAD_KEY
            self._enter(Stage.DRAINING, "the API key is refused", now)

    def _reopen_logs(self, why: str) -> None:
        log.reopen()
        for slot in (*self._slots, self._steward):
            self._kill(slot, signal.SIGUSR1)
        emit("log.reopened", signal=why)

    def _advance_shutdown(self, now: float) -> None:
        stage = self._shutdown.due(now)
        if stage is not None:
            self._enter(stage, "time is up", now)
        if self._shutdown.stage is not Stage.NONE and not self._any_worker():
            self._feed(self._steward, Event.CLOSE)

    def _enter(self, stage: Stage, why: str, now: float) -> None:
        if not self._shutdown.enter(stage, now):
            return
        self._shared.pulse.drain()
        self._watch.stopping(self._shutdown.next_at - now)
        match stage:
            case Stage.DRAINING:
                emit("pool.draining", signal=why, seconds=self._settings.shutdown_grace)
                self._feed_workers(Event.CLOSE)
            case Stage.STOPPING:
                emit("pool.stopping", signal=why)
                self._feed_workers(Event.STOP)
            case Stage.KILLING:
                emit("pool.killing", signal=why)
                self._feed_workers(Event.KILL)
                self._feed(self._steward, Event.STOP)
            case _:
                self._feed_workers(Event.STUCK)
                self._feed(self._steward, Event.STUCK)

    # What a person may do to the pool; the rest of it is in operations.py.

    @property
    def settings(self) -> Settings:
        """What holds now."""
        return self._settings

    @property
    def stage(self) -> Stage:
        """How the pool is being stopped, if it is."""
        return self._shutdown.stage

    @property
    def is_upgrading(self) -> bool:
        """Whether this program is about to be replaced."""
        return self._upgrade.stage is not UpgradeStage.NONE

    def scale(self, workers: int, by: str) -> None:
        """Set the number of workers until the next reload."""
        before = self._shared.board.slots
        if workers != before and self.stage is Stage.NONE and not self.is_upgrading:
            self._settings = replace(self._settings, workers=workers)
            self._set_size(workers)
            emit("pool.scaled", by=by, workers=workers, before=before)

    def drain(self, by: str) -> None:
        """Begin to stop; a pool that stops already goes on with that."""
        if self.stage is Stage.NONE:
            self._enter(Stage.DRAINING, by, boottime())

    def reload(self) -> tuple[str, ...]:
        """Read the configuration again; returns what is wrong with it, in which case the old one stays."""
        self._watch.reloading()
        settings = self._reload()
        # The program that an upgrade brings reads it anyway.
        if not isinstance(settings, tuple) and self.stage is Stage.NONE and not self.is_upgrading:
            self._take_over(settings)
        self._watch.reloaded()
        return settings if isinstance(settings, tuple) else ()

    def upgrade(self, by: str) -> str | None:
        """Begin to replace this program by the one that is installed now; returns what is in the way, if any."""
        if self.stage is not Stage.NONE:
            return "the pool is stopping"
        if not self.is_upgrading:
            if self._shared.memories is None:
                return "only Linux can do that; restart the pool"
            self._upgrade.begin(by)
        return None

    def _hand_over(self) -> None:
        handover = handover_of(self._settings, self._shared, self._slots, self._local)
        self._control.close()
        hold_back()
        try:
            exec_anew(handover, self._watch.environment)
        except OSError as error:
            let_through()
            self._upgrade.fail(f"the new program cannot be run: {error.strerror}")
            self._set_size(self._settings.workers)
            self._feed(self._steward, Event.OPEN)

    def _adopt(self, adopted: Sequence[Adopted]) -> None:
        """Take over the workers of this process's earlier program: each leaves after its execution."""
        self._grow(max((one.cell + 1 for one in adopted), default=0))
        for one in adopted:
            slot = self._slots[one.cell]
            slot.child, slot.state = Child(one.pid, None, one.born), State.RETIRING

    def _take_over(self, settings: Settings) -> None:
        self._settings = settings
        self._redact = redacting(settings, os.environ)
        self._shared.account.publish(settings.api_key, settings.api_base)
        self._shared.tally.know(settings.handlers)
        self._shutdown = Shutdown(settings.shutdown_grace, settings.kill_grace)
        self._set_size(settings.workers)
        self._feed_workers(Event.RETIRE)
        self._feed(self._steward, Event.RETIRE)
        emit("pool.reloaded")

    def _set_size(self, workers: int) -> None:
        self._grow(workers)
        self._shared.board.resize(workers)
        self._shared.tally.resize(workers)
        for slot in self._slots:
            self._feed(slot, Event.OPEN if slot.cell < workers else Event.CLOSE)

    def _grow(self, slots: int) -> None:
        for cell in range(len(self._slots), slots):
            self._slots.append(SlotProcess(cell, f"worker {cell}", worker.main))

    # The slots' table and its actions.

    def _feed_workers(self, event: Event) -> None:
        for slot in self._slots:
            self._feed(slot, event)

    def _feed(self, slot: SlotProcess, event: Event) -> None:
        slot.state, actions = next_state(slot.state, event)
        for action in actions:
            self._act(slot, action)

    def _act(self, slot: SlotProcess, action: Action) -> None:
        now = boottime()
        match action:
            case Action.FORK:
                self._fork(slot, now)
            case Action.DESTROY:
                slot.destroyed_at = now
                slot.ending_since = min(slot.ending_since, now)
                self._kill(slot, signal.SIGKILL)
            case Action.SETTLE:
                slot.swept, slot.settle_from = 0, now
                slot.ending_since = min(slot.ending_since, now)
            case Action.COOL:
                count_restart(self._counts, slot)
                pause = slot.restarts.pause(random.random())  # noqa: S311
                slot.refill_at = now + pause
                if slot.last_exit is Exit.BOOT_FAILED:
                    emit("slot.cannot_boot", name=slot.name, how=slot.how, seconds=pause)
                elif slot.last_exit is Exit.CRASHED:
                    emit("slot.refilled", name=slot.name, seconds=pause)
            case Action.ASK_TO_LEAVE if slot is self._steward and self._shutdown.stage is Stage.NONE:
                # A reload: its successor sees the spool off.
                self._kill(slot, signal.SIGINT)
            case _:
                self._kill(slot, _SIGNAL_OF[action])

    def _fork(self, slot: SlotProcess, now: float) -> None:
        with contextlib.suppress(OSError):
            # Handlers can remove it; what a full disk refuses, the worker itself reports.
            self._shared.state_dir.make_folders()
        slot.replaced_for = None
        try:
            slot.child = fork(slot.main, slot.cell, self._shared.board, now, self._settings, self._shared)
        except OSError as error:
            slot.how = f"fork: {error.strerror}; are `ulimit -u`, `ulimit -n` or TasksMax= too low?"
            self._ended(slot, Exit.BOOT_FAILED, 0.0)
            return
        emit("slot.started", name=slot.name, child_pid=slot.child.pid)

    def _kill(self, slot: SlotProcess, signum: signal.Signals) -> None:
        # Safe by pid: a child's pid is nobody else's before we have reaped it.
        if slot.child is not None:
            os.kill(slot.child.pid, signum)

    # Deaths.

    def _reap(self) -> None:
        process_tree.reap(self._on_exit)

    def _on_exit(self, pid: int, returncode: int) -> None:
        is_bystander = pid in self._bystanders
        # Its number may be anybody's from now on.
        self._bystanders.discard(pid)
        if self._local is not None and pid == self._local.pid:
            self._local.reaped(returncode)
            if not self._is_last():
                emit("local.died", how=_in_words(returncode))
                self._local_at = boottime() + TICK
            return
        if pid == self._upgrade.probe_pid:
            if self._upgrade.reaped(returncode, boottime()):
                self._feed_workers(Event.CLOSE)
                self._feed(self._steward, Event.CLOSE)
            return
        for slot in (*self._slots, self._steward):
            if slot.child is not None and slot.child.pid == pid:
                self._on_slot_exit(slot, slot.child, returncode)
                return
        if returncode == -signal.SIGKILL and not is_bystander:
            self._counts.add(SWEPT)

    def _on_slot_exit(self, slot: SlotProcess, child: Child, returncode: int) -> None:
        if returncode == 0:
            slot.replaced_for = self._operations.left(slot)
        slot.child = None
        slot.how = _in_words(returncode)
        if returncode == 0:
            how = Exit.CLEAN
            emit("slot.left", name=slot.name)
        else:
            booting = self._shared.board.state(slot.cell) is SlotState.BOOTING
            how = Exit.BOOT_FAILED if booting else Exit.CRASHED
            emit("slot.crashed", name=slot.name, how=slot.how)
        self._shared.board.vacate(slot.cell)
        self._ended(slot, how, boottime() - child.born)

    def _ended(self, slot: SlotProcess, how: Exit, lived: float) -> None:
        slot.last_exit = how
        slot.restarts = slot.restarts.after(how, lived)
        self._feed(slot, Event.DIED)
        workers = [slot for slot in self._slots if slot.state is not State.CLOSED]
        if workers and all(slot.restarts.boot_failures >= BOOT_TRIES for slot in workers):
            emit("pool.cannot_boot", reason=slot.how)
            self._exit_code = exit_codes.CANNOT_BOOT
            self._enter(Stage.KILLING, "no worker can start", boottime())

    def _settle(self, now: float) -> None:
        """Kill what dead processes left, then settle their executions."""
        settling = [slot for slot in (*self._slots, self._steward) if slot.state in IS_SETTLING]
        if not settling:
            return
        dying = {self._shared.board.execution(slot.cell) for slot in settling}
        self._groups.kill(dying)
        try:
            strangers = self._groups.but_kept(process_tree.strangers(self._known()), dying)
        except OSError as error:
            # No descriptor to look with. What cannot be seen to be gone is not settled.
            emit("slot.unswept", reason=error)
            for slot in settling:
                slot.swept, slot.settle_from = 0, now + RETRY_SETTLING
            return
        process_tree.kill_children(strangers)
        if strangers:
            emit("execution.swept", count=len(strangers), what="dead workers")
        on_lost = partial(count_lost, self._counts)
        for slot in settling:
            slot.swept = 0 if strangers else slot.swept + 1
            if slot.swept < QUIET_SCANS and now < slot.settle_from + SWEEP_WITHIN:
                continue
            if slot is self._steward or settle_slot(self._shared.state_dir, slot.cell, self._redact, on_lost):
                self._shared.notices.send("lost", execution=self._shared.board.execution(slot.cell))
                self._shared.board.reset(slot.cell)
                slot.ending_since = math.inf
                self._feed(slot, Event.SETTLED)
                self._shared.spooled.send("spooled")
            else:
                slot.settle_from = now + RETRY_SETTLING

    def _known(self) -> set[int]:
        known = {slot.child.pid for slot in (*self._slots, self._steward) if slot.child is not None}
        others = (None if self._local is None else self._local.pid, self._upgrade.probe_pid)
        return known | self._bystanders | {pid for pid in others if pid is not None}

    def _refill(self, now: float) -> None:
        self._groups.tidy(self._shared.board.held, now)
        for slot in (*self._slots, self._steward):
            if slot.state is State.COOLING and now >= slot.refill_at:
                self._feed(slot, Event.COOLED)
        if (
            self._local is not None
            and self._local.pid is None
            and not self._is_last()
            and now >= self._local_at
        ):
            self._local_at = now + TICK
            with contextlib.suppress(OSError):
                self._local.spawn()

    # Second line: what a process should have done itself.

    def _notice_lateness(self, now: float) -> None:
        if now - self._last_turn > LATE_AFTER:
            emit("pool.late", seconds=now - self._last_turn)
            self._fresh_from = now

    def _look_for_stuck(self, now: float) -> None:
        board = self._shared.board
        for slot in (*self._slots, self._steward):
            if slot.state not in HAS_PROCESS or now < slot.destroyed_at + RETRY_DESTROYING:
                continue
            silent = now - max(board.last_beat(slot.cell), self._fresh_from)
            if silent > HUNG_AFTER:
                emit("slot.hung", name=slot.name, seconds=silent)
                slot.replaced_for = HUNG
                self._feed(slot, Event.STUCK)
            elif now > self._stop_by(slot):
                emit("slot.overdue", name=slot.name)
                slot.replaced_for = OVERDUE
                self._feed(slot, Event.STUCK)

    def _stop_by(self, slot: SlotProcess) -> float:
        """When the supervisor steps in; a worker that was held up together with it gets a moment to do it itself."""
        return max(
            self._shared.board.stop_by(slot.cell),
            self._fresh_from + TICK / 2,
            slot.destroyed_at + RETRY_DESTROYING,
        )

    def _view(self) -> View:
        board = self._shared.board
        states = [board.state(slot.cell) for slot in self._slots]
        return View(
            busy=states.count(SlotState.BUSY),
            idle=states.count(SlotState.IDLE),
            steward_works=board.state(STEWARD) is SlotState.BUSY,
            ending_since=[slot.ending_since for slot in self._slots if slot.state is not State.CLOSED],
            steward_ending_since=self._steward.ending_since,
        )

    # The loop's conditions.

    def _any_worker(self) -> bool:
        return any(slot.state is not State.CLOSED for slot in self._slots)

    def _is_last(self) -> bool:
        return (
            self._shutdown.stage is not Stage.NONE
            and not self._any_worker()
            and self._steward.state is State.CLOSED
        )

    def _is_over(self) -> bool:
        """Workers leave first, then the steward with the spool, then the local server that it talks to."""
        if not self._is_last():
            return False
        if self._local is not None and self._local.pid is not None:
            if self._shutdown.stage is Stage.DESTROYING:
                self._local.kill()
            else:
                self._local.terminate()
            return False
        return True

    def _next_event(self) -> float:
        now = boottime()
        times = [
            *(now + TICK, self._shutdown.next_at, self._operations.next_at(now)),
            self._watch.next_at(now),
        ]
        for slot in (*self._slots, self._steward):
            if slot.state is State.COOLING:
                times.append(slot.refill_at)
            elif slot.state in IS_SETTLING:
                times.append(max(now + RESCAN, slot.settle_from))
            elif slot.state in HAS_PROCESS:
                times.append(self._stop_by(slot))
        return min(times)


def _in_words(returncode: int) -> str:
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"killed by signal {-returncode}"
