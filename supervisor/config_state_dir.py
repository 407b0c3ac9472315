"""Where a running pool's state directory is: all that `cueworker status` needs of a configuration, and quickly.

So without the schema and its library: a value that they would refuse is that of no running pool.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml.nodes import MappingNode, ScalarNode

from .config_node import Document, Entry
from .config_paths import default_state_dir, expand_home
from .config_problem import Findings
from .config_source import compose, read_source


def read_state_dir(path: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The state directory of a pool with the file at `path`. Raises ConfigError for one that is no YAML.

    What else may be wrong with the file does not matter: a running pool can be asked while its file is being edited.
    """
    text = read_source(path).text
    root = compose(text, str(path))
    document = Document(text, Findings(str(path)))
    entries = document.entries(root) if isinstance(root, MappingNode) else {}
    state_dir = _text(entries.get("state_dir"))
    if state_dir:
        return path.absolute().parent / expand_home(state_dir, environ)
    return default_state_dir(_text(entries.get("worker_id")) or socket.gethostname(), environ)


def _text(entry: Entry | None) -> str:
    """A value as written; nothing for one that is left out."""
    if entry is None or entry.is_null or not isinstance(entry.node, ScalarNode):
        return ""
    return str(entry.node.value)
