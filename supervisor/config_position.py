"""Where in the file a character of a scalar's value was written: a refused command points at its template."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruamel.yaml.nodes import ScalarNode

from .config_problem import Place
from .config_source import place_at

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n|.)", re.DOTALL)
_SPACES = frozenset(" \tntvfNLP_\n\r")
"""What may follow a backslash in double quotes and means white space, or nothing."""


def place_of(node: ScalarNode, offset: int, text: str) -> Place:
    """The position in `text`, the whole file, of the character at `offset` of the node's value.

    Folding, indentation and line breaks change only white space between the file and the value; so the n-th
    visible character of the value is the n-th visible one of what was written. A white space offset gives the
    visible character that follows it; an offset behind the last one gives the place behind it.
    """
    wanted = sum(1 for character in node.value[:offset] if not character.isspace())
    last = node.start_mark.index
    for index in _visible(node, text):
        if not wanted:
            return place_at(text, index)
        wanted -= 1
        last = index + 1
    return place_at(text, last)


def _visible(node: ScalarNode, text: str) -> Iterator[int]:
    """The positions of a scalar's visible characters, each escape sequence counted once, at its start."""
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in ("|", ">"):
        start = text.find("\n", start) + 1 or end  # behind the header, which may carry a comment
    elif node.style in ("'", '"'):
        start, end = text.find(node.style, start) + 1, end - 1  # behind a tag and an anchor
    elif text[start : start + 1] in ("!", "&"):
        start = text.rfind(node.value.split(maxsplit=1)[0], start, end) if node.value.split() else end
    while start < end:
        if node.style == '"' and (escape := _ESCAPE.match(text, start, end)):
            if not _is_space(escape[0][1:]):
                yield start
            start = escape.end()
            continue
        if not text[start].isspace():
            yield start
        start += 2 if node.style == "'" and text[start] == "'" else 1


def _is_space(escaped: str) -> bool:
    if escaped[0] in "xuU" and len(escaped) > 1:
        code = int(escaped[1:], 16)
        return code <= 0x10FFFF and chr(code).isspace()
    return escaped[0] in _SPACES
