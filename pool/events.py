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
    "execution.started": (_DEBUG, "{task}: {execution_id} runs as pid {pid}"),
    "execution.survivors": (
        _ERROR,
        "{task}: {execution_id} left processes that KILL did not end: {survivors}",
    ),
    "execution.ended": (_INFO, "{task}: {execution_id} {ending} after {seconds:.1f} s: {verdict}"),
    "execution.lost": (_ERROR, "{task}: {execution_id} was lost with its worker; reporting it as failed"),
    "execution.swept": (_WARNING, "killed {count} leftover process(es) of {what}"),
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
    # Processes.
    "pool.started": (
        _INFO,
        "{workers} workers for {handlers} at {server} as {worker_id}; state in {state_dir}",
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
    "cgroup.used": (_INFO, "each execution gets a cgroup of its own below {path}"),
    "cgroup.unused": (_DEBUG, "executions get no cgroups: {reason}"),
    "cgroup.failed": (_ERROR, "an execution runs without the help of {path}: {reason}"),
    "limits.unenforced": (_WARNING, "{task}: {what}; {reason}"),
    "slot.started": (_DEBUG, "{name} started as pid {pid}"),
    "slot.left": (_DEBUG, "{name} left"),
    "slot.crashed": (_ERROR, "{name} died ({how})"),
    "slot.cannot_boot": (_ERROR, "{name} cannot start ({how}); next try in {seconds:.1f} s"),
    "slot.unswept": (_ERROR, "cannot look for what dead processes left, trying again: {reason}"),
    "slot.hung": (_ERROR, "{name} gave no sign of life for {seconds:.0f} s; killing it"),
    "slot.overdue": (_ERROR, "{name} did not end its handler in time; killing both"),
    "slot.refilled": (_INFO, "{name} is refilled in {seconds:.1f} s"),
    "local.started": (_INFO, "local server at {url}"),
    "local.died": (_ERROR, "the local server died ({how}); starting it again"),
    "config.warning": (_WARNING, "{problem}"),
}

_log = logging.getLogger("cueworker")


def emit(name: str, /, **facts: Any) -> None:
    """Say that something happened. `facts` fill the event's sentence; KeyError for a name that is not in `EVENTS`."""
    level, words = EVENTS[name]
    if _log.isEnabledFor(level):
        _log.log(level, "%s  [%s]", words.format(**facts), name, extra={"event": name, "facts": facts})
