"""Where a pool's API key comes from while it runs: its configuration, its logins, or the local server beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path

from .account_keeper import Found
from .config import LoadedConfig
from .credentials import credentials_path
from .key_store import key_store
from .local_child import LocalChild


class KeysOfPool:
    """The files behind a pool's key: the configuration at `path`, which `load` reads, and what logins leave."""

    def __init__(self, load: Callable[[], LoadedConfig], path: Path, environ: Mapping[str, str]) -> None:
        self._load = load
        self._path = path
        self._environ = environ

    def signature(self) -> Hashable:
        """Differs when one of the files has changed."""
        return tuple(_state(path) for path in (self._path, credentials_path(self._environ)))

    def load(self) -> Found:
        """The key that a pool would start with now. Raises ConfigError."""
        loaded = self._load()
        settings = loaded.settings
        if loaded.key_source == key_store(self._path, self._environ).where:
            remedy = "`cueworker login` gets one, and the pool takes up what is then on the disk by itself"
        else:
            # The environment, the command line: they cannot change while the pool runs, and win over a login.
            remedy = f"put one into api_key of {loaded.path} with an editor, or start the pool again"
        if settings.email and settings.on_auth_failure == "wait":
            remedy += f"; {settings.email} is asked as well"
        return Found(settings.api_key, settings.api_base, loaded.key_source, remedy)

    def save(self, api_key: str, email: str | None, api_base: str) -> str:
        """Keep a key as `cueworker login` would. Raises ConfigError or OSError."""
        store = key_store(self._path, self._environ)
        store.save(api_key, email=email, api_base=api_base)
        return store.where


class KeysOfLocalServer:
    """The key of the embedded server, in its own directory."""

    def __init__(self, local: LocalChild) -> None:
        self._local = local

    def signature(self) -> Hashable:
        """Differs when the server has another key."""
        return _state(self._local.key_file)

    def load(self) -> Found:
        """The server's own key as it is now."""
        server = self._local.look_again()
        remedy = f"its server has no other in {self._local.key_file}; start the pool again"
        return Found(server.api_key, server.url, "the local server", remedy)

    def save(self, api_key: str, email: str | None, api_base: str) -> str:
        """Nobody logs in to it: a pool with a local server has no `email:`."""
        raise OSError("the local server keeps its own key")


def _state(path: Path) -> Hashable:
    try:
        found = os.stat(path)
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_size, found.st_ino
