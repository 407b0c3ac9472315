"""`cueworker doctor`'s judgement: each check a pure function of the facts, each finding with its mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from .doctor_facts import Facts
from .hiding import Secrets

OLDEST_PYTHON = (3, 11)
FILES_A_WORKER, FILES_BESIDES = 16, 128
PROCESSES_A_WORKER, PROCESSES_BESIDES = 16, 64
"""What a pool takes with some room for handlers: below, a busy one may fail to start them."""
SKEW = 5.0
"""Seconds between this clock and the server's from which times in the two logs no longer match."""
MEGABYTE = 1 << 20
_NO_SECRETS = Secrets({}, "")


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    check: str
    level: Level
    text: str
    mend: str | None = None


Check = Callable[[Facts], Iterator[Finding]]


def examine(facts: Facts) -> tuple[Finding, ...]:
    """All checks, in the order in which they are best mended."""
    return tuple(finding for check in CHECKS for finding in check(facts))


def python(facts: Facts) -> Iterator[Finding]:
    """New enough."""
    version = ".".join(map(str, facts.python))
    if facts.python[:2] < OLDEST_PYTHON:
        yield Finding("python", Level.FAIL, version, "install Python 3.11 or newer")
    else:
        yield Finding("python", Level.OK, version)


def user(facts: Facts) -> Iterator[Finding]:
    """Not root."""
    if facts.user == 0:
        yield Finding(
            "user", Level.WARN, "this is root, and so would handlers be", "run the pool as a user of its own"
        )
    else:
        yield Finding("user", Level.OK, f"user id {facts.user}")


def config(facts: Facts) -> Iterator[Finding]:
    """It can be run, all of it."""
    for problem in facts.problems:
        yield Finding("config", Level.FAIL, problem, "correct it; `cueworker check` shows the same")
    for problem in facts.refused:
        yield Finding("config", Level.FAIL, problem, "change the command; the other handlers work")
    for problem in facts.warnings:
        yield Finding("config", Level.WARN, problem)
    if not facts.problems and not facts.refused:
        yield Finding(
            "config", Level.OK, f"{facts.config}: {facts.handlers} handler(s), {facts.workers} worker(s)"
        )


def programs(facts: Facts) -> Iterator[Finding]:
    """What handlers begin with is there."""
    for gone in facts.missing:
        level = Level.FAIL if gone.certain else Level.WARN
        mend = "install it, or name it by its whole path; a service's PATH is shorter than a shell's"
        yield Finding("programs", level, f"handler {gone.task}: {gone.program} is not found", mend)
    if facts.handlers and not facts.missing:
        yield Finding("programs", Level.OK, "what handlers begin with is found")


def key(facts: Facts) -> Iterator[Finding]:
    """There is one, and the server takes it."""
    if facts.keyless is not None:
        yield Finding(
            "key", Level.FAIL, facts.keyless, "log in, or set one of them; a pool with --local needs none"
        )
    elif facts.server is not None and facts.server.key_error is not None:
        yield Finding("key", Level.FAIL, f"{facts.server.key_error}; it came from {facts.key_source}")
    elif facts.server is not None and facts.server.plan is not None:
        yield Finding("key", Level.OK, f"accepted (plan {facts.server.plan}), from {facts.key_source}")


def server(facts: Facts) -> Iterator[Finding]:
    """It answers."""
    found = facts.server
    if found is None:
        return
    if found.healthy is None:
        mend = "is the network up, the address right, a proxy in between? The pool goes on trying, and loses nothing"
        yield Finding("server", Level.FAIL, f"{found.url} does not answer: {found.error}", mend)
    else:
        yield Finding(
            "server", Level.OK, f"{found.url}, version {found.healthy}, answers in {found.took:.2f} s"
        )


def clock(facts: Facts) -> Iterator[Finding]:
    """It agrees with the server's."""
    skew = None if facts.server is None else facts.server.skew
    if skew is None:
        return
    if abs(skew) >= SKEW:
        ahead = "ahead of" if skew > 0 else "behind"
        text = f"this clock is {abs(skew):.0f} s {ahead} the server's"
        yield Finding("clock", Level.WARN, text, "set it by NTP: timedatectl set-ntp true")
    else:
        yield Finding("clock", Level.OK, f"within {max(0.1, abs(skew)):.1f} s of the server's")


def proxy(facts: Facts) -> Iterator[Finding]:
    """The environment's way to the server can be gone."""
    if not facts.ca_exists:
        mend = "correct REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE, or unset it"
        yield Finding("proxy", Level.FAIL, f"the CA bundle {facts.ca_bundle} does not exist", mend)
        return
    said = [_NO_SECRETS.text(each) for each in facts.proxies]
    said += [f"CA bundle {facts.ca_bundle}"] if facts.ca_bundle else []
    yield Finding("proxy", Level.OK, "; ".join(said) or "none, the connection is direct")


def permissions(facts: Facts) -> Iterator[Finding]:
    """Keys and records are this user's alone."""
    for file in facts.files:
        if file.mode & 0o044 and not any(file.path in warning for warning in facts.warnings):
            text = f"{file.path} holds a key, and others can read it"
            yield Finding("permissions", Level.WARN, text, f"chmod 600 {file.path}")
    state = facts.state
    if state is not None and state.owner != facts.user:
        text = f"{facts.state_dir} belongs to user id {state.owner}, this is {facts.user}"
        yield Finding(
            "permissions", Level.FAIL, text, "run this as the pool's user, or choose another state_dir"
        )
    elif not facts.state_writable:
        text = f"{facts.state_dir} cannot be written or made by this user"
        yield Finding("permissions", Level.FAIL, text, "give it to this user, or choose another state_dir")
    elif state is not None and state.mode & 0o077:
        text = f"others can look into {facts.state_dir}"
        yield Finding(
            "permissions", Level.WARN, text, f"chmod 700 {facts.state_dir}; a starting pool does so, too"
        )
    else:
        runs = "a pool runs on it" if facts.pool_runs else "no pool runs on it now"
        yield Finding("permissions", Level.OK, f"{facts.state_dir}; {runs}")


def disk(facts: Facts) -> Iterator[Finding]:
    """There is room for records and reports."""
    found = facts.disk
    if found is None:
        return
    text = f"{found.free // MEGABYTE:,} MB free for {facts.state_dir}"
    mend = "make room: without it nothing is claimed, and reports are kept in memory alone"
    if found.free < 64 * MEGABYTE or (found.inodes and found.free_inodes < 1_000):
        level = Level.FAIL
    elif found.free < 512 * MEGABYTE or found.free_inodes < found.inodes // 50:
        level = Level.WARN
    else:
        yield Finding("disk", Level.OK, text)
        return
    inodes = f", {found.free_inodes:,} of {found.inodes:,} inodes" if found.inodes else ""
    yield Finding("disk", level, text + inodes, mend)


def limits(facts: Facts) -> Iterator[Finding]:
    """Open files and processes suffice."""
    wanted = (
        (
            "open files",
            facts.open_files,
            FILES_BESIDES + FILES_A_WORKER * facts.workers,
            "ulimit -n, LimitNOFILE=",
        ),
        (
            "processes",
            facts.processes,
            PROCESSES_BESIDES + PROCESSES_A_WORKER * facts.workers,
            "ulimit -u, TasksMax=",
        ),
    )
    low = [(name, limit, least, how) for name, limit, least, how in wanted if 0 <= limit < least]
    for name, limit, least, how in low:
        text = f"{limit} {name} are few for {facts.workers} worker(s)"
        yield Finding("limits", Level.WARN, text, f"allow at least {least} ({how})")
    if not low:
        said = ", ".join(f"{'unlimited' if limit < 0 else limit} {name}" for name, limit, _, _ in wanted)
        yield Finding("limits", Level.OK, said)


def systemd(facts: Facts) -> Iterator[Finding]:
    """The pool comes back after a reboot."""
    match facts.systemd:
        case None:
            yield Finding("systemd", Level.OK, "does not run here")
        case "not-found":
            mend = "install one: a template is service_templates/cueworker.service"
            yield Finding(
                "systemd", Level.WARN, "there is no unit: nothing starts the pool after a reboot", mend
            )
        case "enabled" | "enabled-runtime" | "static" | "linked" as state:
            yield Finding("systemd", Level.OK, f"the unit is {state}")
        case state:
            yield Finding("systemd", Level.WARN, f"the unit is {state}", "systemctl enable --now cueworker")


def cgroup(facts: Facts) -> Iterator[Finding]:
    """Not needed; says what stands in."""
    if facts.cgroup is not None:
        yield Finding("cgroup", Level.OK, f"{facts.cgroup} is delegated to this user")
    else:
        text = "no cgroup v2 is delegated here: handlers' processes are found by descent (a unit has Delegate=yes)"
        yield Finding("cgroup", Level.OK, text)


CHECKS: tuple[Check, ...] = (
    python,
    user,
    config,
    programs,
    key,
    server,
    clock,
    proxy,
    permissions,
    disk,
    limits,
    systemd,
    cgroup,
)
