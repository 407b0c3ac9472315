"""The file's top level with the command line's options applied: everything but the handlers."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..pool.handler import OnLeaseLost
from ..pool.recycling import Limits
from ..pool.settings import DEFAULT_API_BASE, Settings
from .config_field import Field, T
from .config_logs import Logs
from .config_metrics import read_metrics
from .config_node import Document, Entry, place
from .config_paths import default_logs_dir, default_state_dir, expand_home
from .config_problem import NOWHERE, ConfigError, Place
from .config_schema import (
    AGE,
    API_KEY,
    DURATION,
    EXECUTIONS,
    GRACE,
    MEMORY,
    ON_AUTH_FAILURE,
    ON_LEASE_LOST,
    POLL_INTERVAL,
    TEXT,
    WORKER_ID,
    WORKERS,
)
from .config_url import normalize_api_base, sends_key_in_clear
from .credentials import Credentials, readable_by_others, resolve_api_key

UNKNOWN = Credentials("", "nowhere")
"""Stands in where no key could be resolved, which has been noted as an error."""


@dataclass(frozen=True)
class Overrides:
    """What the command line or `--local` says; it wins over the file. None: not given."""

    workers: int | None = None
    state_dir: Path | None = None
    worker_id: str | None = None
    api_key: str | None = field(default=None, repr=False)
    api_base: str | None = None
    log_level: str | None = None
    log_format: str | None = None
    log_file: Path | None = None


class Top:
    """Reads the top level's settings; what is wrong is noted in the findings, and a default stands in."""

    def __init__(
        self,
        fields: Mapping[str, Entry],
        document: Document,
        overrides: Overrides,
        environ: Mapping[str, str],
        base_dir: Path,
    ) -> None:
        self._fields = fields
        self._document = document
        self._findings = document.findings
        self._overrides = overrides
        self._environ = environ
        self._base_dir = base_dir

    def settings(self, credentials: Credentials) -> Settings:
        """The settings, without handlers."""
        worker_id = self._worker_id()
        logs = Logs(self._fields, self._document, self._base_dir, self._environ)
        given = (self._overrides.log_level, self._overrides.log_format, self._overrides.log_file)
        return Settings(
            api_key=credentials.api_key,
            api_base=self._api_base(credentials),
            worker_id=worker_id,
            state_dir=self._state_dir(worker_id),
            handlers={},
            email=self._get("email", TEXT),
            on_auth_failure=self._get("on_auth_failure", ON_AUTH_FAILURE) or Settings.on_auth_failure,
            workers=self._workers(),
            poll_interval=self._poll_interval(),
            heartbeat_interval=self._or_default("heartbeat_interval", DURATION, Settings.heartbeat_interval),
            handler_timeout=self._or_default("handler_timeout", DURATION, Settings.handler_timeout),
            shutdown_grace=self._or_default("shutdown_grace", GRACE, Settings.shutdown_grace),
            kill_grace=self._or_default("kill_grace", GRACE, Settings.kill_grace),
            metrics=read_metrics(self._fields.get("metrics"), self._document),
            limits=Limits(
                executions=self._get("max_executions", EXECUTIONS),
                memory=self._get("max_memory", MEMORY),
                age=self._get("max_age", AGE),
            ),
            log=logs.log(*given),
            execution_logs=logs.execution_logs(),
            logs_dir=default_logs_dir(self._environ),
            secrets=logs.secrets(),
            redact=logs.redact(),
        )

    def state_dir(self) -> Path:
        """The state directory alone, for those who look for a running pool."""
        return self._state_dir(self._worker_id())

    def on_lease_lost(self) -> OnLeaseLost:
        """What handlers do that do not say otherwise."""
        return self._get("on_lease_lost", ON_LEASE_LOST) or "kill"

    def credentials(self, mode: int) -> Credentials:
        """The API key by its order of sources; `mode` are the file's permission bits."""
        entry = self._fields.get("api_key")
        errors_before = len(self._findings.errors)
        configured = (self._get("api_key", API_KEY) or "").strip()
        if len(self._findings.errors) > errors_before:
            return UNKNOWN
        where = place(entry.node) if entry else Place(1, 1)
        if configured.startswith("$"):
            self._findings.warn(
                where,
                "api_key is taken as written, variables are not filled in",
                "leave it out to use CUEAPI_API_KEY",
            )
        elif configured and (exposed := readable_by_others(self._findings.file, where, mode)):
            self._findings.warnings.append(exposed)
        try:
            found = resolve_api_key(
                configured,
                self._environ,
                override=self._overrides.api_key,
                file=self._findings.file,
                place=where,
            )
        except ConfigError as error:
            self._findings.errors.extend(error.problems)
            return UNKNOWN
        self._findings.warnings.extend(found.warnings)
        return found

    def _get(self, name: str, setting: Field[T]) -> T | None:
        return setting.value(name, self._fields.get(name), self._document)

    def _or_default(self, name: str, setting: Field[float], default: float) -> float:
        found = self._get(name, setting)
        return default if found is None else found

    def _workers(self) -> int:
        workers, older = self._get("workers", WORKERS), self._get("max_concurrent", WORKERS)
        if self._overrides.workers is not None:
            return WORKERS.check("--workers", self._overrides.workers, self._findings) or Settings.workers
        return workers or older or Settings.workers

    def _poll_interval(self) -> float | None:
        found = self._get("poll_interval", POLL_INTERVAL)
        return None if found is None or found == "auto" else float(found)

    def _worker_id(self) -> str:
        configured = self._get("worker_id", WORKER_ID)
        if self._overrides.worker_id is not None:
            return WORKER_ID.check("--worker-id", self._overrides.worker_id, self._findings) or ""
        entry = self._fields.get("worker_id")
        if entry is not None and not entry.is_null:
            return configured or ""
        name = "worker_id, by default the host name,"
        return WORKER_ID.check(name, socket.gethostname(), self._findings) or ""

    def _state_dir(self, worker_id: str) -> Path:
        configured = self._get("state_dir", TEXT)
        if self._overrides.state_dir is not None:
            return self._overrides.state_dir.absolute()
        if configured:
            return self._base_dir / expand_home(configured, self._environ)
        return default_state_dir(worker_id, self._environ)

    def _api_base(self, credentials: Credentials) -> str:
        entry = self._fields.get("api_base")
        configured = self._get("api_base", TEXT)
        name, where = "api_base", place(entry.node) if entry else NOWHERE
        if self._overrides.api_base is not None:
            name, where = "--api-base", NOWHERE
        given = self._overrides.api_base or configured or credentials.api_base or DEFAULT_API_BASE
        try:
            api_base = normalize_api_base(given)
        except ValueError as error:
            self._findings.error(where, f"{name} {error}")
            return DEFAULT_API_BASE
        if sends_key_in_clear(api_base):
            self._findings.warn(where, "the API key goes to this server unencrypted", "use https://")
        return api_base
