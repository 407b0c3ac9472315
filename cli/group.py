"""The group of subcommands. Its help comes from a table, so that `--help` imports none of them."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem


class _Entry(NamedTuple):
    module: str
    function: str
    summary: str


_SUBCOMMANDS = {
    "start": _Entry("cueworker.supervisor.command", "main", "Run a pool (the same as cueworker-supervise)."),
    "check": _Entry("cueworker.cli.check", "check", "Validate the configuration and show what would run."),
    "enqueue": _Entry("cueworker.cli.enqueue", "enqueue", "Run a task once, now; --wait shows its outcome."),
    "run": _Entry("cueworker.cli.run", "run", "Run a handler here and now, without a server."),
    "history": _Entry("cueworker.cli.history", "history", "Show what became of executions."),
    "show": _Entry("cueworker.cli.show", "show", "Show everything known of one execution."),
    "spool": _Entry("cueworker.cli.spool", "spool", "List, retry or drop reports that wait."),
    "doctor": _Entry(
        "cueworker.cli.doctor", "doctor", "Check this machine, the configuration and the server."
    ),
    "serve": _Entry("cueworker.cli.serve", "serve", "Run the embedded CueAPI server by itself."),
    "completion": _Entry("cueworker.cli.completion", "completion", "Print the shell's completion script."),
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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click does, without importing every subcommand for its help."""
        names = [
            CompletionItem(name, help=entry.summary)
            for name, entry in _SUBCOMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

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
