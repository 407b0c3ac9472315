"""Reading YAML nodes as mappings: merge keys, aliases and duplicates settled, the work bounded."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .config_problem import ConfigError, Findings, Place, clip, in_file_order
from .config_scalar import plain, tag_of
from .config_source import MAX_DEPTH, QUOTE_TEMPLATES

_BUDGET = 4 * 1024 * 1024
"""Characters of text a file may come to when every alias is followed; each value costs `_COST` on top."""
_COST = 64
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, eq=False)
class Entry:
    """One `key: value` of a mapping. `key` is the key's text as written, so a task may be named 1 or on."""

    key: str
    key_place: Place
    node: Node

    @property
    def is_null(self) -> bool:
        """Nothing, or `null`, or `~` was written: the setting counts as left out."""
        return isinstance(self.node, ScalarNode) and plain(self.node) is None


class Document:
    """A composed file and what was found while reading it."""

    def __init__(self, text: str, findings: Findings) -> None:
        self.text = text
        self.findings = findings
        self._budget = _BUDGET
        self._open: set[int] = set()
        """The mappings that are being merged now: one that comes again merges itself."""

    def entries(self, node: MappingNode) -> dict[str, Entry]:
        """A mapping's entries by key, `<<` merged in (own keys win, then the earlier mapping).

        Notes an error for each key that is written twice, is not plain text, or merges something else than a
        mapping. Raises ConfigError when aliases make the file grow beyond all measure or a mapping contains
        itself.
        """
        if id(node) in self._open:
            self._give_up(node, "this mapping merges itself")
        if len(self._open) > MAX_DEPTH:
            self._give_up(node, "mappings merge each other too deeply")
        self._open.add(id(node))
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value in node.value:
            self.spend(key_node)
            if not isinstance(key_node, ScalarNode):
                self.findings.error(place(key_node), "a key must be plain text", self.quoting(node))
            elif key_node.tag == _MERGE:
                self._merge(value, merged)
            else:
                self._add(own, Entry(key_node.value, place(key_node), value))
        self._open.discard(id(node))
        return own | {key: entry for key, entry in merged.items() if key not in own}

    def spend(self, node: Node) -> None:
        """Count a value about to be used. Raises ConfigError when aliases make the file too large."""
        self._budget -= _COST + (len(node.value) if isinstance(node, ScalarNode) else 0)
        if self._budget < 0:
            self._give_up(node, "aliases make this file too large")

    def quoting(self, node: Node) -> str | None:
        """The remedy for a template without quotes, which YAML took for a mapping; None for other nodes."""
        return QUOTE_TEMPLATES if self.text.startswith("{{", node.start_mark.index) else None

    def _add(self, own: dict[str, Entry], entry: Entry) -> None:
        first = own.setdefault(entry.key, entry)
        if first is not entry:
            self.findings.error(
                entry.key_place,
                f"{clip(entry.key)} is set twice",
                f"the first one is in line {first.key_place.line}",
            )

    def _merge(self, value: Node, merged: dict[str, Entry]) -> None:
        for source in value.value if isinstance(value, SequenceNode) else [value]:
            if not isinstance(source, MappingNode):
                self.findings.error(place(source), "'<<' merges mappings only, for example `<<: *defaults`")
                continue
            for key, entry in self.entries(source).items():
                self.spend(entry.node)
                merged.setdefault(key, entry)

    def _give_up(self, node: Node, message: str) -> None:
        self.findings.error(place(node), message, "write the values out instead of nesting aliases")
        raise ConfigError(in_file_order(self.findings.errors, self.findings.file))


def place(node: Node) -> Place:
    """Where a node's text begins; for an alias, where its anchor stands."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def kind(node: Node) -> str:
    """A node in words, for messages."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if isinstance(node, ScalarNode) and tag_of(node) is not None:
        return "a single value"
    return f"a value with the tag {clip((node.tag or '').replace('tag:yaml.org,2002:', '!!'))}"
