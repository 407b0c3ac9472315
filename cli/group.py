"""The group of subcommands. Its help comes from a table, so that `--help` imports none of them."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click


class _Entry(NamedTuple):
    module: str
    function: str
    summary: str


_SUBCOMMANDS = {
    "start": _Entry("cueworker.supervisor.command", "main", "Run a pool (the same as cueworker-supervise)."),
    "check": _Entry("cueworker.cli.check", "check", "Validate the configuration and show what would run."),
    "enqueue": _Entry("cueworker.cli.enqueue", "enqueue", "Run a task once, now; --wait shows its outcome."),
    "serve": _Entry("cueworker.cli.serve", "serve", "Run the embedded CueAPI server by itself."),
    "install-service": _Entry(
        "cueworker.cli.install_service",
        "install_service",
        "Start a pool with the machine (systemd, launchd).",
    ),
    "uninstall-service": _Entry(
        "cueworker.cli.uninstall_service", "uninstall_service", "Undo install-service."
    ),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _SUBCOMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry.module), entry.function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in _SUBCOMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cueworker")
def cueworker() -> None:
    """Run scheduled and agent work for CueAPI on your own machine.

    \b
    To begin without an account:
      cueworker-supervise --local          in one terminal
      cueworker enqueue hello --wait       in another
    """
