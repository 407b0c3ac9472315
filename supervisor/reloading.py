"""Reading the configuration for a running pool: again on HUP, and in time after an upgrade."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

from ..local.discovery import LocalServer
from ..pool import log
from ..pool.cgroup import Cgroups
from ..pool.events import emit
from ..pool.redaction import Redaction
from ..pool.settings import Settings
from .config import ConfigError, LoadedConfig
from .enforcement import prepare
from .local_child import LocalChild
from .options import Options
from .signals import Signals

RETRY_LOADING = 1.0


def reloader(
    options: Options, running: Settings, local: LocalChild | None, cgroups: Cgroups | None
) -> Callable[[], Settings | tuple[str, ...]]:
    """What reads the configuration again; it returns what is wrong, if anything is."""

    def reload() -> Settings | tuple[str, ...]:
        try:
            loaded = options.load()
        except ConfigError as error:
            for problem in error.problems:
                emit("pool.not_reloaded", reason=problem)
            return tuple(map(str, error.problems))
        warn(loaded)
        settings = loaded.settings
        for name in ("worker_id", "state_dir"):
            if getattr(settings, name) != getattr(running, name):
                emit(
                    "config.warning",
                    problem=f"`{name}` cannot change while the pool runs; restart it for that",
                )
        prepare(settings.handlers, cgroups)
        settings = replace(settings, worker_id=running.worker_id, state_dir=running.state_dir)
        if local is not None and local.server is not None:
            settings = at_server(local.server, settings)
        log_as(settings)
        return settings

    return reload


def load_in_time(options: Options, signals: Signals) -> Settings:
    """The configuration was right a moment ago. If it is not now, the workers go on meanwhile."""
    while True:
        try:
            loaded = options.load()
        except ConfigError as error:
            for problem in error.problems:
                emit("pool.not_reloaded", reason=problem)
            if signals.has_end():
                raise
            time.sleep(RETRY_LOADING)
        else:
            warn(loaded)
            return loaded.settings


def log_as(settings: Settings) -> None:
    """Log as the settings say, without the secrets that they hold."""
    log.configure(settings.log, Redaction(settings, os.environ).pool)


def at_server(server: LocalServer, settings: Settings) -> Settings:
    """The settings of a pool that works for its own local server."""
    # Its key comes from its own directory alone: there is nobody to ask for another.
    return replace(settings, api_base=server.url, api_key=server.api_key, email=None)


def warn(loaded: LoadedConfig) -> None:
    """Say what is doubtful in a configuration."""
    for problem in (*loaded.warnings, *loaded.refused):
        emit("config.warning", problem=problem)
