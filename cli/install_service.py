"""`cueworker install-service`: a pool that starts with the machine, by systemd or launchd."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from ..supervisor.config import ConfigError
from . import service_user
from .service import Scope, Service
from .service_facts import Facts, NotInstallable, Wish, credential_file, gather
from .service_managers import Manager, Step, manager
from .service_steps import Found, StepFailed, compare, judge, perform, show, write

EXIT_CONFIG = 78


@click.command("install-service")
@click.option(
    "--user", "scope", flag_value="user", help="The user's own service: no rights needed [unless root]."
)
@click.option("--system", "scope", flag_value="system", help="The machine's service; needs root [if root].")
@click.option(
    "--config", type=click.Path(path_type=Path), help="The YAML file [looked for as by cueworker-supervise]."
)
@click.option("--instance", metavar="NAME", help="One of several pools on this machine.")
@click.option("--run-as", metavar="USER", help="With --system: who runs it [the configuration's owner].")
@click.option("--local", is_flag=True, help="A pool with an embedded CueAPI server: no account needed.")
@click.option("--dry-run", is_flag=True, help="Show what would be written and run, and do nothing.")
@click.option("--force", is_flag=True, help="Replace a service definition that this command did not write.")
@click.option("--root", type=click.Path(path_type=Path), default=Path("/"), hidden=True)
@click.option("--platform", default=sys.platform, hidden=True)
def install_service(
    scope: str | None,
    config: Path | None,
    instance: str | None,
    run_as: str | None,
    local: bool,
    dry_run: bool,
    force: bool,
    root: Path,
    platform: str,
) -> None:
    """Install a pool as a service that starts with the machine, start it, and see that it runs.

    Shows what is written and run. To call it again is safe: it writes and restarts only what has changed.

    \b
    --user    for your own commands, on a laptop or a server of yours.
    --system  for a machine. It runs as the configuration's owner, never as root by itself; if that is root, as the
              user `cueworker`, which is made. The API key may be in /etc/credstore/cueworker.api_key.

    Of this shell's environment a service gets PATH alone. `systemctl edit` adds what handlers need besides.

    \b
      cueworker install-service --dry-run
      cueworker install-service --user --config ~/.config/cueapi/cueworker.yaml
      sudo cueworker install-service --instance nightly

    Exit codes: 0 it runs; 1 it could not be installed or does not run, see the message; 78 the configuration is wrong.
    """
    wish = Wish(
        scope=default_scope(scope),
        config=config,
        instance=instance,
        run_as=run_as,
        local=local,
        root=root,
        platform=platform,
    )
    try:
        check_rights(wish.scope, root, dry_run)
        facts = gather(wish, Path.home())
        _install(
            manager(platform, wish.scope, instance, root, Path.home()), facts, wish, dry_run, force=force
        )
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    except (NotInstallable, StepFailed, OSError) as error:
        raise click.ClickException(str(error)) from error


def _install(the_manager: Manager, facts: Facts, wish: Wish, dry_run: bool, *, force: bool) -> None:
    service, file = facts.service, the_manager.file
    try:
        text = the_manager.render(service)
    except ValueError as error:
        raise NotInstallable(str(error)) from error
    found = compare(file, text)
    preparing, steps = _preparing(service), the_manager.starting(found is not Found.SAME)
    click.echo(f"{file} ({found.value})")
    if found is not Found.SAME:
        click.echo("".join(f"  {line}\n" for line in text.splitlines()))
    show([*preparing, *steps])
    _notes(facts, wish)
    if found is Found.FOREIGN and not force:
        raise NotInstallable(f"{file} was not written by this command; move it away, or use --force")
    if dry_run:
        return
    if shutil.which(the_manager.program) is None:
        raise NotInstallable(
            f"there is no {the_manager.program} here; --dry-run shows the file for another machine"
        )
    judge(the_manager.check(file), file, text)
    perform(preparing)
    _refuse_user_who_cannot(service, facts.config)
    if found is not Found.SAME:
        write(file, text)
        click.echo(f"wrote {file}")
    perform(steps)
    perform([the_manager.verifying()])
    click.echo(f"It runs.\n{the_manager.advice()}", nl=False)


def _preparing(service: Service) -> list[Step]:
    if service.user != service_user.DEDICATED or service_user.exists(service.user):
        return []
    return [Step(service_user.creation(service.user), why="handlers do not run as root")]


def _notes(facts: Facts, wish: Wish) -> None:
    service, credential = facts.service, credential_file(wish)
    click.echo(
        f"runs as {service.user or 'you'}, {facts.settings.workers} workers, configuration {facts.config}"
    )
    if service.user == "root":
        click.echo(
            "Handlers will run as root, as --run-as says: whoever may fire a cue may change the handlers' world."
        )
    if wish.scope is Scope.SYSTEM and not service.own_state_dir and credential is not None:
        folder = f"/var/lib/cueworker{service.suffix}"
        click.echo(
            f"state in {folder}: other commands find it by `state_dir: {folder}` in the configuration, or --state-dir"
        )


def _refuse_user_who_cannot(service: Service, config: Path) -> None:
    obstacle = (
        None if service.user is None else service_user.obstacle(service.user, config, service.command[0])
    )
    if obstacle is not None:
        raise NotInstallable(obstacle)


def default_scope(given: str | None) -> Scope:
    """The scope that was asked for; root's own service manager is the machine's."""
    return Scope(given) if given else Scope.SYSTEM if os.geteuid() == 0 else Scope.USER


def check_rights(scope: Scope, root: Path, dry_run: bool) -> None:
    """Raises NotInstallable if this user cannot do what is asked for."""
    if scope is Scope.SYSTEM and os.geteuid() != 0 and root == Path("/") and not dry_run:
        raise NotInstallable("--system needs root: use sudo, or --user for a service of your own")
