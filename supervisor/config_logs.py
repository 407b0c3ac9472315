"""What is logged and what is kept out of it: `log:`, `execution_logs:`, `secrets:` and `redact:`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..pool.log_settings import ExecutionLogs, LogSettings
from .config_field import Field
from .config_keys import advise_among, known_only
from .config_node import Document, Entry, kind, place
from .config_paths import expand_home
from .config_scalar import plain
from .config_schema import EXECUTION_LOGS, LOG, SWITCH, TEXT

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Logs:
    """Reads these settings; what is wrong is noted in the findings, and a default stands in."""

    def __init__(
        self, fields: Mapping[str, Entry], document: Document, base_dir: Path, environ: Mapping[str, str]
    ) -> None:
        self._fields = fields
        self._document = document
        self._base_dir = base_dir
        self._environ = environ

    def log(self, level: str | None, form: str | None, file: Path | None) -> LogSettings:
        """`log:`, with what the command line says of it, which wins."""
        entry = self._fields.get("log")
        found: dict[str, Any] = {} if entry is None or entry.is_null else self._section("log", entry, LOG)
        if "file" in found:
            found["file"] = self._base_dir / expand_home(found["file"], self._environ)
        given = {"level": level, "format": form, "file": None if file is None else file.absolute()}
        return LogSettings(**{**found, **{name: value for name, value in given.items() if value is not None}})

    def execution_logs(self) -> ExecutionLogs | None:
        """`execution_logs:`: a mapping, or false for none."""
        entry = self._fields.get("execution_logs")
        if entry is None or entry.is_null:
            return ExecutionLogs()
        if isinstance(entry.node, ScalarNode) and isinstance(plain(entry.node), bool):
            return ExecutionLogs() if plain(entry.node) else None
        return ExecutionLogs(**self._section("execution_logs", entry, EXECUTION_LOGS, " or false"))

    def secrets(self) -> tuple[str, ...]:
        """`secrets:`: names of environment variables."""
        entry = self._fields.get("secrets")
        if entry is None or entry.is_null:
            return ()
        if not isinstance(entry.node, SequenceNode):
            message = f"secrets must be a list of names of environment variables, not {kind(entry.node)}"
            self._document.findings.error(place(entry.node), message, "write secrets: [NAME, OTHER_NAME]")
            return ()
        return tuple(name for node in entry.node.value if (name := self._name(node)) is not None)

    def redact(self) -> bool:
        """`redact:`."""
        found = SWITCH.value("redact", self._fields.get("redact"), self._document)
        return True if found is None else found

    def _name(self, node: Node) -> str | None:
        name = TEXT.value("a name in secrets", Entry("", place(node), node), self._document)
        if name is None or _NAME.fullmatch(name):
            return name
        # Not shown: it may be a secret.
        self._document.findings.error(
            place(node),
            "an entry of secrets is no name of an environment variable",
            "list names, never the secrets themselves",
        )
        return None

    def _section(
        self, name: str, entry: Entry, fields: Mapping[str, Field[Any] | None], alternative: str = ""
    ) -> dict[str, Any]:
        """The settings that a section holds, by name; those left out are left out."""
        document = self._document
        if not isinstance(entry.node, MappingNode):
            example = next(iter(fields))
            message = f"{name} must be a mapping{alternative}, not {kind(entry.node)}"
            document.findings.error(place(entry.node), message, f"write {example}: … lines under it")
            return {}
        entries = document.entries(entry.node)
        known_only(entries, fields, advise_among(fields), document, f"in {name}")
        values = {
            key: field.value(f"{name}.{key}", entries.get(key), document)
            for key, field in fields.items()
            if field is not None
        }
        return {key: value for key, value in values.items() if value is not None}
