"""A handler's `env:`: names and texts, as the existing daemon made them out of YAML values."""

from __future__ import annotations

import re

from ruamel.yaml.nodes import MappingNode, ScalarNode

from ..pool.process_tree import MARKER
from .config_field import is_usable
from .config_node import Document, Entry, kind, place
from .config_problem import clip, show_key
from .config_scalar import plain, tag_of

_RESERVED = re.compile(rf"CUEWORKER_T[0-9]+|{MARKER}")
"""The variables that carry template values into `cmd`, and the one that marks an execution's processes."""


def read_env(name: str, entry: Entry, document: Document) -> dict[str, str]:
    """The variables of `entry`; what is wrong is noted in the document's findings. `name` says whose they
    are.

    The existing daemon parsed YAML 1.1 and passed `str()` of each value, so `DEBUG: yes` reached the handler
    as `True` and `VERSION: 1.10` as `1.1`. They still do, with a warning that quotes keep the text as
    written.
    """
    if not isinstance(entry.node, MappingNode):
        document.findings.error(
            place(entry.node),
            f"{name} must be a mapping, not {kind(entry.node)}",
            "write NAME: value lines under it",
        )
        return {}
    env = {}
    for variable, value in document.entries(entry.node).items():
        text = _value(f"{name}.{show_key(variable)}", value, document)
        if _is_name(variable, value, document) and text is not None:
            env[variable] = text
    return env


def _is_name(variable: str, entry: Entry, document: Document) -> bool:
    if not variable or "=" in variable or not is_usable(variable):
        document.findings.error(
            entry.key_place, f"{clip(variable)} cannot be the name of an environment variable"
        )
        return False
    if _RESERVED.fullmatch(variable):
        document.findings.error(
            entry.key_place, f"the variable {variable} is reserved", "choose another name"
        )
        return False
    return True


def _value(name: str, entry: Entry, document: Document) -> str | None:
    node = entry.node
    document.spend(node)
    if not isinstance(node, ScalarNode) or tag_of(node) is None:
        document.findings.error(
            place(node),
            f"{name} must be a single value, not {kind(node)}",
            document.quoting(node) or "write JSON in quotes for more than text",
        )
        return None
    if not is_usable(node.value):
        document.findings.error(
            place(node), f"{name} holds a character that no environment variable can hold"
        )
        return None
    text = str(plain(node))
    if text != node.value:
        document.findings.warn(
            place(node),
            f"the handler gets {clip(text)} for {name}, as from the existing daemon, not {clip(node.value)}",
            "put quotes around the value to pass it as written",
        )
    return text
