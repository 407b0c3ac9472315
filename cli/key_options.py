"""What the commands about the API key share: their options, how a new key is kept, how a failure is said."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from ..client import CueAPIError, Unauthorized
from ..supervisor.config import ConfigError, NoConfig, find_config
from ..supervisor.config_account import AccountOnDisk, read_account
from ..supervisor.config_describe import mask_key
from ..supervisor.key_store import KeyStore

EXIT_FAILED = 1
EXIT_UNREACHABLE = 69
"""EX_UNAVAILABLE: the server could not be asked."""
EXIT_NOT_SAVED = 73
"""EX_CANTCREAT: the key is not where it should be; the message says where it is."""
EXIT_BAD_KEY = 77
"""EX_NOPERM: the server refuses the key."""
EXIT_CONFIG = 78

F = TypeVar("F", bound=Callable[..., object])


def account_options(command: F) -> F:
    """`--config`, `--profile`, `--api-base`."""
    for option in (
        click.option("--api-base", metavar="URL", help="The server [the configuration's, or the profile's]."),
        click.option(
            "--profile",
            metavar="NAME",
            help="A profile of credentials.json; the configuration is left aside then.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            help="The YAML file [looked for as by cueworker-supervise; there need not be one].",
        ),
    ):
        command = option(command)
    return command


def account(config: Path | None, profile: str | None, api_base: str | None) -> AccountOnDisk:
    """The account that the options name. Raises ConfigError."""
    try:
        path = find_config(config, os.environ, Path.cwd())
    except NoConfig:
        path = None
    return read_account(path, os.environ, profile=profile, api_base=api_base)


def keep(store: KeyStore, api_key: str, *, email: str | None, api_base: str) -> None:
    """Keep a new key, whatever happens, and say where; ends the command if it cannot be where it should."""
    # The server tells it this once: no signal may come between.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        store.save(api_key, email=email, api_base=api_base)
    except (ConfigError, OSError) as error:
        descriptor, name = tempfile.mkstemp(prefix="cueapi-key-")
        with os.fdopen(descriptor, "w") as file:
            file.write(api_key + "\n")
        click.echo(f"{store.where} cannot be written: {error}", err=True)
        click.echo(f"The new key is in {name}, for you alone to read: put it there by hand.", err=True)
        sys.exit(EXIT_NOT_SAVED)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    click.echo(f"key {mask_key(api_key)} saved: {store.where}")


def say_what_wins(found: AccountOnDisk) -> None:
    """Warn if a pool with these settings would take its key from elsewhere."""
    try:
        source = found.credentials().source
    except ConfigError as error:
        click.echo(str(error), err=True)
        return
    if source != found.store.where:
        click.echo(
            f"note: {source} wins over it; a pool does not see the new key before that is gone", err=True
        )


def fail(command: str, error: CueAPIError | ConfigError | OSError) -> NoReturn:
    """End the command with what went wrong."""
    if isinstance(error, ConfigError):
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    click.echo(f"cueworker {command}: {error}", err=True)
    if isinstance(error, Unauthorized):
        click.echo("`cueworker login` gets another key", err=True)
        sys.exit(EXIT_BAD_KEY)
    sys.exit(EXIT_UNREACHABLE if isinstance(error, CueAPIError) else EXIT_NOT_SAVED)
