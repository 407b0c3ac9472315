"""The configuration: found, read, checked as a whole, frozen.

The file is YAML and a superset of the existing daemon's `cueapi-worker.yaml`. All that is wrong with it is
shown at once, each with file:line:column. The rest of the work lies in the `config_*` files, one concept
each.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.nodes import MappingNode

from ..pool.settings import Settings
from .config_describe import describe_settings
from .config_handlers import Defaults, read_handlers
from .config_keys import advise_top, known_only
from .config_node import Document, kind, place
from .config_problem import ConfigError, Findings, NoConfig, Place, Problem, in_file_order
from .config_schema import TOP
from .config_search import MINIMAL, find_config
from .config_source import compose, read_source
from .config_top import Overrides, Top

__all__ = [
    "find_config",
    "load_config",
    "describe",
    "LoadedConfig",
    "Overrides",
    "Problem",
    "ConfigError",
    "NoConfig",
    "MINIMAL",
]

NO_OVERRIDES = Overrides()


@dataclass(frozen=True)
class LoadedConfig:
    """Settings that can be run, and what should be said about them."""

    settings: Settings
    warnings: tuple[Problem, ...] = ()
    refused: tuple[Problem, ...] = ()
    """Handlers whose `cmd` was refused: they are left out of `settings.handlers`, the others work."""
    path: Path | None = None
    key_source: str = ""
    """Where the API key came from, in words."""


def load_config(
    path: Path, overrides: Overrides = NO_OVERRIDES, environ: Mapping[str, str] = os.environ
) -> LoadedConfig:
    """Read and check the file at `path`; `overrides` win over it. Raises ConfigError and nothing else.

    The error holds every problem. A refused handler alone is no error while another one works: a pool that
    runs most of its tasks is worth more than none (ARCHITECTURE, step 3).
    """
    source = read_source(path)
    findings = Findings(str(path))
    document = Document(source.text, findings)
    root = _top_mapping(source.text, findings)
    fields = document.entries(root)
    known_only(fields, TOP, advise_top, document, "at the top level")

    base_dir = path.absolute().parent
    top = Top(fields, document, overrides, environ, base_dir)
    credentials = top.credentials(source.mode)
    settings = top.settings(credentials)
    defaults = Defaults(settings.handler_timeout, top.on_lease_lost(), str(base_dir), environ)
    handlers = read_handlers(fields.get("handlers"), root, document, defaults)

    findings.raise_errors()
    if not handlers:
        raise ConfigError(in_file_order(findings.refused, findings.file))
    return LoadedConfig(
        settings=dataclasses.replace(settings, handlers=handlers),
        warnings=in_file_order(findings.warnings, findings.file),
        refused=in_file_order(findings.refused, findings.file),
        path=path,
        key_source=credentials.source,
    )


def describe(loaded: LoadedConfig, *, local: bool = False) -> str:
    """What `cueworker check` prints: what would run, where, with which limits. The API key is masked.

    `local`: for a pool with `--local`.
    """
    return describe_settings(
        loaded.settings, loaded.path, loaded.key_source, loaded.warnings, loaded.refused, local=local
    )


def _top_mapping(text: str, findings: Findings) -> MappingNode:
    root = compose(text, findings.file)
    if isinstance(root, MappingNode):
        return root
    if root is None:
        message, where = "this file is empty", Place(1, 1)
    else:
        message, where = f"the file must hold settings (`key: value` lines), not {kind(root)}", place(root)
    example = "".join(f"\n  {line}" for line in MINIMAL.splitlines())
    raise ConfigError((findings.problem(where, f"{message}; a small one to begin with:{example}"),))
