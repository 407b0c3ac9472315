"""What the shell may complete: tasks of the configuration, executions that the pool knows of. Never an error."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from ..pool.state_dir import StateDir

_MOST = 50


def task_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The tasks that have handlers."""
    from ..supervisor.config import ConfigError, find_config
    from .where import load_without_key

    try:
        loaded = load_without_key(find_config(ctx.params.get("config"), os.environ, Path.cwd()))
    except ConfigError:
        return []
    return [CompletionItem(task) for task in sorted(loaded.settings.handlers) if task.startswith(incomplete)]


def execution_ids(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The executions that run, wait, or were the last in history."""
    from .known import all_known

    return _ids(ctx, incomplete, all_known)


def spooled_ids(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The executions whose reports wait."""
    from .known import waiting

    return _ids(ctx, incomplete, waiting)


def running_ids(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The executions that run."""
    from .known import running

    return _ids(ctx, incomplete, running)


def _ids(
    ctx: click.Context, incomplete: str, source: Callable[[StateDir], Iterator[str]]
) -> list[CompletionItem]:
    from ..supervisor.config import ConfigError
    from .where import state_dir_of

    try:
        found_in = state_dir_of(ctx.params.get("config"), ctx.params.get("state_dir"))
        matching = (each for each in source(found_in) if each.startswith(incomplete))
        return [CompletionItem(each) for each in dict.fromkeys(itertools.islice(matching, _MOST))]
    except (ConfigError, OSError):
        return []
