"""From a path to a tree of YAML nodes: bounded, and failing only as ConfigError."""

from __future__ import annotations

import codecs
import os
import re
import stat
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import Node
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import VersionedResolver

from .config_problem import ConfigError, Place, Problem, mask_keys

MAX_BYTES = 1024 * 1024
MAX_NODES = 20_000
"""The pure Python parser needs some 60 µs a node; a reload must not keep the supervisor for half a minute."""
MAX_DEPTH = 50

QUOTE_TEMPLATES = 'a value that begins with a template needs quotes: "{{ … }}"'
"""YAML reads bare double braces as a mapping inside a mapping."""
_BARE_TEMPLATE = re.compile(r"[:\[,-]\s*\{\{")


class Source(NamedTuple):
    """A file's text, and its permission bits."""

    text: str
    mode: int


def read_source(path: Path) -> Source:
    """Read a file of settings. Raises ConfigError unless it is a regular one of at most 1 MiB of UTF-8."""
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to would hang the start.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", None) or str(error)
        raise _unusable(path, f"cannot be read: {reason}") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise _unusable(path, f"is {'a directory' if stat.S_ISDIR(mode) else 'not a regular file'}")
    with os.fdopen(descriptor, "rb") as file:
        try:
            content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise _unusable(path, f"cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise _unusable(path, f"is larger than {MAX_BYTES} bytes", "move long commands into scripts")
    return Source(_decode(path, content), mode)


def compose(text: str, file: str) -> Node | None:
    """Parse YAML into its node tree; None for a document without content.

    Nodes, not values: every scalar keeps its text, its style and its position, aliases cost nothing until
    they are followed, and no tag can construct anything. Resolved by the rules of YAML 1.1 (`yes` is a
    boolean, `010` is 8), which is what the existing daemon's files were written for, whatever a %YAML line
    says. Raises ConfigError.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    yaml.Composer = _BoundedComposer
    yaml.Resolver = _Yaml11Resolver
    try:
        root: Node | None = yaml.compose(text)
    except Exception as error:  # the parser lets AssertionError, ValueError and more out of odd input
        raise ConfigError((_syntax_problem(error, text, file),)) from error
    return root


class _Yaml11Resolver(VersionedResolver):
    @property
    def processing_version(self) -> Any:
        return (1, 1)


class _BoundedComposer(Composer):
    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False
        self._nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            mark = self.parser.peek_event().start_mark
            raise MarkedYAMLError(problem=f"more than {MAX_NODES} values", problem_mark=mark)
        return super().compose_node(parent, index)


def _decode(path: Path, content: bytes) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        # Line ends as the YAML reader sees them, so that its positions and ours agree.
        return content.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        place = place_at(before, len(before))
        problem = Problem(
            str(path), *place, f"byte 0x{content[error.start]:02x} is not UTF-8", "save the file as UTF-8"
        )
        raise ConfigError((problem,)) from error


def place_at(text: str, index: int) -> Place:
    """The line and column of the character at `index`."""
    return Place(text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1)


def _unusable(path: Path, message: str, remedy: str | None = None) -> ConfigError:
    return ConfigError((Problem(str(path), 0, 0, message, remedy),))


def _syntax_problem(error: Exception, text: str, file: str) -> Problem:
    if isinstance(error, ReaderError):
        place = place_at(text, error.position)
        return Problem(file, *place, f"character {error.character:#x} is not allowed in YAML", "remove it")
    if not isinstance(error, MarkedYAMLError):
        return Problem(file, 1, 1, "cannot be read as YAML", "check the %YAML and %TAG lines and the nesting")
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    said = mask_keys((error.problem or error.context or "syntax error").strip())
    message = "nested too deeply" if "maximum depth" in said else f"not valid YAML: {said}"
    return Problem(file, *place, message.replace("\n", " "), _syntax_remedy(message, text, place))


def _syntax_remedy(message: str, text: str, place: Place) -> str | None:
    line = "".join(text.split("\n")[place.line - 1 : place.line])
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    if _BARE_TEMPLATE.search(line):
        return QUOTE_TEMPLATES
    if "mapping values are not allowed" in message:
        return "put quotes around a value that contains ': ', or check the indentation"
    return None
