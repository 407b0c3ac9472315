"""The repository that the tests stand in."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def rooms() -> list[str]:
    """The top-level folders that are packages of the namespace `cueworker`."""
    return sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


def project() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def sources(*folders: str) -> list[Path]:
    """The Python files below these top-level folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
