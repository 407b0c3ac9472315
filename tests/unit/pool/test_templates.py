"""Templates are found as the older daemon found them, in linear time, and rendered in one pass."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from cueworker.pool.templates import find, lookup, render
from hypothesis import given
from hypothesis import strategies as st

OLDER_DAEMON = re.compile(r"\{\{\s*(.*?)\s*\}\}")

PAYLOAD: dict[str, Any] = {
    "name": "Ada",
    "count": 3,
    "ratio": 1.5,
    "draft": True,
    "nothing": None,
    "empty": "",
    "zero": 0,
    "user": {"name": "Grace", "tags": ["a", "ü"], "deep": {"er": "x"}},
    "payload": {"name": "inner"},
    "a b": "blank",
}


@given(st.text(alphabet="{} \n\ta.\u00a0", max_size=40))
def test_finds_what_the_older_daemon_found(text: str) -> None:
    found = [(template.start, template.end, template.expression) for template in find(text)]
    assert found == [(match.start(), match.end(), match[1]) for match in OLDER_DAEMON.finditer(text)]


@pytest.mark.parametrize(
    "text",
    [
        "{{" * 100_000,
        "{{ a\n" * 100_000,
        "{{" * 100_000 + "\n}}",
        "{{" + " " * 200_000,
        ("{{" + " " * 400) * 500,
        "{{ a" + " \n" * 100_000 + "b }}",
        "{{ a }" * 50_000,
        "}}" * 100_000,
        "${" * 100_000,
    ],
    ids=["open", "lines", "late newline", "blanks", "blank runs", "newlines", "half closed", "closes", "env"],
)
def test_hostile_templates_take_linear_time(text: str) -> None:
    started = time.process_time()
    render(text, {}, {})
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("payload.name", "Ada"),
        ("name", "Ada"),
        ("payload.count", "3"),
        ("payload.ratio", "1.5"),
        ("payload.draft", "True"),
        ("payload.zero", "0"),
        ("payload.nothing", ""),
        ("payload.empty", ""),
        ("payload.missing", ""),
        ("payload.user.name", "Grace"),
        ("user.deep.er", "x"),
        ("payload.user.missing.er", ""),
        ("payload.name.er", ""),
        ("payload.user.tags.0", ""),
        ("payload.user", '{"name":"Grace","tags":["a","ü"],"deep":{"er":"x"}}'),
        ("payload.user.tags", '["a","ü"]'),
        ("payload.payload.name", "inner"),
        ("payload", '{"name":"inner"}'),
        ("a b", "blank"),
        ("", ""),
        ("payload.", ""),
    ],
)
def test_lookup(expression: str, text: str) -> None:
    assert lookup(expression, PAYLOAD) == text


@pytest.mark.parametrize("payload", [None, "text", 7, ["name"], True])
def test_a_payload_that_is_no_object_has_no_fields(payload: Any) -> None:
    assert lookup("payload.name", payload) == ""


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ payload.name }}", "Ada"),
        ("{{name}}{{ count }}", "Ada3"),
        ("a {{\n payload.name\n}} b", "a Ada b"),
        ("{{ name", "{{ name"),
        ("{{{ name }}}", "}"),
        ("${HOME}/{{ name }}", "/home/ada/Ada"),
        ("${UNSET}x", "x"),
        ("$HOME ${1} ${} $${HOME}", "$HOME ${1} ${} $/home/ada"),
        ("{{ ${HOME} }}", ""),
        ("${{{ name }}}", "$}"),
    ],
)
def test_render(template: str, text: str) -> None:
    assert render(template, PAYLOAD, {"HOME": "/home/ada"}) == text


def test_without_an_environment_dollar_braces_are_text() -> None:
    assert render("${HOME} {{ name }}", PAYLOAD) == "${HOME} Ada"


@pytest.mark.parametrize("value", ["${SECRET}", "{{ payload.other }}", "{{ payload.value }}", "${", "{{"])
def test_values_are_never_scanned_again(value: str) -> None:
    payload = {"value": value, "other": "no"}
    environ = {"SECRET": "no", "INDIRECT": "{{ payload.other }}${SECRET}"}
    assert render("{{ value }}SECRET}", payload, environ) == value + "SECRET}"
    assert render("{{ value }} other }}", payload, environ) == value + " other }}"
    assert render("${INDIRECT}", payload, environ) == "{{ payload.other }}${SECRET}"
