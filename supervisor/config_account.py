"""What a configuration says about the account alone: enough to log in while the rest of the file is unfinished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.nodes import MappingNode

from ..pool.settings import DEFAULT_API_BASE
from .config_node import Document
from .config_problem import ConfigError, Findings, Problem
from .config_schema import TEXT
from .config_source import compose, read_source
from .config_url import normalize_api_base
from .credentials import Credentials, login_base, profile_name, resolve_api_key
from .key_in_config import key_entry
from .key_store import KeyStore, key_store


@dataclass(frozen=True)
class AccountOnDisk:
    """The account that a pool with this configuration and environment has, or would have after a login."""

    api_base: str
    email: str | None
    store: KeyStore
    """Where its key is kept."""
    config: Path | None
    environ: Mapping[str, str]

    def credentials(self) -> Credentials:
        """The key that it has now. Raises ConfigError."""
        configured = None
        if self.config is not None:
            entry = key_entry(read_source(self.config).text, str(self.config))
            configured = None if entry is None else str(entry.node.value)
        return resolve_api_key(configured, self.environ, file=str(self.config or "configuration"))


def read_account(
    config: Path | None,
    environ: Mapping[str, str],
    *,
    profile: str | None = None,
    api_base: str | None = None,
) -> AccountOnDisk:
    """The account of a configuration (None: there is none). A named `profile` is meant without it.

    `api_base` wins over what is written. Raises ConfigError for what of it cannot be used.
    """
    if profile is not None:
        config, environ = None, {**environ, "CUEAPI_PROFILE": profile}
    written, email = (None, None) if config is None else _fields(config)
    store = key_store(config, environ)
    given = api_base or written or login_base(environ, profile_name(environ)) or DEFAULT_API_BASE
    try:
        base = normalize_api_base(given)
    except ValueError as error:
        named = "--api-base" if api_base else f"api_base in {config}"
        raise ConfigError((Problem(named, 0, 0, str(error)),)) from error
    return AccountOnDisk(base, email, store, config, environ)


def _fields(path: Path) -> tuple[str | None, str | None]:
    text = read_source(path).text
    findings = Findings(str(path))
    document = Document(text, findings)
    root = compose(text, str(path))
    entries = document.entries(root) if isinstance(root, MappingNode) else {}
    found = [TEXT.value(name, entries.get(name), document) for name in ("api_base", "email")]
    findings.raise_errors()
    return found[0], found[1]
