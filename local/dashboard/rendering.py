"""Templates to text. Everything in them is escaped; times, ages and JSON have filters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from . import words
from .static_files import address


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "duration": words.duration,
        "number": words.number,
        "size": words.size,
        "json": pretty,
    }
    environment.globals |= {
        "static": address,
        "when": when,
        "since": since,
        "moment": words.moment,
        "plural": words.plural,
    }
    return environment


def render(template: str, context: Mapping[str, Any]) -> str:
    """The template's text with this context."""
    return _environment().get_template(template).render(context)


def pretty(value: Any) -> str:
    """JSON as people read it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def when(epoch: float, now: float) -> Markup:
    """A moment as its age, with the whole date for whoever points at it; the live view counts it on."""
    return _time(epoch, "ago", words.ago(now - epoch))


def since(epoch: float, now: float) -> Markup:
    """How long something has been going on; the live view counts it on."""
    return _time(epoch, "for", words.duration(float(max(0, int(now - epoch)))))


def _time(epoch: float, kind: str, text: str) -> Markup:
    return Markup('<time datetime="{}" title="{}" data-age="{}">{}</time>').format(
        datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        words.moment(epoch),
        kind,
        text,
    )
