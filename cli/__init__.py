"""The `cueworker` command: one small file per subcommand, imported when it is called."""

from __future__ import annotations


def main() -> None:
    """Run `cueworker` with the process's arguments."""
    from .group import cueworker

    cueworker(prog_name="cueworker")
