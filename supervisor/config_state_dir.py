"""Where a running pool's state directory is: all that `cueworker status` needs of a configuration, and quickly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml.nodes import MappingNode

from .config_node import Document
from .config_problem import Findings
from .config_source import compose, read_source
from .config_top import Overrides, Top

_CONCERNED = ("state_dir", "worker_id")


def read_state_dir(path: Path, overrides: Overrides, environ: Mapping[str, str] = os.environ) -> Path:
    """The state directory of a pool with the file at `path`. Raises ConfigError.

    What else may be wrong with the file does not matter: a running pool can be asked while its file is being edited.
    """
    source = read_source(path)
    findings = Findings(str(path))
    document = Document(source.text, findings)
    root = compose(source.text, findings.file)
    entries = document.entries(root) if isinstance(root, MappingNode) else {}
    findings.errors.clear()
    concerned = {name: entry for name, entry in entries.items() if name in _CONCERNED}
    found = Top(concerned, document, overrides, environ, path.absolute().parent).state_dir()
    findings.raise_errors()
    return found
