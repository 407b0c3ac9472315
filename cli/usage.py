"""Commands whose exit codes mean something: a wrong command line gets EX_USAGE."""

from __future__ import annotations

import os
from typing import Any

import click


class WrongCommandLine(click.UsageError):
    """A command line that cannot be meant."""

    exit_code = os.EX_USAGE


class UsageCommand(click.Command):
    """A command that leaves with 64 when its command line is wrong (click's own is 2)."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As click does."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise WrongCommandLine(error.format_message(), error.ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """As click does."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise WrongCommandLine(error.format_message(), error.ctx) from error
