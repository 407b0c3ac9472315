"""PROTOCOL.md beside the server: every endpoint and every error code of it is there, and has its test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from cueworker.local.routes import ENDPOINTS
from support.repository import ROOT

PROTOCOL = (ROOT / "PROTOCOL.md").read_text("utf-8")
CONFORMANCE = Path(__file__).parent
_ROW = re.compile(r"^\| `([A-Z]+) (/\S+)` \| (yes|no) \|", re.MULTILINE)


def in_the_protocol() -> dict[str, bool]:
    """The endpoints in the tables, and whether each needs a key."""
    return {f"{method} {path}": key == "yes" for method, path, key in _ROW.findall(PROTOCOL)}


def implemented() -> dict[str, bool]:
    return {f"{method} {_plain(path)}": needs_key for method, path, needs_key in ENDPOINTS}


def _plain(path: str) -> str:
    return re.sub(r":\w+\}", "}", path)


def codes_in_the_protocol() -> set[str]:
    section = PROTOCOL.partition("## Errors")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if re.match(r"\| \d{3} \|", line)]
    return {code for row in rows for code in re.findall(r"`([a-z_]+)`", row.split("|")[3])}


HELPERS = {
    "cue": "POST /v1/cues",
    "claim": "POST /v1/executions/{id}/claim",
    "claimable": "GET /v1/executions/claimable",
}
"""What `ServerClient`'s shorthands call."""


def called() -> set[str]:
    """The endpoints that the conformance tests call by name, read from their sources. Those that go through all
    endpoints by the table do not count: they test what all have in common."""
    found = {endpoint for name, endpoint in HELPERS.items() if _calls_helper(name)}
    patterns = [pattern for path in _sources() for pattern in _calls(ast.parse(path.read_text("utf-8")))]
    for endpoint in implemented():
        method, path = endpoint.split(" ")
        if any(m in (method, None) and re.fullmatch(pattern, path) for m, pattern in patterns):
            found.add(endpoint)
    return found


def _sources() -> list[Path]:
    general = {"test_local_completeness.py", "test_local_isolation.py", "test_local_surface.py"}
    return [path for path in sorted(CONFORMANCE.glob("test_local_*.py")) if path.name not in general]


def _calls_helper(name: str) -> bool:
    return any(re.search(rf"\.{name}\(", path.read_text("utf-8")) for path in _sources())


def _calls(tree: ast.Module) -> list[tuple[str | None, str]]:
    """(method, pattern of the path) of each call with a path; the method is None where a helper knows it."""
    texts = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: list[tuple[str | None, str]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        method = None
        for argument in node.args:
            if isinstance(argument, ast.Constant) and argument.value in ("GET", "POST", "PATCH", "DELETE"):
                method = argument.value
            value = texts.get(argument.id, argument) if isinstance(argument, ast.Name) else argument
            if pattern := _pattern(value):
                found.append((method, pattern))
                break
    return found


def _pattern(node: ast.expr) -> str | None:
    """A pattern for the path that the expression makes; a value in it stands for one part, at the beginning for all
    that stands before the last one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.escape(node.value)
    elif isinstance(node, ast.JoinedStr):
        text = "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[^/]+" for part in node.values
        )
        if text.startswith("[^/]+/"):
            text = "/v1/[a-z]+/" + text
    else:
        return None
    return text.partition("\\?")[0] if text.startswith("/") else None


def test_every_endpoint_of_the_protocol_is_implemented_and_tested(capsys: pytest.CaptureFixture[str]) -> None:
    protocol, here, tested = in_the_protocol(), implemented(), called()
    with capsys.disabled():
        print(
            f"\nendpoints: {len(protocol)} in the protocol, {len(protocol.keys() & here.keys())} implemented,"
            f" {len(protocol.keys() & tested)} tested"
        )
    assert here == protocol
    assert set(protocol) - tested == set()


def test_every_error_code_of_the_protocol_is_answered_and_tested(capsys: pytest.CaptureFixture[str]) -> None:
    protocol = codes_in_the_protocol()
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "local").glob("*.py"))
    tests = [*_sources(), *(ROOT / "tests" / "unit" / "local").glob("test_*.py")]
    tested = "".join(path.read_text("utf-8") for path in tests)
    here = {code for code in protocol if f'"{code}"' in sources}
    asserted = {code for code in protocol if f'"{code}"' in tested}
    with capsys.disabled():
        print(
            f"\nerror codes: {len(protocol)} in the protocol, {len(here)} implemented, {len(asserted)} tested"
        )
    refusals = re.findall(r'(?:Refused\(\s*\d{3},|bad_request\(|conflict\()\s*"([a-z_]+)"', sources)
    assert set(refusals) <= protocol, "codes that PROTOCOL.md does not name"
    assert protocol - here == set()
    assert protocol - asserted == set()
