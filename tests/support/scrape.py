"""A pool's metrics in a test, as Prometheus would read them: OpenMetrics, by its own strict parser."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.pool import Pool

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True)
class Scrape:
    """One scrape: each sample's name and labels, and its value."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that have these labels."""
        wanted = frozenset(labels.items())
        return sum(value for (found, has), value in self.samples.items() if found == name and wanted <= has)

    def names(self) -> set[str]:
        """The names of all samples."""
        return {name for name, _ in self.samples}

    def labels(self, name: str) -> dict[str, set[str]]:
        """The labels of a metric, and the values that each of them has."""
        found: dict[str, set[str]] = {}
        for sample, labels in self.samples:
            for label, value in labels if sample == name else ():
                found.setdefault(label, set()).add(value)
        return found


def parsed(text: str) -> Scrape:
    """What an exposition says. Fails on anything that is not OpenMetrics."""
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in samples, f"{key} is there twice"
            samples[key] = float(sample.value)
    return Scrape(samples)


def address(pool: Pool) -> str:
    """Where the pool serves its metrics now."""
    return pool.wait_for_event("metrics.listening")[-1].split(" metrics at ")[1].split("/metrics")[0]


def scrape(url: str) -> Scrape:
    """Scrape once."""
    answer = requests.get(f"{url}/metrics", headers={"Accept": OPEN_METRICS}, timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (
        200,
        "application/openmetrics-text",
    )
    return parsed(answer.text)


def health(url: str, page: str) -> tuple[int, dict[str, Any]]:
    """Status and content of `/healthz` or `/readyz`."""
    answer = requests.get(f"{url}{page}", timeout=5)
    return answer.status_code, json.loads(answer.text)


def reasons(url: str) -> set[str]:
    """Why the pool is not ready."""
    status, said = health(url, "/readyz")
    found = {entry["reason"] for entry in said["reasons"]}
    assert (status == 200) == (not found)
    return found
