"""Durations as options: `30s`, `5m`, `2h`, `30d`, a number of seconds, or `inf`."""

from __future__ import annotations

import math

import click

from ..supervisor.config_duration import parse_duration


class Duration(click.ParamType[float]):
    """Seconds, as a float."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds. Fails with what a duration looks like."""
        if isinstance(value, float):
            return value
        seconds = math.inf if value.strip() == "inf" else parse_duration(value)
        if seconds is None:
            self.fail(f"{value!r} is no duration; write 30s, 5m, 2h, 30d or a number of seconds", param, ctx)
        return seconds
