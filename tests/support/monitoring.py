"""The queries of the dashboard and the alerts, and what they ask for."""

from __future__ import annotations

import json
import re
from typing import Any

from ruamel.yaml import YAML
from support.repository import ROOT

FOLDER = ROOT / "monitoring"

_SELECTOR = re.compile(r"\b(cueworker_[a-z0-9_]+)\s*(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')

Matcher = tuple[str, str, str]
"""Label, operator, value."""


def dashboard() -> dict[str, Any]:
    """The Grafana dashboard."""
    return dict(json.loads((FOLDER / "grafana.json").read_text("utf-8")))


def alerts() -> list[dict[str, Any]]:
    """The alert rules."""
    groups = YAML(typ="safe").load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[tuple[str, str]]:
    """Every query, with the name of the panel, variable or alert that it belongs to."""
    board = dashboard()
    found = [
        (f"panel {panel['title']}", target["expr"])
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]
    found += [
        (f"variable {variable['name']}", variable["definition"])
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]
    return found + [(f"alert {rule['alert']}", rule["expr"]) for rule in alerts()]


def matchers(query: str) -> list[tuple[str, list[Matcher]]]:
    """Each metric that a query names, with what its labels must match."""
    return [(name, _MATCHER.findall(inside or "")) for name, inside in _SELECTOR.findall(query)]
