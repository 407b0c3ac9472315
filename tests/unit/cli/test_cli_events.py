"""The vocabulary of events is explained, all of it, and the document is what the command prints."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from cueworker.cli.events import as_markdown, events
from cueworker.pool.event_guide import GUIDE
from cueworker.pool.events import EVENTS
from support.repository import ROOT


def test_every_event_is_explained_and_nothing_else() -> None:
    missing = [name for name in EVENTS if name not in GUIDE]
    assert not missing, f"say in pool/event_guide.py what they mean and what to do: {missing}"
    assert not [name for name in GUIDE if name not in EVENTS], "explained, and no events"


@pytest.mark.parametrize("name", GUIDE)
def test_an_explanation_is_sentences(name: str) -> None:
    for text in GUIDE[name]:
        assert text[0].isupper() and text[-1] in ".?"


def test_the_document_is_what_the_command_prints() -> None:
    document = (ROOT / "docs" / "events.md").read_text("utf-8")
    assert document == as_markdown(), "run `cueworker events --markdown > docs/events.md`"
    for name in EVENTS:
        assert document.count(f"| `{name}` |") == 1


def test_the_command_explains_one_event_or_a_group() -> None:
    done = CliRunner().invoke(events, ["report."])
    assert done.exit_code == 0
    assert done.stdout.count("To do: ") == len([name for name in EVENTS if name.startswith("report.")])
    unknown = CliRunner().invoke(events, ["nothing.like.it"])
    assert (unknown.exit_code, unknown.stdout) == (4, "")
    assert "there is no event nothing.like.it" in unknown.stderr
