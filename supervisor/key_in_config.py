"""Changing `api_key:` in a configuration, and not a character more. Pure.

A dump of what was loaded would keep comments, but not every line's width, quotes and indentation. So the new key is
spliced in where ruamel says that the old one's value stands; a second reading then proves the result.
"""

from __future__ import annotations

import codecs
import json
import re

from ruamel.yaml.nodes import MappingNode, ScalarNode

from .config_node import Document, Entry
from .config_problem import ConfigError, Findings, Problem
from .config_source import compose

_PLAIN = re.compile(r"cue_[0-9A-Za-z_-]+")
"""Needs no quotes: nothing that YAML takes for a number, a date or a boolean."""
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
"""An anchor or a tag before a value, which stays."""


def key_entry(text: str, file: str) -> Entry | None:
    """The entry of `api_key` in a configuration, merged mappings included; None where it is left out, null or blank.

    Raises ConfigError for a text that is no YAML mapping.
    """
    root = compose(text, file)
    if root is None:
        return None
    if not isinstance(root, MappingNode):
        raise ConfigError((Problem(file, 1, 1, "the file must hold settings (`key: value` lines)"),))
    entry = Document(text, Findings(file)).entries(root).get("api_key")
    if entry is None or entry.is_null or not str(entry.node.value).strip():
        return None
    return entry


def with_key(content: bytes, api_key: str, file: str) -> bytes:
    """The configuration `content` with another key in place of its own. Everything else stays, byte by byte.

    Raises ConfigError where there is no single value to replace.
    """
    raw = content.removeprefix(codecs.BOM_UTF8).decode()
    text = raw.replace("\r\n", "\n").replace("\r", "\n")
    entry = key_entry(text, file)
    if entry is None or not isinstance(entry.node, ScalarNode):
        raise _cannot(file)
    start, end = entry.node.start_mark.index, entry.node.end_mark.index
    start += len(_PROPERTIES.match(text[start:end]).group())  # type: ignore[union-attr]  # it matches nothing, too
    old = text[start:end]
    changed = _written(api_key, old, str(entry.node.value).strip())
    begin, stop = _raw_index(raw, start), _raw_index(raw, end)
    result = raw[:begin] + changed + raw[stop:]
    _prove(result, api_key, file)
    bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return bom + result.encode()


def _written(api_key: str, old: str, old_key: str) -> str:
    """The key as YAML, in the style of the old one: block, quoted or plain."""
    if old[:1] in "|>":
        return old.replace(old_key, api_key)
    if old[:1] == "'" and "'" not in api_key:
        return f"'{api_key}'"
    if old[:1] != '"' and _PLAIN.fullmatch(api_key):
        return api_key
    return json.dumps(api_key)


def _raw_index(raw: str, index: int) -> int:
    """Where a character of the text with plain line ends stands in the raw one."""
    at = 0
    for _ in range(index):
        at += 2 if raw.startswith("\r\n", at) else 1
    return at


def _prove(result: str, api_key: str, file: str) -> None:
    entry = key_entry(result.replace("\r\n", "\n").replace("\r", "\n"), file)
    if entry is None or str(entry.node.value).strip() != api_key:
        raise _cannot(file)


def _cannot(file: str) -> ConfigError:
    return ConfigError((Problem(file, 0, 0, "api_key cannot be changed in this file", "change it by hand"),))
