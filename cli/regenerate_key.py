"""`cueworker regenerate-key`: a new key in place of the old one, which dies at once."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..client import CueAPI, CueAPIError
from ..supervisor.config import ConfigError, Problem
from ..supervisor.config_account import AccountOnDisk
from ..supervisor.config_describe import mask_key
from .key_options import EXIT_FAILED, account, account_options, fail, keep


@click.command("regenerate-key")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@account_options
def regenerate_key(yes: bool, config: Path | None, profile: str | None, api_base: str | None) -> None:
    """Replace the API key; the old one is dead at once.

    The new key is kept where the old one stood: in the configuration, whose comments and layout stay, or in
    credentials.json. A running pool of this configuration goes on by itself within seconds; whatever else uses the old
    key must be given the new one.

    \b
      cueworker regenerate-key --yes

    \b
    Exit codes: 0 replaced; 1 not confirmed; 69 the server could not be asked; 73 the key could not be kept where it
    belongs; 77 the server refuses the old key; 78 the configuration is wrong.
    """
    try:
        found = account(config, profile, api_base)
        old = _replaceable_key(found)
        found.store.check()
        if not yes:
            _confirm(old, found)
        with CueAPI(old, base_url=found.api_base) as api:
            key = api.auth.regenerate_key()
        keep(found.store, key, email=None, api_base=found.api_base)
    except (CueAPIError, ConfigError, OSError) as error:
        if isinstance(error, CueAPIError) and error.may_have_been_acted_on:
            click.echo(
                "the old key may be dead: `cueworker whoami` tells, `cueworker login` gets another", err=True
            )
        fail("regenerate-key", error)


def _replaceable_key(found: AccountOnDisk) -> str:
    """The key, if it stands where a new one can be kept. Raises ConfigError."""
    credentials = found.credentials()
    if credentials.source == found.store.where:
        return credentials.api_key
    message = f"the key comes from {credentials.source}, where no other can be put by this command"
    remedy = "keep it in api_key of the configuration, or log in with `cueworker login`"
    raise ConfigError((Problem(str(found.config or "configuration"), 0, 0, message, remedy),))


def _confirm(old: str, found: AccountOnDisk) -> None:
    click.echo(
        f"The key {mask_key(old)} at {found.api_base} dies at once, with everything that uses it.", err=True
    )
    if not sys.stdin.isatty():
        click.echo("cueworker regenerate-key: say --yes to do it without a terminal", err=True)
        sys.exit(EXIT_FAILED)
    if not click.confirm("Go on?", err=True):
        sys.exit(EXIT_FAILED)
