"""Rules of ARCHITECTURE and CONTRIBUTING that no other tool checks, read from the sources themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.repository import ROOT, rooms, sources

ROOMS = set(rooms())

MAY_IMPORT = {
    "outcome": set(),
    "local": set(),
    "monitoring": set(),
    "service_templates": set(),
    "client": {"outcome"},
    "pool": {"outcome", "client"},
    "supervisor": {"outcome", "client", "pool", "local", "service_templates"},
    "cli": ROOMS,
}
"""The column "may import" of ARCHITECTURE's table of rooms."""

LONGEST_FILE = 600
LONGEST_FUNCTION = 60
"""Lines: what fits on a screen."""


def rooms_named(path: Path, depth: int = 2) -> Iterator[tuple[int, str]]:
    """The line and the name of each room that a module of a room imports, late and by name ones included.

    `depth` is how many dots lead from the module to the namespace: one more in a package inside a room.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ((node.lineno, name.split(".")[0]) for name in names if name)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, room) for alias in node.names for room in _room_of(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, room) for room in _room_of(node.module))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A module that is imported, or run with `-m`, by its name.
            yield from ((node.lineno, room) for room in _room_of(node.value))


def _room_of(dotted: str) -> list[str]:
    namespace, _, rest = dotted.partition(".")
    room = rest.split(".")[0]
    return [room] if namespace == "cueworker" and room in ROOMS else []


def test_every_room_has_a_rule() -> None:
    assert set(MAY_IMPORT) == ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_the_design_lets_it(room: str) -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {other}"
        for path in sources(room)
        for line, other in rooms_named(path, depth=len(path.relative_to(ROOT).parts))
        if other != room and other not in MAY_IMPORT[room]
    ]
    assert not broken


def test_the_rule_would_see_every_form_of_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "from ..pool.board import Board\n"
        "from .. import client\n"
        "import cueworker.local.app\n"
        "from cueworker.cli import main\n"
        "def late():\n"
        "    from ..outcome import fit\n"
        "    importlib.import_module('cueworker.supervisor.command')\n"
        "from .board import Board\n"
        "import os\n"
    )
    found = sorted(rooms_named(path))
    assert found == [(1, "pool"), (2, "client"), (3, "local"), (4, "cli"), (6, "outcome"), (7, "supervisor")]
    path.write_text("from ...pool import board\nfrom ..store import Store\n")
    assert list(rooms_named(path, depth=3)) == [(1, "pool")]


def test_no_file_is_too_long() -> None:
    lengths = {
        path: len(path.read_text("utf-8").splitlines()) for path in sources(*ROOMS, "tests", "examples")
    }
    assert not {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > LONGEST_FILE}


def test_no_function_needs_scrolling() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sources(*ROOMS)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= LONGEST_FUNCTION
    ]
    assert not too_long


def test_nothing_of_ours_is_mocked_and_no_clock_is_patched() -> None:
    mocked = []
    for path in sources("tests"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            patches = isinstance(node, ast.Attribute) and node.attr in ("setattr", "delattr")
            if patches or any("mock" in name.split(".") or name.startswith("unittest") for name in names):
                mocked.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not mocked


WALL_CLOCK = {
    "client/transport.py",  # a date in Retry-After, an epoch in X-RateLimit-Reset
    "pool/courier.py",
    "pool/execution.py",
    "pool/exposition.py",  # how long the oldest spooled report has waited, for the operator
    "pool/history.py",
    "pool/reporting.py",
    "pool/steward.py",  # the age of old logs, whose times are the file system's
    "supervisor/settlement.py",  # when a report was made, and whether a failure asks before it is sent
}
"""Where the pool reads the clock that people set. Leases, deadlines, beats and pauses are on one that nobody can."""


def test_the_clock_that_people_set_decides_nothing_else() -> None:
    reading = {
        str(path.relative_to(ROOT))
        for room in ("client", "pool", "supervisor")
        for path in (ROOT / room).glob("*.py")
        if "time.time()" in path.read_text("utf-8") or "datetime.now" in path.read_text("utf-8")
    }
    assert reading == WALL_CLOCK


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
