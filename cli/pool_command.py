"""What the commands to a running pool have in common: which pool is meant, and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ..pool.state_dir import StateDir
from .pool_client import NoPool, PoolClient, PoolUnreachable, Refused, find_state_dir

EXIT_REFUSED = 1
EXIT_NO_POOL = 3
EXIT_NOT_FOUND = 4
EXIT_USAGE = 64
EXIT_UNREACHABLE = 69
"""EX_UNAVAILABLE: there is a pool, but it does not answer."""
EXIT_FORBIDDEN = 77
EXIT_CONFIG = 78

EXIT_CODES = (
    "Exit codes: 0 done; 1 the pool refused; 3 no pool is running; 4 there is no such execution or slot; 64 the "
    "command line is wrong; 69 the pool does not answer; 77 it is somebody else's; 78 its configuration is wrong."
)

_CODES = {
    "not_found": EXIT_NOT_FOUND,
    "ambiguous": EXIT_USAGE,
    "bad_request": EXIT_USAGE,
    "forbidden": EXIT_FORBIDDEN,
    "bad_configuration": EXIT_CONFIG,
}

F = TypeVar("F", bound=Callable[..., Any])


class PoolCommand(click.Command):
    """A command to a running pool: its errors are one line, and its exit codes tell them apart."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"epilog": EXIT_CODES, **kwargs})

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the command line, or say what is wrong with it."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            _wrong_usage(error)

    def invoke(self, ctx: click.Context) -> Any:
        """Carry it out, or say what is in the way."""
        from ..supervisor.config_problem import ConfigError

        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.ctx = ctx
            _wrong_usage(error)
        except Refused as error:
            _fail(error, _CODES.get(error.code, EXIT_REFUSED))
        except NoPool as error:
            _fail(error, EXIT_NO_POOL)
        except PoolUnreachable as error:
            denied = isinstance(error.__cause__, PermissionError)
            _fail(error, EXIT_FORBIDDEN if denied else EXIT_UNREACHABLE)
        except ConfigError as error:
            click.echo(f"{error}\nor name the pool's state directory with --state-dir", err=True)
            sys.exit(EXIT_CONFIG)


def _wrong_usage(error: click.UsageError) -> NoReturn:
    error.show()
    sys.exit(EXIT_USAGE)


def _fail(error: Exception, code: int) -> NoReturn:
    click.echo(f"cueworker: {error}", err=True)
    sys.exit(code)


def which_pool(function: F) -> F:
    """The options `--config` and `--state-dir`, passed on under these names."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The pool's YAML file [looked for as by cueworker-supervise].",
    )
    state_dir = click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="The pool's state directory [the configuration's].",
    )
    return config(state_dir(function))


def pool_of(config: Path | None, state_dir: Path | None) -> PoolClient:
    """The pool that is meant. Raises ConfigError."""
    return PoolClient(StateDir(find_state_dir(config, state_dir)))
