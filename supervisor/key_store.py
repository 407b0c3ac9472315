"""Where a new API key is kept: in the configuration that holds the old one, else in credentials.json (PROTOCOL.md,
"Keys")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .config_source import read_source
from .credentials import credentials_path, parse_profiles, profile_name
from .key_in_config import key_entry, with_key
from .private_file import ensure_replaceable, replace_private


class KeyStore(Protocol):
    """A place for a key."""

    @property
    def where(self) -> str:
        """The place in words."""

    def check(self) -> None:
        """Raises ConfigError or OSError if a key could not be saved: to be asked before the server makes one."""

    def save(self, api_key: str, *, email: str | None, api_base: str) -> None:
        """Keep the key; `api_base` is the server's address without `/v1`. Raises ConfigError or OSError."""


@dataclass(frozen=True)
class ConfigStore:
    """`api_key:` of a configuration. What else the file says, and how, stays as it is."""

    path: Path

    @property
    def where(self) -> str:
        """The place in words."""
        return f"api_key in {self.path}"

    def check(self) -> None:
        """Raises ConfigError or OSError if a key could not be saved."""
        with_key(self._content(), "cue_sk_a_trial", str(self.path))
        ensure_replaceable(self.path)

    def save(self, api_key: str, *, email: str | None, api_base: str) -> None:
        """Keep the key: the file has its say about e-mail address and server already."""
        replace_private(self.path, with_key(self._content(), api_key, str(self.path)))

    def _content(self) -> bytes:
        read_source(self.path)  # raises for what is no file of settings
        return self.path.read_bytes()


@dataclass(frozen=True)
class ProfileStore:
    """A profile of credentials.json."""

    path: Path
    profile: str

    @property
    def where(self) -> str:
        """The place in words."""
        return f"{self.path}, profile {self.profile}"

    def check(self) -> None:
        """Raises ConfigError or OSError if a key could not be saved."""
        self._profiles()
        ensure_replaceable(self.path)

    def save(self, api_key: str, *, email: str | None, api_base: str) -> None:
        """Keep the key, its owner and its server; other profiles, and what else stands in this one, stay."""
        profiles = self._profiles()
        before = profiles.get(self.profile)
        profile: dict[str, Any] = dict(before) if isinstance(before, dict) else {}
        profile |= {"api_key": api_key, "api_base": f"{api_base}/v1"}
        if email is not None:
            profile["email"] = email
        content = json.dumps({**profiles, self.profile: profile}, indent=2, ensure_ascii=False)
        replace_private(self.path, content.encode() + b"\n")

    def _profiles(self) -> dict[str, object]:
        if not self.path.exists():
            return {}
        return parse_profiles(read_source(self.path).text, self.path)


def key_store(config: Path | None, environ: Mapping[str, str], profile: str | None = None) -> KeyStore:
    """Where a new key belongs. A named `profile` is meant, whatever the configuration holds.

    Raises ConfigError for a configuration that cannot be read.
    """
    if (
        config is not None
        and profile is None
        and key_entry(read_source(config).text, str(config)) is not None
    ):
        return ConfigStore(config)
    return ProfileStore(credentials_path(environ), profile or profile_name(environ))
