"""Which server a command talks to: the pool's local one while it runs, else the configured one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ..client import CueAPI
from ..client.transport import Timeout
from ..local.discovery import LocalServer, discover
from ..pool.settings import DEFAULT_API_BASE
from ..pool.state_dir import StateDir
from ..supervisor.config import ConfigError, NoConfig, Overrides, find_config, load_config
from ..supervisor.config_paths import default_state_dir
from ..supervisor.credentials import resolve_api_key
from ..supervisor.local_child import PENDING_BASE, PENDING_KEY

PATIENT: Timeout = (10, 30)


def connect(config: Path | None, state_dir: Path | None, timeout: Timeout = PATIENT) -> CueAPI:
    """A client for the server that the pool with this configuration and state directory talks to.

    Raises ConfigError when there is neither a running local server nor an API key.
    """
    try:
        path = find_config(config, os.environ, Path.cwd())
    except NoConfig:
        return _without_config(state_dir, timeout)
    pending = load_config(
        path, Overrides(state_dir=state_dir, api_key=PENDING_KEY, api_base=PENDING_BASE)
    ).settings
    local = _local(pending.state_dir)
    if local is not None:
        return CueAPI(local.api_key, base_url=local.url, timeout=timeout)
    settings = load_config(path, Overrides(state_dir=state_dir)).settings
    return CueAPI(settings.api_key, base_url=settings.api_base, timeout=timeout)


def running_local_server(config: Path | None, state_dir: Path | None) -> LocalServer | None:
    """The embedded server of the pool with this configuration and state directory, while it runs."""
    try:
        path = find_config(config, os.environ, Path.cwd())
        pending = Overrides(state_dir=state_dir, api_key=PENDING_KEY, api_base=PENDING_BASE)
        return _local(load_config(path, pending).settings.state_dir)
    except ConfigError:
        return _local(state_dir or default_state_dir(socket.gethostname(), os.environ))


def _without_config(state_dir: Path | None, timeout: Timeout) -> CueAPI:
    local = _local(state_dir or default_state_dir(socket.gethostname(), os.environ))
    if local is not None:
        return CueAPI(local.api_key, base_url=local.url, timeout=timeout)
    credentials = resolve_api_key(None, os.environ)
    return CueAPI(credentials.api_key, base_url=credentials.api_base or DEFAULT_API_BASE, timeout=timeout)


def _local(state_dir: Path) -> LocalServer | None:
    """The local server of the pool with this directory, or the one of `cueworker serve` on it."""
    folder = state_dir.absolute()
    return discover(StateDir(folder).local) or discover(folder)
