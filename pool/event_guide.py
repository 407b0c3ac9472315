"""What each event means to the person who reads it, and what to do about it. `cueworker events` shows it."""

from __future__ import annotations

NOTHING = "Nothing."

GUIDE: dict[str, tuple[str, str]] = {
    # An execution's way.
    "execution.claimed": ("A worker has the execution and its lease.", NOTHING),
    "execution.refused": (
        "Not granted: another worker was faster, the row cannot be claimed, or the server was not reached.",
        "Nothing; a row that is refused again and again rests longer each time.",
    ),
    "execution.dropped": (
        "An offer was not taken up: too old, or the execution is in another slot or in the spool.",
        "Nothing; it is offered again if it is still there.",
    ),
    "execution.unsettled": (
        "The answer to the claim was lost, so the server is asked whose the execution is now.",
        "Nothing; look at the network if it is frequent.",
    ),
    "execution.started": ("The handler runs as this process.", NOTHING),
    "execution.survivors": (
        "Processes of the handler did not end on SIGKILL, most likely in a system call that does not return.",
        "Look at the device or network file system that they wait for; they end when it answers.",
    ),
    "execution.ended": (
        "The handler ended in this way, with this verdict.",
        "For a failure: `cueworker logs <execution>` shows its output.",
    ),
    "execution.left": (
        "The handler ended, and its `background: leave` let other processes of it go on. Its worker is replaced.",
        NOTHING,
    ),
    "execution.cancelled": (
        "An operator has asked for its end: TERM, `kill_grace`, KILL; it is reported as failed.",
        NOTHING,
    ),
    "execution.lost": (
        "The worker died beside its handler. The report says `worker lost; effects unknown`, with its evidence.",
        "Look for the reason in the lines before (out of memory, kill -9), and find out what the handler has done.",
    ),
    "execution.swept": (
        "Processes that a dead worker or pool had left were killed.",
        "Nothing; the death itself has a line of its own.",
    ),
    "lease.unkept": (
        "No thread could be started to renew the lease; it is tried again until the lease ends.",
        "Raise the limits on processes (`ulimit -u`, TasksMax=).",
    ),
    # A report's way.
    "report.recorded": ("The server has the outcome.", NOTHING),
    "report.settled": (
        "The server had an outcome already: ours, whose acknowledgement was lost, or an earlier one.",
        NOTHING,
    ),
    "report.gone": (
        "The execution does not exist on the server any more. `history.jsonl` keeps its outcome.",
        "Nothing, if the cue was deleted on purpose.",
    ),
    "report.not_ours": (
        "The lease was lost and another worker has the execution: a report would speak about that one's run.",
        "If it is frequent: is the server reachable, is a handler longer than its lease can be kept?",
    ),
    "report.waiting": (
        "The outcome could not be sent. It is safe in the spool and sent again until the server has it.",
        "Look at the reason: network, server, or a key that is refused.",
    ),
    "report.unspooled": (
        "The state directory cannot be written; the outcome is in the memory of its worker until it is sent.",
        "Make room on the disk now; do not kill the worker.",
    ),
    "report.shrunk": (
        "The server failed on this report alone for five minutes; evidence is left out, and named in the report.",
        "Look at the server's log if the evidence is needed.",
    ),
    "spool.unreadable": (
        "A file in the spool is no report. It was set aside under another name.",
        "Look at it: after a power cut it may be the rest of a report.",
    ),
    "spool.unusable": (
        "The spool cannot be read or emptied.",
        "Look at the reason: the disk, permissions, `ulimit -n`.",
    ),
    "record.unwritten": (
        "The slot record does not have the handler's pid; a sweep would find the handler by its environment.",
        "Look at the disk of the state directory.",
    ),
    "record.unreadable": ("A file among the slot records is none. It was removed.", NOTHING),
    "record.unsettled": (
        "What a dead worker left cannot be read or its report not be written; it is tried again.",
        "Look at the reason: the disk, permissions, `ulimit -n`.",
    ),
    # The steward.
    "claiming.held": ("Nothing is claimed for a while; what runs goes on.", "Look at the reason."),
    "listing.failed": (
        "The server cannot be asked for work. This is said once, until it can be again.",
        "Look at the reason: network, server, or a key that is refused.",
    ),
    "listing.recovered": ("The server answers again.", NOTHING),
    "presence.failed": (
        "The server could not be told that this worker lives. After 180 s of it, it counts as stale.",
        "As for listing.failed.",
    ),
    "presence.recovered": ("The server knows again that this worker lives.", NOTHING),
    # The account.
    "account.refused": (
        "The server answers 401 to this key. Nothing is claimed; handlers, leases and reports stay.",
        "Do what the line says, most often `cueworker login`. A pool that waits takes up another key by itself.",
    ),
    "account.accepted": (
        "The key that was refused is good again; the pool goes on.",
        NOTHING,
    ),
    "account.changed": (
        "Another key was found, or approved; it holds from now on, also for handlers that start.",
        NOTHING,
    ),
    "account.unreadable": (
        "The key is refused, and the files in which another might stand cannot be read.",
        "Correct them: `cueworker check` shows every error with its line.",
    ),
    "account.unsaved": (
        "A login brought a key that could not be kept on the disk, or that another one there wins over.",
        "Before the pool is restarted, put the key where the line says, or run `cueworker login`.",
    ),
    "login.asked": (
        "The key is refused and `email:` is set, so the server was asked for another key.",
        "Follow the link in the e-mail, or approve at the address in the line, within 15 minutes.",
    ),
    "login.approved": (
        "The login was approved; the pool goes on with the key that it brought.",
        NOTHING,
    ),
    "login.failed": (
        "No key came of the login; it is asked for again later.",
        "Look at the reason; `cueworker login` does the same by hand.",
    ),
    # Metrics.
    "metrics.listening": (
        "Metrics, `/healthz` and `/readyz` are served here.",
        NOTHING,
    ),
    "metrics.unavailable": (
        "The address cannot be listened on. The pool works all the same.",
        "Free the port, or choose another with `metrics: {listen: …}`.",
    ),
    "metrics.failed": (
        "A request for metrics met an error; the pool works all the same.",
        "Report it with the line, if it comes again.",
    ),
    # Processes.
    "pool.started": ("The pool begins, with these settings.", NOTHING),
    "pool.draining": (
        "Nothing is claimed any more; handlers may finish.",
        "Nothing; a second signal hastens it.",
    ),
    "pool.stopping": ("Handlers get TERM, then KILL; their outcomes are reported.", NOTHING),
    "pool.killing": ("Handlers get KILL; their outcomes are reported.", NOTHING),
    "pool.stopped": (
        "The pool has ended.",
        "If reports wait in the spool: the next start sends them.",
    ),
    "pool.cannot_boot": (
        "Every worker failed to start several times in a row; the pool ends with exit code 70.",
        "Look at the reason and at the slot.cannot_boot lines before.",
    ),
    "pool.upgrading": (
        "The program that is installed now is tried, before this one makes room for it.",
        NOTHING,
    ),
    "pool.not_upgraded": (
        "The program that is installed now cannot take over; this one goes on as before.",
        "Correct what the line, or the one before it, says, and call `cueworker upgrade` again; or restart the pool.",
    ),
    "pool.upgraded": (
        "Another program goes on in the supervisor's process. Workers that were busy end what they run first.",
        NOTHING,
    ),
    "pool.paused": (
        "An operator, or TSTP, has paused the pool: nothing more is claimed, what runs goes on.",
        "Resume it with `cueworker resume` when it is time.",
    ),
    "pool.resumed": (
        "Work is claimed again.",
        NOTHING,
    ),
    "pool.scaled": (
        "An operator, or TTIN or TTOU, has changed the number of workers.",
        "Set `workers:` as well, if it shall stay.",
    ),
    "pool.reloaded": ("The new configuration holds for every execution from now on.", NOTHING),
    "pool.not_reloaded": (
        "The new configuration is wrong; the old one stays in force. One line for each error.",
        "Correct it, try it with `cueworker check`, and reload again.",
    ),
    "pool.late": (
        "The machine was suspended, or far too busy for the supervisor to run.",
        "Nothing after a suspend; otherwise fewer workers, or a larger machine.",
    ),
    "slot.started": ("A process of the pool was started.", NOTHING),
    "slot.left": ("A process of the pool left as it was told to.", NOTHING),
    "slot.crashed": (
        "A process of the pool died. What it ran is ended and reported, and it is replaced.",
        "Look for a traceback before, or for the kernel's out-of-memory killer; report it if there is a traceback.",
    ),
    "slot.cannot_boot": (
        "A process of the pool could not be started, or ended before it had begun.",
        "Look at the reason: most often a limit on processes, files or memory.",
    ),
    "cgroup.used": (
        "The pool owns a cgroup v2: each execution gets one of its own, which is killed as a whole.",
        NOTHING,
    ),
    "cgroup.unused": (
        "The pool owns no cgroup v2. Process trees are killed all the same; `limits:` are enforced in part.",
        "Nothing; under systemd, Delegate=yes gives it one.",
    ),
    "cgroup.failed": (
        "An execution could not get a cgroup, or not all of its settings; it runs without.",
        "Look at the reason: permissions, or controllers that are not delegated.",
    ),
    "limits.unenforced": (
        "This machine cannot enforce something that the handler's configuration asks for.",
        "Do what the line says, or take the setting out.",
    ),
    "slot.recycled": (
        "A worker process came to its limit (`max_executions`, `max_memory`, `max_age`), or an operator wished it.",
        NOTHING,
    ),
    "control.unusable": (
        "The socket for `cueworker status` and its like cannot be made; it is tried again every 5 s.",
        "Look at the reason; signals work meanwhile.",
    ),
    "control.refused": (
        "Another user has tried to command this pool.",
        "Find out who it was, if nobody should have.",
    ),
    "control.failed": (
        "A command met an error in the pool, which goes on.",
        "Report it with the line.",
    ),
    "slot.unswept": (
        "What dead processes left cannot be looked for.",
        "Raise the limit on files (`ulimit -n`).",
    ),
    "slot.hung": (
        "A process of the pool gave no sign of life; it is killed and replaced, and its execution reported.",
        "Look at the disk of the state directory: a process that waits for it cannot react.",
    ),
    "slot.overdue": (
        "A worker had not ended its handler in time; both are killed, and the execution is reported.",
        "As for slot.hung.",
    ),
    "slot.refilled": ("A process takes a dead one's place after this pause.", NOTHING),
    "local.started": ("The embedded server listens here.", NOTHING),
    "local.died": (
        "The embedded server died and is started again; its data is on disk, and reports wait in the spool.",
        "Look for its reason on standard error.",
    ),
    "config.warning": (
        "Something in the configuration works and may not be meant.",
        "Correct it, or leave it.",
    ),
    # The log itself.
    "log.unwritable": (
        "A process cannot write its log file; its lines are on standard error until it can. Each process says so once.",
        "Make room, or correct the path or its permissions.",
    ),
    "log.writable": ("Lines are in the log file again.", "The lines in between are on standard error."),
    "log.stuck": (
        "The log file is large or old enough to be set aside, and its folder does not let it be.",
        "Give the pool's user the right to write to the folder.",
    ),
    "log.reopened": ("USR1: every process opens its log file anew.", NOTHING),
    "logs.unwritable": (
        "The output of this execution is not logged any further. The execution itself is not harmed.",
        "Make room, or correct the permissions of the logs' folder.",
    ),
    "logs.unpruned": (
        "Old logs of executions stay.",
        "Correct the permissions of the logs' folder.",
    ),
}
"""For each event: what it means, what to do."""
