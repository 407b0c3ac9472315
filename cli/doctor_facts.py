"""What `cueworker doctor` looks at, gathered once; judging it is doctor_checks.py's part."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..client import CueAPI, CueAPIError
from ..client.surroundings import surroundings
from ..pool.handler import Handler
from ..pool.state_dir import StateDir
from ..supervisor.config import ConfigError, LoadedConfig, find_config
from ..supervisor.config_paths import config_home, default_state_dir
from ..supervisor.local_child import PENDING_KEY
from . import programs
from .where import load_as_pool, running_local

UNIT = "cueworker.service"
_PATIENCE = (3.0, 5.0)
_CGROUP_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """How the server answered. Times in seconds."""

    url: str
    healthy: str | None = None
    """Its version; None if it did not answer."""
    error: str | None = None
    took: float = 0.0
    skew: float | None = None
    """How far this machine's clock is ahead of the server's, the way there and back taken out."""
    key_error: str | None = None
    """Why the key was not accepted."""
    plan: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """A file or folder that matters."""

    path: str
    owner: int
    mode: int
    """Permission bits."""


@dataclass(frozen=True, kw_only=True)
class DiskFacts:
    """The file system of the state directory."""

    free: int
    size: int
    free_inodes: int
    inodes: int
    """0 where the file system has no such limit."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything at one moment."""

    python: tuple[int, int, int]
    user: int
    config: str | None
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    refused: tuple[str, ...]
    workers: int
    handlers: int
    key_source: str
    keyless: str | None
    """Why there is no API key, if there is none."""
    server: ServerFacts | None
    files: tuple[FileFacts, ...]
    """Files that hold a key; the configuration's own is among `warnings`."""
    state_dir: str
    state: FileFacts | None
    """None while it does not exist."""
    state_writable: bool
    """Whether this user can write to it, or make it."""
    pool_runs: bool
    open_files: int
    """Soft limit; -1 for none."""
    processes: int
    systemd: str | None
    """What systemd says of the unit; None where systemd does not run."""
    cgroup: str | None
    """The delegated cgroup v2; None if there is none."""
    disk: DiskFacts | None
    missing: tuple[programs.Missing, ...]
    proxies: tuple[str, ...]
    ca_bundle: str | None
    """The CA bundle that the environment names."""
    ca_exists: bool


def gather(config: Path | None, state_dir: Path | None, environ: Mapping[str, str], *, local: bool) -> Facts:
    """Look at everything. Never raises for what is wrong: that is what it is to find."""
    loaded, keyless, problems, path = _configuration(config, state_dir, environ)
    fallback = state_dir or default_state_dir(socket.gethostname(), environ)
    where = StateDir((loaded.settings.state_dir if loaded else fallback).absolute())
    server = _server(loaded, local=local) if loaded else None
    way = surroundings(server.url if server else "https://api.cueapi.ai")
    bundle = way.verify if isinstance(way.verify, str) else None
    handlers: Mapping[str, Handler] = loaded.settings.handlers if loaded else {}
    return Facts(
        python=sys.version_info[:3],
        user=os.geteuid(),
        config=path,
        problems=problems,
        warnings=tuple(map(str, loaded.warnings)) if loaded else (),
        refused=tuple(map(str, loaded.refused)) if loaded else (),
        workers=loaded.settings.workers if loaded else 0,
        handlers=len(handlers),
        key_source=loaded.key_source if loaded else "",
        keyless=None if local or keyless is None else str(keyless),
        server=server,
        files=tuple(_key_files(where, environ)),
        state_dir=str(where.root),
        state=_file(where.root),
        state_writable=os.access(_nearest(where.root), os.W_OK | os.X_OK),
        pool_runs=_runs(where),
        open_files=_limit(resource.RLIMIT_NOFILE),
        processes=_limit(resource.RLIMIT_NPROC),
        systemd=_systemd(),
        cgroup=_delegated_cgroup(),
        disk=_disk(_nearest(where.root)),
        missing=tuple(programs.missing(handlers.values(), environ)),
        proxies=tuple(f"{scheme}: {address}" for scheme, address in sorted(way.proxies.items())),
        ca_bundle=bundle,
        ca_exists=bundle is None or os.path.exists(bundle),
    )


def _configuration(
    config: Path | None, state_dir: Path | None, environ: Mapping[str, str]
) -> tuple[LoadedConfig | None, ConfigError | None, tuple[str, ...], str | None]:
    path = None
    try:
        path = find_config(config, environ, Path.cwd())
        return *load_as_pool(path, state_dir), (), str(path)
    except ConfigError as error:
        return None, None, tuple(map(str, error.problems)), None if path is None else str(path)


def _server(loaded: LoadedConfig, *, local: bool) -> ServerFacts | None:
    settings = loaded.settings
    if local and running_local(StateDir(settings.state_dir.absolute())) is None:
        return None
    with contextlib.closing(
        CueAPI(settings.api_key or PENDING_KEY, settings.api_base, timeout=_PATIENCE)
    ) as api:
        sent = time.time()
        try:
            health = api.health()
        except CueAPIError as error:
            return ServerFacts(url=api.base_url, error=str(error))
        took = time.time() - sent
        key_error, plan = _account(api) if settings.api_key else (None, None)
    return ServerFacts(
        url=api.base_url,
        healthy=str(health.get("version") or health.get("status") or "unknown"),
        took=took,
        skew=_skew(health.get("timestamp"), sent + took / 2),
        key_error=key_error,
        plan=plan,
    )


def _account(api: CueAPI) -> tuple[str | None, str | None]:
    try:
        plan = api.usage().get("plan")
    except CueAPIError as error:
        return str(error), None
    return None, str(plan.get("name") if isinstance(plan, dict) else plan)


def _skew(timestamp: object, here: float) -> float | None:
    try:
        return here - datetime.fromisoformat(str(timestamp)).timestamp()
    except (ValueError, OverflowError):
        return None


def _key_files(where: StateDir, environ: Mapping[str, str]) -> Iterator[FileFacts]:
    for path in (config_home(environ) / "cueapi" / "credentials.json", where.local / "api_key"):
        if (found := _file(path)) is not None:
            yield found


def _file(path: Path) -> FileFacts | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return FileFacts(path=str(path), owner=status.st_uid, mode=status.st_mode & 0o777)


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest one above that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def _runs(where: StateDir) -> bool:
    try:
        return where.is_in_use()
    except OSError:
        return False


def _limit(which: int) -> int:
    soft, _ = resource.getrlimit(which)
    return -1 if soft == resource.RLIM_INFINITY else soft


def _systemd() -> str | None:
    systemctl = shutil.which("systemctl")
    if systemctl is None or not os.path.isdir("/run/systemd/system"):
        return None
    said = []
    for scope in ("--system", "--user"):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                [systemctl, scope, "is-enabled", UNIT], capture_output=True, text=True, timeout=5, check=False
            )
            said.append(done.stdout.strip())
    return next((each for each in said if each and each != "not-found"), "not-found")


def _delegated_cgroup() -> str | None:
    """This process's cgroup v2, if this user may make others below it."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/cgroup").read_text("ascii").splitlines()
        own = next(line for line in lines if line.startswith("0::")).removeprefix("0::")
        for root in _CGROUP_ROOTS:
            folder = Path(root + own)
            if (folder / "cgroup.procs").exists() and os.access(folder, os.W_OK):
                return str(folder) if own != "/" else None
    return None


def _disk(folder: Path) -> DiskFacts | None:
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return DiskFacts(
        free=found.f_bavail * found.f_frsize,
        size=found.f_blocks * found.f_frsize,
        free_inodes=found.f_favail,
        inodes=found.f_files,
    )
