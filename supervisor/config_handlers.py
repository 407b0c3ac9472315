"""`handlers:` of the configuration file, read into `pool.Handler` values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..pool.handler import Handler, OnLeaseLost
from .config_command import read_command, read_script, safe_command
from .config_env import read_env
from .config_field import is_usable
from .config_keys import advise_handler, known_only
from .config_limits import read_limits
from .config_node import Document, Entry, kind, place
from .config_paths import expand_home
from .config_problem import clip, show_key
from .config_schema import BACKGROUND, DURATION, HANDLER, ON_LEASE_LOST, TEXT


@dataclass(frozen=True)
class Defaults:
    """What a handler that does not say otherwise gets, and where its file lies."""

    timeout: float
    on_lease_lost: OnLeaseLost
    base_dir: str
    environ: Mapping[str, str]


def read_handlers(
    entry: Entry | None, top: Node, document: Document, defaults: Defaults
) -> dict[str, Handler]:
    """Every handler that can be run, by task; what is wrong or refused is noted in the findings."""
    if entry is None or entry.is_null or (isinstance(entry.node, MappingNode) and not entry.node.value):
        where = entry.key_place if entry else place(top)
        remedy = "name at least one task and its command under `handlers:`"
        document.findings.error(where, "there are no handlers", remedy)
        return {}
    if not isinstance(entry.node, MappingNode):
        message = f"handlers must be a mapping, not {kind(entry.node)}"
        document.findings.error(place(entry.node), message, "write task: command lines under it")
        return {}
    handlers = {}
    for task, value in document.entries(entry.node).items():
        handler = _read_handler(task, value, document, defaults)
        if handler is not None:
            handlers[task] = handler
    return handlers


def _read_handler(task: str, entry: Entry, document: Document, defaults: Defaults) -> Handler | None:
    if not task or not is_usable(task):
        document.findings.error(entry.key_place, f"{clip(task)} cannot be a task's name")
        return None
    if isinstance(entry.node, MappingNode):
        return _from_mapping(task, entry, document.entries(entry.node), document, defaults)
    if isinstance(entry.node, ScalarNode) and not entry.is_null:
        return _from_text(task, entry, document, defaults)
    given = "nothing" if entry.is_null else kind(entry.node)
    is_list = isinstance(entry.node, SequenceNode)
    document.findings.error(
        place(entry.node) if is_list else entry.key_place,
        f"handler {clip(task)} must be a command, or a mapping with cmd or argv, not {given}",
        "for a command without a shell write argv: [program, argument]" if is_list else None,
    )
    return None


def _from_text(task: str, entry: Entry, document: Document, defaults: Defaults) -> Handler | None:
    script = read_script(task, f"handlers.{show_key(task)}", entry, document)
    command = None if script is None else safe_command(task, script, entry, document)
    if command is None:
        return None
    return Handler(
        task=task,
        command=command,
        timeout=defaults.timeout,
        base_dir=defaults.base_dir,
        on_lease_lost=defaults.on_lease_lost,
    )


def _from_mapping(
    task: str, entry: Entry, fields: Mapping[str, Entry], document: Document, defaults: Defaults
) -> Handler | None:
    name = f"handlers.{show_key(task)}"
    known_only(fields, HANDLER, advise_handler, document, f"in handler {clip(task)}")
    command = read_command(task, entry, fields, document)
    cwd = TEXT.value(f"{name}.cwd", fields.get("cwd"), document)
    timeout = DURATION.value(f"{name}.timeout", fields.get("timeout"), document)
    on_lease_lost = ON_LEASE_LOST.value(f"{name}.on_lease_lost", fields.get("on_lease_lost"), document)
    background = BACKGROUND.value(f"{name}.background", fields.get("background"), document)
    limits = read_limits(f"{name}.limits", fields.get("limits"), document)
    env = fields.get("env")
    variables = {} if env is None or env.is_null else read_env(f"{name}.env", env, document)
    if command is None:
        return None
    return Handler(
        task=task,
        command=command,
        timeout=timeout or defaults.timeout,
        cwd=expand_home(cwd, defaults.environ) if cwd else None,
        base_dir=defaults.base_dir,
        env=variables,
        on_lease_lost=on_lease_lost or defaults.on_lease_lost,
        background=background or "kill",
        limits=limits,
    )
