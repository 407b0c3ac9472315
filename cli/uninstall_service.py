"""`cueworker uninstall-service`: stop a service and remove its definition; state and configuration stay."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from .install_service import check_rights, default_scope
from .service_facts import NotInstallable, check_name
from .service_managers import Manager, manager
from .service_steps import Found, StepFailed, compare, perform, show


@click.command("uninstall-service")
@click.option("--user", "scope", flag_value="user", help="The user's own service [unless root].")
@click.option("--system", "scope", flag_value="system", help="The machine's service; needs root [if root].")
@click.option("--instance", metavar="NAME", help="One of several pools on this machine.")
@click.option("--dry-run", is_flag=True, help="Show what would be run and removed, and do nothing.")
@click.option("--force", is_flag=True, help="Remove a service definition that install-service did not write.")
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), hidden=True)
@click.option("--platform", default=sys.platform, hidden=True)
def uninstall_service(
    scope: str | None, instance: str | None, dry_run: bool, force: bool, root: Path, platform: str
) -> None:
    """Stop a pool that install-service installed, and remove its service definition.

    Its handlers may finish within `shutdown_grace`. The configuration, the state directory with unsent reports, and the
    user that runs it stay. To call it again is safe.

    \b
      cueworker uninstall-service --dry-run
    """
    try:
        check_name("instance", instance)
        the_scope = default_scope(scope)
        check_rights(the_scope, root, dry_run)
        _uninstall(manager(platform, the_scope, instance, root, Path.home()), dry_run, force)
    except (NotInstallable, StepFailed, OSError) as error:
        raise click.ClickException(str(error)) from error


def _uninstall(the_manager: Manager, dry_run: bool, force: bool) -> None:
    file = the_manager.file
    found = compare(file, "")
    if found is Found.NOTHING:
        click.echo(f"{file} does not exist: nothing is installed there")
        return
    if found is Found.FOREIGN and not force:
        raise NotInstallable(f"{file} was not written by install-service; remove it yourself, or use --force")
    show(the_manager.stopping())
    click.echo(f"  remove {file}")
    show(the_manager.forgetting())
    if dry_run:
        return
    if shutil.which(the_manager.program) is None:
        raise NotInstallable(f"there is no {the_manager.program} here that could stop it")
    perform(the_manager.stopping())
    file.unlink()
    click.echo(f"removed {file}")
    perform(the_manager.forgetting())
    click.echo("The configuration and the state directory are still there.")
