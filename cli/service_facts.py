"""From a configuration and this machine to what its service says. What would not run is refused, with what to do."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..pool.settings import Settings
from ..supervisor.config import ConfigError, LoadedConfig, Overrides, find_config, load_config
from ..supervisor.config_paths import default_state_dir
from ..supervisor.local_child import PENDING_BASE, PENDING_KEY
from . import service_paths, service_user
from .service import NAME, Scope, Service, times


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command line."""

    scope: Scope
    config: Path | None
    instance: str | None
    run_as: str | None
    local: bool
    root: Path
    """Stands for `/`."""
    platform: str
    """As `sys.platform`."""


class NotInstallable(Exception):
    """The service would not run; the message says why and what to do."""


@dataclass(frozen=True)
class Facts:
    """The service, and what it was made of."""

    service: Service
    config: Path
    settings: Settings


def gather(wish: Wish, home: Path, environ: Mapping[str, str] = os.environ) -> Facts:
    """What is to be installed. Raises ConfigError, or NotInstallable."""
    check_name("instance", wish.instance)
    config = Path(os.path.abspath(find_config(wish.config, environ, Path.cwd())))
    # As the service will see it: without this shell's variables.
    loaded = _load(config, wish, {"HOME": str(home)})
    try:
        user = service_user.choose(wish.run_as, config) if wish.scope is Scope.SYSTEM else None
        program = service_paths.program(sys.executable)
    except ValueError as error:
        raise NotInstallable(str(error)) from error
    at_home = home if user is None else service_user.home_of(user)
    _check_key(loaded, config, wish, {"HOME": str(at_home)})
    settings = loaded.settings
    worker_id, option = _worker_id(settings.worker_id, wish.instance)
    check_name("worker_id", worker_id)
    start, stop = times(settings)
    others = [] if user in (None, "root") else [Path("/root")]
    service = Service(
        scope=wish.scope,
        instance=wish.instance,
        command=(*program, "--config", str(config), *option, *(["--local"] if wish.local else [])),
        path=service_paths.search_path(environ, at_home, without=others),
        user=user,
        own_state_dir=settings.state_dir != default_state_dir(settings.worker_id, {"HOME": str(home)}),
        start_within=start,
        stop_within=stop,
    )
    return Facts(service, config, settings)


def check_name(what: str, name: str | None) -> None:
    """Raises NotInstallable for a worker id or an instance's name that cannot stand in unit names and paths."""
    if name is not None and (not NAME.fullmatch(name) or name in (".", "..")):
        raise NotInstallable(
            f"{what} {name!r} cannot be a service's: letters, digits, '.', '_' and '-' are allowed ({NAME.pattern})"
        )


def _worker_id(configured: str, instance: str | None) -> tuple[str, list[str]]:
    """An instance that would be known by the host's name alone gets its own name added: one id is for one pool."""
    if instance is None or configured != socket.gethostname():
        return configured, []
    worker_id = f"{configured}-{instance}"
    return worker_id, ["--worker-id", worker_id]


def _load(config: Path, wish: Wish, environ: Mapping[str, str]) -> LoadedConfig:
    base = PENDING_BASE if wish.local else None
    return load_config(config, Overrides(api_key=PENDING_KEY, api_base=base), environ)


def _check_key(loaded: LoadedConfig, config: Path, wish: Wish, environ: Mapping[str, str]) -> None:
    credential = credential_file(wish)
    if wish.local or (credential is not None and credential.exists()):
        return
    try:
        load_config(config, Overrides(), environ)
    except ConfigError as error:
        places = [f"`api_key:` in {config}"]
        if credential is not None:
            places.append(f"{credential} (the key alone, root's, mode 0600)")
        raise NotInstallable(
            f"the service would have no API key: {error}\n"
            f"Put it into {' or '.join(places)}. "
            "Variables of this shell, CUEAPI_API_KEY among them, do not reach a service."
        ) from error


def credential_file(wish: Wish) -> Path | None:
    """Where systemd looks for a system service's key."""
    if wish.scope is not Scope.SYSTEM or wish.platform == "darwin":
        return None
    suffix = "" if wish.instance is None else f"-{wish.instance}"
    return wish.root / f"etc/credstore/cueworker{suffix}.api_key"
