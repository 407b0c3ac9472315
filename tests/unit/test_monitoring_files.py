"""The dashboard and the alerts as files; that their queries have answers is tried on a real pool (test_metrics.py)."""

from __future__ import annotations

import itertools
import re

from support.monitoring import alerts, dashboard, matchers, queries
from support.repository import ROOT


def test_the_queries_are_read_with_their_matchers() -> None:
    assert len(queries()) > 40
    query = 'sum by (a) (rate(cueworker_x_total{instance=~"$instance",a!="b"}[5m])) / cueworker_y > 1'
    assert matchers(query) == [
        ("cueworker_x_total", [("instance", "=~", "$instance"), ("a", "!=", "b")]),
        ("cueworker_y", []),
    ]


def test_every_alert_says_what_happened_what_to_do_and_how_bad_it_is() -> None:
    rules = alerts()
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m")), rule["alert"]


def test_the_operators_page_has_every_alert() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    assert re.findall(r"^\| `(Cueworker\w+)`", page, re.MULTILINE) == [rule["alert"] for rule in alerts()]


def test_the_dashboard_can_be_read_and_its_panels_do_not_cover_each_other() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = set(
            itertools.product(
                range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
            )
        )
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["title"], "a panel has a title"
            assert panel["description"], panel["title"]
            sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
            assert all(source["uid"] == "${datasource}" for source in sources), (
                "it works with any data source"
            )
