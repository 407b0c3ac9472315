"""A place in a scalar's value is found in the file, whatever the style it was written in."""

from __future__ import annotations

import json
import os
import re
import textwrap
from pathlib import Path

import pytest
from cueworker.supervisor.config import Overrides, load_config
from cueworker.supervisor.config_position import place_of
from cueworker.supervisor.config_source import compose
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

EXAMPLES = 3000 if os.environ.get("CUEWORKER_SOAK") else 60
MARK = "§"
"""Stands exactly once in value and file: the oracle is a search for it."""


def folded(value: str) -> str:
    """A value's rest in single quotes: one line break more for each group of them."""
    return re.sub(r"\n+", lambda breaks: breaks[0] + "\n   ", value.replace("'", "''")) + "'"


def as_block(value: str) -> str:
    return "|4-\n" + textwrap.indent(value, "    ", lambda _: True)


STYLES = {
    "double": lambda value: json.dumps(value, ensure_ascii=False).replace("/", "\\/"),
    "double, escaped": lambda value: (
        '"' + "".join(c if c == MARK else f"\\u{ord(c):04x}" for c in value) + '"'
    ),
    "double, continued": lambda value: '"\\\n  ' + json.dumps(value, ensure_ascii=False)[1:],
    "single": lambda value: "'" + folded(value),
    "anchored": lambda value: "!!str &a  '" + folded(value),
    "literal": as_block,
    "literal with a comment": lambda value: as_block(value).replace("\n", " # note\n", 1),
}


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example("a 'quoted' \"word\"\n  indented \\ ", "\n# '' \t")
@given(
    st.text(alphabet="ab'\"\\ \n#:{}$", max_size=30),
    st.text(alphabet="ab'\"\\ \n#:{}$", max_size=30),
)
def test_in_every_style(style: str, before: str, after: str) -> None:
    # Plain line ends only: white space at a line's end is folded away in quotes, and the value would differ.
    value = "\n".join(line.strip() for line in f"x{before}{MARK}{after}x".split("\n"))
    text = f"# first\nkey: {STYLES[style](value)}\n"
    root = compose(text, "test")
    assert root is not None
    (node,) = [value for _, value in root.value]
    assert node.value == value
    line, column = place_of(node, value.index(MARK), text)
    assert text.split("\n")[line - 1][column - 1] == MARK


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("a: one two\n", 4, (1, 8)),
        ("a: one\n  two\n  three\n", 4, (2, 3)),
        ("a: one\n  two\n  three\n", 8, (3, 3)),
        ("a: >\n\n  one\n  two\n", 5, (4, 3)),
        ("a: >-  # why\n  one\n  two\n", 4, (3, 3)),
        ("a: &x one two\n", 4, (1, 11)),
        ("a: !!str one two\n", 4, (1, 14)),
        ("a: |\n  one\n", 99, (2, 6)),
        ("a: ''\n", 0, (1, 4)),
        ('a: "\\u00a0\\x41§"\n', 2, (1, 15)),
    ],
)
def test_places(text: str, offset: int, expected: tuple[int, int]) -> None:
    root = compose(text, "test")
    assert root is not None
    assert place_of(root.value[0][1], offset, text) == expected


def test_a_refused_template_in_a_block_is_pointed_at(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "handlers:\n"
        "  ok: echo\n"
        "  bad:\n"
        "    cmd: |\n"
        "      set -e\n"
        "\n"
        "      echo `date` {{ payload.x }}\n"
        "  nested:\n"
        "    cmd: >-\n"
        "      sh -c\n"
        "      'echo {{ payload.x }}'\n"
    )
    loaded = load_config(path, Overrides(), {"CUEAPI_API_KEY": "k", "HOME": "/"})
    assert [(problem.line, problem.column) for problem in loaded.refused] == [(7, 12)]
    assert [(problem.line, problem.column) for problem in loaded.warnings] == [(11, 13)]
