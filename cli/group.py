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


_SECTIONS = {
    "Begin": {
        "start": _Entry(
            "cueworker.supervisor.command", "main", "Run a pool (the same as cueworker-supervise)."
        ),
        "check": _Entry(
            "cueworker.cli.check", "check", "Validate the configuration and show what would run."
        ),
        "run": _Entry("cueworker.cli.run", "run", "Run a handler here and now, without a server."),
        "enqueue": _Entry(
            "cueworker.cli.enqueue", "enqueue", "Run a task once, now; --wait shows its outcome."
        ),
        "doctor": _Entry(
            "cueworker.cli.doctor", "doctor", "Check this machine, the configuration and the server."
        ),
        "install-service": _Entry(
            "cueworker.cli.install_service",
            "install_service",
            "Start a pool with the machine (systemd, launchd).",
        ),
        "uninstall-service": _Entry(
            "cueworker.cli.uninstall_service", "uninstall_service", "Undo install-service."
        ),
    },
    "A running pool": {
        "status": _Entry("cueworker.cli.status", "status", "Show what a running pool is doing."),
        "top": _Entry(
            "cueworker.cli.top", "top", "The same live, with CPU, memory and the handlers' output."
        ),
        "cancel": _Entry("cueworker.cli.cancel", "cancel", "End a running execution."),
        "pause": _Entry("cueworker.cli.pause", "pause", "Let a running pool claim nothing more for now."),
        "resume": _Entry("cueworker.cli.pause", "resume", "Let it claim again."),
        "scale": _Entry("cueworker.cli.scale", "scale", "Set its number of workers."),
        "recycle": _Entry("cueworker.cli.recycle", "recycle", "Give it fresh worker processes."),
        "reload": _Entry("cueworker.cli.reload", "reload", "Let it read its configuration again."),
        "upgrade": _Entry(
            "cueworker.cli.upgrade", "upgrade", "Go on with the version that is installed now."
        ),
        "drain": _Entry("cueworker.cli.drain", "drain", "Stop it, gently."),
    },
    "Look back": {
        "history": _Entry("cueworker.cli.history", "history", "Show what became of executions."),
        "show": _Entry("cueworker.cli.show", "show", "Show everything known of one execution."),
        "logs": _Entry(
            "cueworker.cli.logs", "logs", "Show the pool's log, or an execution's output; -f follows."
        ),
        "events": _Entry(
            "cueworker.cli.events", "events", "What each event in the log means and what to do about it."
        ),
        "spool": _Entry("cueworker.cli.spool", "spool", "List, retry or drop reports that wait."),
    },
    "Keys": {
        "login": _Entry("cueworker.cli.login", "login", "Get an API key for this machine, and keep it."),
        "whoami": _Entry(
            "cueworker.cli.whoami", "whoami", "Show whose API key it is, and whether it is good."
        ),
        "regenerate-key": _Entry(
            "cueworker.cli.regenerate_key", "regenerate_key", "Replace the API key; the old one dies at once."
        ),
    },
    "The embedded server": {
        "serve": _Entry("cueworker.cli.serve", "serve", "Run the embedded CueAPI server by itself."),
        "dashboard": _Entry(
            "cueworker.cli.dashboard", "dashboard", "Print a link to the embedded server's pages."
        ),
        "keys": _Entry("cueworker.cli.keys", "keys", "List, make and revoke the embedded server's API keys."),
        "logins": _Entry("cueworker.cli.logins", "logins", "Approve or deny logins at the embedded server."),
    },
    "Shell": {
        "completion": _Entry(
            "cueworker.cli.completion", "completion", "Print the shell's completion script."
        ),
    },
}
_SUBCOMMANDS = {name: entry for section in _SECTIONS.values() for name, entry in section.items()}


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
        for title, section in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.summary) for name, entry in section.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cueworker")
def cueworker() -> None:
    """Run scheduled and agent work for CueAPI on your own machine.

    \b
    To begin without an account:
      cueworker-supervise --local          in one terminal
      cueworker enqueue hello --wait       in another
    """
