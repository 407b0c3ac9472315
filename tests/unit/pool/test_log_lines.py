"""A record as a line: for people, for the journal, for machines; whole, bounded, without secrets."""

from __future__ import annotations

import json
import logging
import os
import re
import string
import sys
from pathlib import Path
from typing import Any

import pytest
from cueworker.pool.events import EVENTS
from cueworker.pool.log_format import LONGEST_LINE, OWN_FIELDS, Lines, leads_to_journal
from cueworker.pool.redact import Redactor
from hypothesis import given, settings
from hypothesis import strategies as st
from support.forked import in_child

SECRET = "hunter2-hunter2"
PATIENT = settings(deadline=None)
NASTY = "task\n2026-01-01T00:00:00Z ERROR   forged\x1b[2J\r\x00\u2028é"


def record(words: str = "did it", level: int = logging.INFO, **facts: Any) -> logging.LogRecord:
    made = logging.LogRecord("cueworker", level, "x.py", 1, "%s  [%s]", (words, "slot.left"), None)
    made.__dict__.update(event="slot.left", facts=facts, words=words, created=1_700_000_000.25, msecs=250.0)
    return made


def unforeseen() -> logging.LogRecord:
    try:
        raise ValueError(f"cannot use {SECRET}")
    except ValueError:
        return logging.LogRecord(
            "cueworker", logging.CRITICAL, "x.py", 1, "thread %s", ("courier",), sys.exc_info()
        )


def as_json(made: logging.LogRecord, redactor: Redactor | None = None) -> dict[str, Any]:
    line = Lines("json", redactor=redactor).line(made)
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and len(line) <= LONGEST_LINE
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def test_text_is_for_people() -> None:
    assert Lines("text").line(record()) == b"2023-11-14T22:13:20Z INFO    did it  [slot.left]\n"


def test_json_is_for_machines() -> None:
    lines = Lines("json")
    lines.process = "worker 3"
    found = json.loads(
        lines.line(record(name="worker 3", seconds=1.5, count=2, reason=OSError(2, "gone"), path=None))
    )
    assert found == {
        "ts": "2023-11-14T22:13:20.250Z",
        "level": "info",
        "event": "slot.left",
        "msg": "did it",
        "name": "worker 3",
        "seconds": 1.5,
        "count": 2,
        "reason": "[Errno 2] gone",
        "path": None,
        "process": "worker 3",
        "pid": os.getpid(),
    }


def test_the_journal_gets_priorities_and_no_time() -> None:
    lines = Lines("auto", to_journal=True)
    levels = [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL]
    said = [lines.line(record(level=level)).decode() for level in levels]
    assert said == [f"<{number}>did it  [slot.left]\n" for number in (7, 6, 4, 3, 2)]
    assert re.fullmatch(r"(<2>[^\n]*\n){4,}", lines.line(unforeseen()).decode())


def test_the_journal_is_where_its_variable_says(tmp_path: Path) -> None:
    def child() -> list[bool]:
        with (tmp_path / "stderr").open("wb") as file:
            os.dup2(file.fileno(), 2)
        found = os.fstat(2)
        name = f"{found.st_dev}:{found.st_ino}"
        return [leads_to_journal({"JOURNAL_STREAM": name}), leads_to_journal({"JOURNAL_STREAM": name + "1"})]

    assert in_child(child) == [True, False]
    assert not leads_to_journal({})


def test_no_fact_can_look_like_another_record() -> None:
    for lines in (Lines("text"), Lines("auto", to_journal=True)):
        said = lines.line(record(NASTY)).decode()
        first, *others = said.rstrip("\n").split("\n")
        assert "task" in first
        assert all(line.removeprefix("<6>").startswith("    ") for line in others)
        assert not re.search("[\x00\x1b\r\u2028]", said)
    assert as_json(record(NASTY, task=NASTY))["task"] == NASTY


def test_a_traceback_is_told_whole_and_without_secrets() -> None:
    said = Lines("text", redactor=Redactor([SECRET])).line(unforeseen()).decode()
    assert "thread courier\n" in said and said.endswith("ValueError: cannot use [redacted]\n")
    found = as_json(unforeseen(), Redactor([SECRET]))
    assert found["event"] == "unforeseen"
    assert found["exception"].endswith("ValueError: cannot use [redacted]")


def test_secrets_are_taken_out_before_anything_is_cut() -> None:
    # So long that what is left of it would be cut in the middle of the secret.
    for form in ("text", "json"):
        lines = Lines(form, redactor=Redactor([SECRET]))  # type: ignore[arg-type]
        for before in range(1900, 2200):
            line = lines.line(
                record("x" * before + SECRET + "y" * 4000, reason="z" * before + SECRET + "z" * 999)
            )
            assert b"hunter2" not in line


TEXTS = st.one_of(st.text(max_size=50), st.text(max_size=2).map(lambda text: text * 5000))


@PATIENT
@given(TEXTS, st.dictionaries(st.sampled_from("abcdefghij"), TEXTS))
def test_every_line_is_one_line_of_bounded_length_and_utf8(words: str, facts: dict[str, str]) -> None:
    found = as_json(record(words, **facts))
    assert set(OWN_FIELDS) - {"exception"} <= set(found)
    text = Lines("text").line(record(words, **facts))
    assert text.endswith(b"\n") and len(text) <= LONGEST_LINE
    text.decode("utf-8")


@pytest.mark.parametrize("name", EVENTS)
def test_no_fact_hides_behind_a_field_of_the_lines_own(name: str) -> None:
    facts = {field for _, field, _, _ in string.Formatter().parse(EVENTS[name][1]) if field}
    assert not facts & set(OWN_FIELDS), f"{name}: rename the fact, the line has a field of that name"
