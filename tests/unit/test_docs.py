"""What the documentation lists is what the code has: endings, verdicts, fates, exit codes, commands."""

from __future__ import annotations

import ast
import re

from click import Context
from cueworker.cli.group import cueworker
from cueworker.local.verification import MODES, outcome_state
from cueworker.outcome import EndingKind
from cueworker.pool.delivery import Fate
from cueworker.supervisor import exit_codes
from support.repository import ROOT, rooms, sources

ENDINGS = (ROOT / "docs" / "endings.md").read_text("utf-8")
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]

_ELSEWHERE = {"BOOT_FAILED", "CRASHED"}
"""Constants that are exit codes without being called so."""


def first_column(title: str) -> list[str]:
    """The first cell of each row of the table under a heading."""
    section = ENDINGS.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [row.split("|")[1].strip().strip("`") for row in rows]


def test_every_ending_is_explained() -> None:
    assert sorted(first_column("Endings")) == sorted(kind.value for kind in EndingKind)


def test_every_outcome_state_is_explained() -> None:
    evidence = {"external_id": "x"}
    states = {outcome_state(mode, success, evidence)[0] for mode in MODES for success in (True, False)}
    assert set(first_column("Verdicts")) == states


def test_every_fate_is_explained() -> None:
    assert set(first_column("Fates")) == {fate.value for fate in Fate} | {"dropped"}


def test_every_exit_code_is_explained() -> None:
    # A handler's failure; click's own; EX_USAGE; ^C.
    codes = {1, 2, 64, 130, *(code for name, code in vars(exit_codes).items() if name.isupper())}
    for room in rooms():
        for path in sources(room):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    names = {target.id for target in node.targets if isinstance(target, ast.Name)}
                    if not isinstance(node.value.value, int):
                        continue
                    if names & _ELSEWHERE or any(name.startswith("EXIT_") for name in names):
                        codes.add(node.value.value)
    assert {int(code) for code in first_column("Exit codes")} == codes


def test_every_command_that_is_named_exists() -> None:
    known = set(cueworker.list_commands(Context(cueworker)))
    named = {
        word for path in DOCUMENTS for word in re.findall(r"`cueworker ([a-z-]+)", path.read_text("utf-8"))
    }
    assert named <= known and len(named) > 5


def test_every_link_between_documents_leads_somewhere() -> None:
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert target.startswith("http") or (path.parent / target).exists(), (path.name, target)
