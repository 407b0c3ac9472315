"""Which pool a command is about: its configuration, state directory, tasks; no API key is needed to look at it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from ..local.discovery import LocalServer, discover
from ..pool.state_dir import StateDir
from ..supervisor.config import ConfigError, LoadedConfig, NoConfig, Overrides, find_config, load_config
from ..supervisor.config_paths import default_state_dir
from ..supervisor.local_child import PENDING_BASE, PENDING_KEY

F = TypeVar("F", bound=Callable[..., Any])


def pool_options(function: F) -> F:
    """`--config` and `--state-dir`: which pool."""
    function = click.option(
        "--state-dir",
        type=click.Path(path_type=Path),
        help="The pool's state directory [the configuration's].",
    )(function)
    return click.option(
        "--config", type=click.Path(path_type=Path), help="The pool's YAML file [as for cueworker-supervise]."
    )(function)


def state_dir_of(config: Path | None, state_dir: Path | None) -> StateDir:
    """The state directory that a pool with this configuration uses. Raises ConfigError."""
    if state_dir is not None:
        return StateDir(state_dir.absolute())
    try:
        path = find_config(config, os.environ, Path.cwd())
    except NoConfig:
        return StateDir(default_state_dir(socket.gethostname(), os.environ).absolute())
    return StateDir(load_without_key(path).settings.state_dir.absolute())


def load_without_key(path: Path, state_dir: Path | None = None) -> LoadedConfig:
    """The configuration, whether or not there is an API key; the key and the address in it are stand-ins.

    Raises ConfigError.
    """
    return load_config(path, Overrides(state_dir=state_dir, api_key=PENDING_KEY, api_base=PENDING_BASE))


def load_as_pool(path: Path, state_dir: Path | None) -> tuple[LoadedConfig, ConfigError | None]:
    """The configuration with the account that a pool would have, and what is wrong with that if anything is.

    The pool's own local server comes first while it runs. Without a key `settings.api_key` is empty. Raises
    ConfigError for everything else that is wrong.
    """
    pending = load_without_key(path, state_dir)
    local = running_local(StateDir(pending.settings.state_dir.absolute()))
    if local is not None:
        account = Overrides(state_dir=state_dir, api_key=local.api_key, api_base=local.url)
        return replace(load_config(path, account), key_source="the pool's own local server"), None
    try:
        return load_config(path, Overrides(state_dir=state_dir)), None
    except ConfigError as error:
        keyless = load_config(path, Overrides(state_dir=state_dir, api_key=PENDING_KEY))
        return replace(keyless, settings=replace(keyless.settings, api_key="")), error


def running_local(state_dir: StateDir) -> LocalServer | None:
    """The local server of the pool that owns this state directory, while it runs."""
    return discover(state_dir.local)
