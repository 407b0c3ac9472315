"""Where the configuration file is looked for when none is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .config_paths import config_home, expand_home
from .config_problem import NoConfig, Problem

MINIMAL = """\
# cueworker.yaml
api_key: cue_sk_your_key
workers: 4
handlers:
  say-hello:
    cmd: echo "hello, {{ payload.name }}"
"""


def find_config(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """The configuration file: `explicit` (--config), CUEWORKER_CONFIG, or the first that lies on the search
    path.

    A file that was named is returned whether it exists or not: another one must not step in for it, and
    loading it says what is wrong. Raises NoConfig, which lists every place looked at and shows a minimal
    file.
    """
    named = environ.get("CUEWORKER_CONFIG", "")
    if explicit is not None:
        return cwd / explicit
    if named:
        return cwd / expand_home(named, environ)
    candidates = search_path(environ, cwd)
    for candidate in candidates:
        if os.path.lexists(candidate):
            return candidate
    places = "".join(f"\n  {place}" for place in ("$CUEWORKER_CONFIG (not set)", *candidates))
    example = "".join(f"\n  {line}" for line in MINIMAL.splitlines())
    message = f"there is none; looked at{places}\nA small one to begin with:{example}"
    raise NoConfig((Problem("configuration", 0, 0, message),))


def search_path(environ: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """The places, in their order."""
    user = config_home(environ) / "cueapi"
    return (
        cwd / "cueworker.yaml",
        cwd / "cueapi-worker.yaml",
        user / "cueworker.yaml",
        user / "cueapi-worker.yaml",
        Path("/etc/cueworker/cueworker.yaml"),
    )
