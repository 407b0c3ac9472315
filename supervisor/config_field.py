"""One setting: its type, what it expects in words, and how it is read out of the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from ruamel.yaml.nodes import ScalarNode

from .config_duration import parse_duration
from .config_node import Document, Entry, kind, place
from .config_problem import NOWHERE, Findings, clip
from .config_scalar import plain, tag_of
from .config_size import parse_size

T = TypeVar("T")


def written(node: ScalarNode) -> object:
    """The scalar's text as written: a worker named 007, an argument 1.10."""
    return str(node.value)


def seconds(node: ScalarNode) -> object:
    """A number, or a duration such as `5m` in seconds; what is neither goes on as it is, to be refused."""
    value = plain(node)
    duration = parse_duration(value) if isinstance(value, str) else None
    return value if duration is None else duration


def bytes_(node: ScalarNode) -> object:
    """A number, or a size such as `512M` in bytes; what is neither goes on as it is, to be refused."""
    value = plain(node)
    size = parse_size(value) if isinstance(value, str) else None
    return value if size is None else size


@dataclass(frozen=True)
class Field(Generic[T]):
    """A setting of type T. `type` is the msgspec type with its constraints; strict, nothing is coerced."""

    type: Any
    expects: str
    """Ends the sentence "… must be"."""
    read: Callable[[ScalarNode], object] = plain
    secret: bool = False
    remedy: str | None = None

    def convert(self, value: object) -> T | None:
        """The value, or None when it is not what the setting expects."""
        try:
            converted: T = msgspec.convert(value, self.type, strict=True)
        except (msgspec.ValidationError, OverflowError):
            return None
        return None if isinstance(converted, str) and not is_usable(converted) else converted

    def value(self, name: str, entry: Entry | None, document: Document) -> T | None:
        """The setting's value; None where it is left out, null, or wrong, which is noted as an error."""
        if entry is None or entry.is_null:
            return None
        node = entry.node
        document.spend(node)
        if not isinstance(node, ScalarNode) or tag_of(node) is None:
            remedy = document.quoting(node) or self.remedy
            document.findings.error(place(node), f"{name} must be {self.expects}, not {kind(node)}", remedy)
            return None
        given = self.read(node)
        found = self.convert(given)
        if found is None:
            self._refuse(name, node, given, document.findings)
        return found

    def check(self, name: str, value: object, findings: Findings) -> T | None:
        """The same for a value that does not come from the file, such as an option on the command line."""
        found = self.convert(value)
        if found is None:
            findings.error(NOWHERE, f"{name} must be {self.expects}{self._shown(str(value))}")
        return found

    def _refuse(self, name: str, node: ScalarNode, given: object, findings: Findings) -> None:
        remedy = self.remedy
        if remedy is None and self.type is str and not isinstance(given, str):
            remedy = "put quotes around it"
        findings.error(place(node), f"{name} must be {self.expects}{self._shown(node.value)}", remedy)

    def _shown(self, text: str) -> str:
        return "" if self.secret else f", not {clip(text)}"


def is_usable(text: str) -> bool:
    """Whether a text can be an argument, a path or a variable of a process: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
