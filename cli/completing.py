"""What the shell may complete: tasks of the configuration, executions that the pool knows of. Never an error."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem


def task_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The tasks that have handlers."""
    from ..supervisor.config import ConfigError, find_config
    from .where import load_without_key

    try:
        loaded = load_without_key(find_config(ctx.params.get("config"), os.environ, Path.cwd()))
    except ConfigError:
        return []
    return [CompletionItem(task) for task in sorted(loaded.settings.handlers) if task.startswith(incomplete)]
