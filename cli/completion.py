"""`cueworker completion`: the script that makes a shell complete subcommands, tasks and executions."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    It completes subcommands, options, tasks of the configuration, and executions that the pool knows of.

    \b
      eval "$(cueworker completion bash)"                        in ~/.bashrc
      eval "$(cueworker completion zsh)"                         in ~/.zshrc
      cueworker completion fish > ~/.config/fish/completions/cueworker.fish
    """
    from .group import cueworker

    script = get_completion_class(shell)
    assert script is not None
    # Not `source()`, which first runs bash to look at its version.
    made = script(cueworker, {}, "cueworker", "_CUEWORKER_COMPLETE")
    click.echo(made.source_template % made.source_vars())
