"""Where the API key comes from: the file, systemd, the environment, or what a login left (PROTOCOL "Keys")."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from .config_paths import config_home
from .config_problem import NOWHERE, ConfigError, Place, Problem
from .config_source import place_at, read_source
from .config_url import normalize_api_base

_KEY = re.compile(r"[!-~]+")

CREDENTIAL = "api_key"
"""The name of systemd's credential: `LoadCredential=api_key:…`."""


@dataclass(frozen=True)
class Credentials:
    """An API key, where it was found, and the server it belongs to where that is written beside it."""

    api_key: str = field(repr=False)
    source: str
    api_base: str | None = None
    warnings: tuple[Problem, ...] = ()


class Profile(msgspec.Struct, frozen=True):
    """One profile of credentials.json; other members of it are none of the worker's business."""

    api_key: str | None = None
    api_base: str | None = None

    def __repr__(self) -> str:
        return "Profile(…)"


def resolve_api_key(
    configured: str | None,
    environ: Mapping[str, str],
    *,
    override: str | None = None,
    file: str = "configuration",
    place: Place = NOWHERE,
) -> Credentials:
    """The key of the first source that has one: `override`, `configured` (`api_key:`), systemd's
    credential `api_key`, CUEAPI_API_KEY, credentials.json.

    `file` and `place` say where `api_key:` stands, for messages. No message and no repr holds a key. Raises
    ConfigError when there is no key anywhere, when the first one found cannot be sent in a header, or when
    credentials.json is needed and broken.
    """
    if override:
        return Credentials(_checked(override, "command line"), "the command line")
    if configured and configured.strip():
        return Credentials(_checked(configured, file, place), f"api_key in {file}")
    loaded = _from_systemd(environ)
    if loaded is not None:
        return loaded
    if environ.get("CUEAPI_API_KEY", "").strip():
        return Credentials(_checked(environ["CUEAPI_API_KEY"], "CUEAPI_API_KEY"), "CUEAPI_API_KEY")
    return _from_login(environ, file, place)


def _checked(key: str, file: str, place: Place = NOWHERE) -> str:
    key = key.strip()  # a variable filled from a file often ends in a line break
    if not _KEY.fullmatch(key):
        message = "the API key holds spaces or characters outside of ASCII"
        raise ConfigError((Problem(file, *place, message, "copy it again, it is one word"),))
    return key


def credentials_path(environ: Mapping[str, str]) -> Path:
    """Where logins leave their keys."""
    return config_home(environ) / "cueapi" / "credentials.json"


def profile_name(environ: Mapping[str, str]) -> str:
    """Which of the logins counts."""
    return environ.get("CUEAPI_PROFILE") or "default"


def login_base(environ: Mapping[str, str], name: str) -> str | None:
    """The server that a profile was logged in to, if there is such a profile. Raises ConfigError."""
    path = credentials_path(environ)
    if not os.path.lexists(path):
        return None
    profiles = parse_profiles(read_source(path).text, path)
    return _api_base(_profile(profiles[name], name, path), name, path) if name in profiles else None


def _from_systemd(environ: Mapping[str, str]) -> Credentials | None:
    """The key that the unit's LoadCredential= made readable for this process alone; None if it loads none."""
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(folder, CREDENTIAL)
    if not os.path.isabs(folder) or not os.path.lexists(path):
        return None
    key = read_source(path).text
    if not key.strip():
        problem = Problem(str(path), 0, 0, "this credential is empty", "write the API key into its source")
        raise ConfigError((problem,))
    return Credentials(_checked(key, str(path)), f"systemd's credential {CREDENTIAL}")


def _from_login(environ: Mapping[str, str], file: str, place: Place) -> Credentials:
    path, name = credentials_path(environ), profile_name(environ)
    if not os.path.lexists(path):
        raise _no_key(file, place, path, "")
    source = read_source(path)
    profiles = parse_profiles(source.text, path)
    if name not in profiles:
        raise _no_key(file, place, path, f"; that file has no profile {name!r}")
    profile = _profile(profiles[name], name, path)
    if not profile.api_key or not profile.api_key.strip():
        raise _no_key(file, place, path, f"; its profile {name!r} holds no api_key")
    exposed = readable_by_others(str(path), NOWHERE, source.mode)
    return Credentials(
        api_key=_checked(profile.api_key, str(path)),
        source=f"{path}, profile {name}",
        api_base=_api_base(profile, name, path),
        warnings=(exposed,) if exposed else (),
    )


def parse_profiles(text: str, path: Path) -> dict[str, object]:
    """The profiles in credentials.json, unchecked. Raises ConfigError."""
    try:
        profiles = json.loads(text)
    except json.JSONDecodeError as error:
        place = place_at(text, error.pos)
        problem = Problem(
            str(path), *place, f"not valid JSON: {error.msg}", "log in again, or repair the file"
        )
        raise ConfigError((problem,)) from error
    except (RecursionError, ValueError) as error:
        raise _broken(path, "cannot be read as JSON") from error
    if not isinstance(profiles, dict):
        raise _broken(path, "must hold an object of profiles")
    return profiles


def _profile(value: object, name: str, path: Path) -> Profile:
    try:
        return msgspec.convert(value, Profile, strict=True)
    except msgspec.ValidationError:
        raise _broken(
            path, f"profile {name!r} must be an object whose api_key and api_base are text"
        ) from None


def _api_base(profile: Profile, name: str, path: Path) -> str | None:
    if not profile.api_base:
        return None
    try:
        return normalize_api_base(profile.api_base)
    except ValueError as error:
        raise _broken(path, f"api_base of profile {name!r} {error}") from None


def readable_by_others(file: str, place: Place, mode: int) -> Problem | None:
    """A warning when the permission bits `mode` of a file that holds a key let group or others read it."""
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return None
    return Problem(file, *place, "this file holds an API key and others can read it", f"chmod 600 {file}")


def _broken(path: Path, message: str) -> ConfigError:
    return ConfigError((Problem(str(path), 0, 0, message, "log in again, or repair the file"),))


def _no_key(file: str, place: Place, path: Path, detail: str) -> ConfigError:
    message = (
        f"no API key: looked at api_key in this file, systemd's credential {CREDENTIAL}, "
        f"the variable CUEAPI_API_KEY, and {path}{detail}"
    )
    return ConfigError((Problem(file, *place, message, "set one of them, or use --local"),))
