"""Seconds, bytes, tables, and other people's text on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from cueworker.cli.output_tail import last_lines
from cueworker.cli.words import duration, printable, size, table
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (12.7, "12s"),
        (59.99, "59s"),
        (200, "3m20s"),
        (7500, "2h05m"),
        (273600, "3d04h"),
        (-3, "-3.0s"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(None, "-"), (900 << 10, "900K"), (42 << 20, "42M"), (3 << 29, "1.5G")]
)
def test_a_size(count: float | None, words: str) -> None:
    assert size(count) == words


def test_columns_are_aligned_and_lines_have_no_tail() -> None:
    assert table(["A", "BB"], [["longer", "x"], ["-", ""]]) == ["A       BB", "longer  x", "-"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;a new title\x07after", "after"),
        ("\x1b[2Jcleared\rback\x08", "clearedback"),
        ("tab\tstop", "tab stop"),
        ("Bücher – 書", "Bücher – 書"),
    ],
)
def test_what_moves_a_terminal_is_left_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_nothing_else_than_text_reaches_a_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_the_last_lines_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert last_lines(str(path), 2) == []
    path.write_bytes(b"one\n\n  two \x1b[0m\n\xff three\n\n")
    assert last_lines(str(path), 2) == ["two", "\ufffd three"]
    assert last_lines(str(path), 0) == []
    path.write_bytes(b"x" * 100_000 + b"\nthe end")
    assert last_lines(str(path), 1) == ["the end"]
