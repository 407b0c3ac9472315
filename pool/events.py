"""Everything a pool says about itself: one vocabulary of events, its words in one place.

Code emits names and facts; the sentences are here. The name stands in every log line, so that it can be searched for.
"""

from __future__ import annotations

import logging
from typing import Any

_DEBUG, _INFO, _WARNING, _ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

EVENTS: dict[str, tuple[int, str]] = {
    # An execution's way.
    "execution.claimed": (_INFO, "{task}: claimed {execution_id}"),
    "execution.refused": (_INFO, "{task}: {execution_id} could not be claimed: {reason}"),
    "execution.dropped": (_DEBUG, "{task}: offer of {execution_id} dropped: {reason}"),
    "execution.unsettled": (
        _WARNING,
        "{task}: no answer to the claim of {execution_id}, asking whose it is: {reason}",
    ),
    "execution.started": (_DEBUG, "{task}: {execution_id} runs as pid {handler_pid}"),
    "execution.survivors": (
        _ERROR,
        "{task}: {execution_id} left processes that KILL did not end: {survivors}",
    ),
    "execution.ended": (_INFO, "{task}: {execution_id} {ending} after {seconds:.1f} s: {verdict}"),
    "execution.lost": (_ERROR, "{task}: {execution_id} was lost with its worker; reporting it as failed"),
    "execution.swept": (_WARNING, "killed {count} leftover process(es) of {what}"),
    "execution.cancelled": (_WARNING, "{task}: an operator cancels {execution_id}"),
    "execution.left": (_INFO, "{task}: {execution_id} has ended; what it left in the background goes on"),
    "lease.unkept": (_ERROR, "no thread to renew the lease of {execution_id}, trying again: {reason}"),
    # A report's way.
    "report.recorded": (_INFO, "{task}: outcome of {execution_id} recorded"),
    "report.settled": (_INFO, "{task}: the server has an outcome of {execution_id} already"),
    "report.gone": (
        _WARNING,
        "{task}: {execution_id} is gone from the server; its outcome stands in history only",
    ),
    "report.not_ours": (_WARNING, "{task}: {execution_id} is another worker's now; nothing is reported"),
    "report.waiting": (_WARNING, "{task}: outcome of {execution_id} waits in the spool: {reason}"),
    "report.unspooled": (
        _ERROR,
        "{task}: outcome of {execution_id} cannot be spooled ({reason}); sending it from memory",
    ),
    "report.shrunk": (_WARNING, "{task}: the server cannot digest the outcome of {execution_id}; cutting it"),
    "spool.unreadable": (_ERROR, "{path} is no spool entry ({reason}); kept as {kept}"),
    "spool.unusable": (_ERROR, "the spool cannot be worked through, trying again: {reason}"),
    "record.unwritten": (_ERROR, "{task}: the slot record of {execution_id} cannot be written: {reason}"),
    "record.unreadable": (_ERROR, "{path} is no slot record ({reason}); removed"),
    "record.unsettled": (_ERROR, "the execution in {path} cannot be settled yet, trying again: {reason}"),
    # The steward.
    "claiming.held": (_INFO, "nothing is claimed for {seconds:.1f} s: {reason}"),
    "listing.failed": (_WARNING, "cannot list work: {reason}"),
    "listing.recovered": (_INFO, "listing works again"),
    "presence.failed": (_WARNING, "cannot register this worker: {reason}"),
    "presence.recovered": (_INFO, "registered with the server again"),
    # The account.
    "account.refused": (
        _ERROR,
        "the server refuses the API key from {source}; nothing is claimed until there is another: {remedy}",
    ),
    "account.accepted": (_INFO, "the server takes the API key again"),
    "account.changed": (_INFO, "another API key, from {source}: going on with it"),
    "account.unreadable": (_ERROR, "cannot look for another API key: {reason}"),
    "account.unsaved": (_ERROR, "the new API key holds until the pool stops, for it is not kept: {reason}"),
    "login.asked": (
        _WARNING,
        "asked {email} for another API key: follow the link in the e-mail, or approve at {url}",
    ),
    "login.approved": (_INFO, "{email} approved another API key"),
    "login.failed": (_ERROR, "no other API key by e-mail to {email}, next try in {seconds:.0f} s: {reason}"),
    "metrics.listening": (_INFO, "metrics at {url}"),
    "metrics.unavailable": (
        _WARNING,
        "metrics cannot be served at {listen}, trying again every second: {reason}",
    ),
    "metrics.failed": (_ERROR, "{path} could not be answered: {reason}"),
    # Processes.
    "pool.started": (
        _INFO,
        "{workers} workers for {handlers} at {server} as {worker_id}; state in {state_dir}",
    ),
    "pool.upgrading": (_INFO, "{by}: trying the program that is installed now"),
    "pool.not_upgraded": (_ERROR, "not upgraded, this program goes on: {reason}"),
    "pool.upgraded": (
        _INFO,
        "upgraded from {before} to {version}; {adopted} worker(s) of the earlier program end what they run",
    ),
    "pool.paused": (
        _WARNING,
        "{by}: paused; nothing more is claimed, what runs goes on. `cueworker resume` or SIGCONT ends it",
    ),
    "pool.resumed": (_INFO, "{by}: resumed"),
    "pool.scaled": (
        _INFO,
        "{by}: {workers} workers, {before} before; a reload goes back to the configuration's",
    ),
    "pool.draining": (_INFO, "{signal}: draining; handlers have {seconds:g} s"),
    "pool.stopping": (_WARNING, "{signal}: stopping the handlers"),
    "pool.killing": (_WARNING, "{signal}: killing the handlers"),
    "pool.stopped": (_INFO, "stopped; {waiting} report(s) wait in the spool"),
    "pool.cannot_boot": (_ERROR, "no worker can start ({reason}); giving up"),
    "pool.reloaded": (_INFO, "configuration reloaded; it holds for every execution from now on"),
    "pool.not_reloaded": (_ERROR, "configuration not reloaded, the old one stays: {reason}"),
    "pool.late": (
        _WARNING,
        "the supervisor was held up for {seconds:.1f} s; every slot gets a fresh interval",
    ),
    "slot.started": (_DEBUG, "{name} started as pid {child_pid}"),
    "cgroup.used": (_INFO, "each execution gets a cgroup of its own below {path}"),
    "cgroup.unused": (_DEBUG, "executions get no cgroups: {reason}"),
    "cgroup.failed": (_ERROR, "an execution runs without the help of {path}: {reason}"),
    "limits.unenforced": (_WARNING, "{task}: {what}; {reason}"),
    "slot.left": (_DEBUG, "{name} left"),
    "slot.crashed": (_ERROR, "{name} died ({how})"),
    "slot.cannot_boot": (_ERROR, "{name} cannot start ({how}); next try in {seconds:.1f} s"),
    "slot.unswept": (_ERROR, "cannot look for what dead processes left, trying again: {reason}"),
    "slot.hung": (_ERROR, "{name} gave no sign of life for {seconds:.0f} s; killing it"),
    "slot.overdue": (_ERROR, "{name} did not end its handler in time; killing both"),
    "slot.recycled": (_INFO, "{name} is replaced by a fresh process: {reason}"),
    "slot.refilled": (_INFO, "{name} is refilled in {seconds:.1f} s"),
    "local.started": (_INFO, "local server at {url}"),
    "local.died": (_ERROR, "the local server died ({how}); starting it again"),
    "control.unusable": (
        _ERROR,
        "no control socket at {path} ({reason}): `cueworker status` and its like do not reach this pool; trying again",
    ),
    "control.refused": (_WARNING, "a process of user id {uid} asked the control socket; it was refused"),
    "control.failed": (_ERROR, "a request to the control socket met an error: {reason}"),
    "config.warning": (_WARNING, "{problem}"),
    # The log itself.
    "log.unwritable": (
        _ERROR,
        "the log file {path} cannot be written ({reason}); logging to standard error until it can",
    ),
    "log.writable": (_INFO, "the log file {path} is written again"),
    "log.stuck": (_WARNING, "the log file {path} is due to be set aside and cannot be, growing: {reason}"),
    "log.reopened": (_INFO, "{signal}: log files reopened"),
    "logs.unwritable": (_WARNING, "{task}: the output of {execution_id} cannot be logged: {reason}"),
    "logs.unpruned": (_WARNING, "old logs of executions cannot be removed: {reason}"),
}

_log = logging.getLogger("cueworker")


def emit(name: str, /, **facts: Any) -> None:
    """Say that something happened. `facts` fill the event's sentence; KeyError for a name that is not in `EVENTS`."""
    level, words = EVENTS[name]
    if _log.isEnabledFor(level):
        sentence = words.format(**facts)
        extra = {"event": name, "facts": facts, "words": sentence}
        _log.log(level, "%s  [%s]", sentence, name, extra=extra)
