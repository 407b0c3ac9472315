"""The parent of the pool: configuration, slots, signals, restarts, orphans; the `cueworker-supervise` command."""

from __future__ import annotations


def main() -> None:
    """Run `cueworker-supervise` with the process's arguments."""
    from .command import main as command

    command(prog_name="cueworker-supervise")
