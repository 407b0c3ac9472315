"""`cueworker login`: an API key for this machine, approved by somebody in a browser or by e-mail."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import click

from ..client import CueAPIError, DeviceLogin, LoginEnded
from ..supervisor.config import ConfigError
from .key_options import EXIT_FAILED, account, account_options, fail, keep, say_what_wins

EXIT_INTERRUPTED = 130

_EVERY = 2.0
"""Seconds between two questions whether the login is approved."""
_TICK = 1.0


@click.command()
@click.option(
    "--email", metavar="ADDRESS", help="Have a link sent there [the configuration's `email:`, if any]."
)
@account_options
def login(email: str | None, config: Path | None, profile: str | None, api_base: str | None) -> None:
    """Get an API key for this machine, and keep it.

    Somebody has to approve it within 15 minutes: by the link in the e-mail, or at the address that is shown. The key
    goes into the configuration if that holds `api_key:` already, else into ~/.config/cueapi/credentials.json, where
    the official clients look, too. A running pool that waits for a good key takes it up by itself. ^C changes nothing.

    \b
      cueworker login --email you@example.com

    \b
    Exit codes: 0 logged in; 1 not approved; 69 the server could not be asked; 73 the key could not be kept where it
    belongs; 78 the configuration is wrong; 130 given up by ^C.
    """
    stopped = _stop_signals()
    try:
        found = account(config, profile, api_base)
        found.store.check()
        email = email or found.email
        with DeviceLogin(found.api_base) as device:
            url = device.begin()
            if email:
                device.submit_email(email)
                click.echo(f"{found.api_base} sends a link to {email}: follow it.")
                click.echo(f"Or open {url} and approve.")
            else:
                click.echo(f"Open {url} and approve.")
            approved = device.wait(_Waiting(device.expires_at, stopped).pause, _EVERY)
        keep(found.store, approved.api_key, email=approved.email or email, api_base=found.api_base)
    except LoginEnded as error:
        if stopped.is_set():
            click.echo("given up; nothing has changed", err=True)
            sys.exit(EXIT_INTERRUPTED)
        click.echo(f"cueworker login: {error}", err=True)
        sys.exit(EXIT_FAILED)
    except (CueAPIError, ConfigError, OSError) as error:
        fail("login", error)
    click.echo(f"logged in{f' as {approved.email}' if approved.email else ''} at {found.api_base}")
    say_what_wins(found)


def _stop_signals() -> threading.Event:
    """Set by ^C and TERM, which are heeded between two questions: an answer that holds a key is not thrown away."""
    stopped = threading.Event()

    def stop(signum: int, _frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(signum, signal.default_int_handler)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return stopped


class _Waiting:
    """Waits between two questions; on a terminal it counts down."""

    def __init__(self, expires_at: float, stopped: threading.Event) -> None:
        self._expires_at = expires_at
        self._stopped = stopped
        self._on_terminal = sys.stdout.isatty()
        if not self._on_terminal:
            click.echo("waiting for the approval…")

    def pause(self, seconds: float) -> bool:
        """Wait; False once it is given up."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stopped.is_set():
            if self._on_terminal:
                minutes, rest = divmod(max(0, int(self._expires_at - time.monotonic())), 60)
                click.echo(f"\rwaiting for the approval, {minutes}:{rest:02d} left  ", nl=False)
            self._stopped.wait(min(left, _TICK))
        if self._on_terminal:
            click.echo("\r\033[K", nl=False)
        return not self._stopped.is_set()
