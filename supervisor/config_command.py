"""A handler's command out of the file: `cmd` with its templates made safe, `templates: paste`, or `argv`."""

from __future__ import annotations

from collections.abc import Mapping

from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from ..pool.command import CommandRefused, compile_command
from ..pool.command import warnings as command_warnings
from ..pool.handler import ArgvCommand, Command, PastedCommand
from ..pool.templates import find
from .config_node import Document, Entry, kind, place
from .config_position import place_of
from .config_problem import clip, show_key
from .config_schema import ARGUMENT, COMMAND, TEMPLATES


def read_command(task: str, entry: Entry, fields: Mapping[str, Entry], document: Document) -> Command | None:
    """The command of a handler with the keys `fields`; None when it is wrong or refused, which is noted."""
    cmd, argv = fields.get("cmd"), fields.get("argv")
    templates = fields.get("templates")
    if argv is not None and cmd is not None:
        document.findings.error(argv.key_place, f"handler {clip(task)} has cmd and argv", "keep one of them")
        return None
    if argv is not None:
        if templates is not None:
            remedy = "leave it out: argv never goes through a shell"
            document.findings.error(templates.key_place, "templates: is for cmd", remedy)
        return _argv_command(task, argv, document)
    if cmd is None or cmd.is_null:
        where = (cmd or entry).key_place
        document.findings.error(where, f"handler {clip(task)} has no command", "give it cmd or argv")
        return None
    name = f"handlers.{show_key(task)}"
    pasted = TEMPLATES.value(f"{name}.templates", templates, document) is not None
    script = read_script(task, f"{name}.cmd", cmd, document)
    if script is None:
        return None
    if not pasted or templates is None:
        return safe_command(task, script, cmd, document)
    if find(script):
        message = f"handler {clip(task)} pastes payloads into its command: who sets one can run commands"
        remedy = "remove `templates: paste` and let values be passed as quoted references"
        document.findings.warn(templates.key_place, message, remedy)
    return PastedCommand(script)


def read_script(task: str, name: str, cmd: Entry, document: Document) -> str | None:
    """The text of a shell command; `name` is what messages call it."""
    script = COMMAND.value(name, cmd, document)
    if script is not None and not script.strip():
        document.findings.error(place(cmd.node), f"the command of handler {clip(task)} is empty")
        return None
    return script


def safe_command(task: str, script: str, cmd: Entry, document: Document) -> Command | None:
    """`script`, which stands at `cmd`, with its templates made quoted references (ARCHITECTURE, step 3).

    A refusal and each warning is noted at the template's own line and column.
    """
    node = cmd.node
    if not isinstance(node, ScalarNode):
        return None
    for warning in command_warnings(script):
        where = place_of(node, warning.offset, document.text)
        document.findings.warn(where, f"handler {clip(task)}: {warning.text}")
    try:
        return compile_command(script)
    except CommandRefused as refused:
        where = place_of(node, refused.offset, document.text)
        document.findings.refuse(where, f"handler {clip(task)} is refused: {refused.reason}", refused.remedy)
        return None


def _argv_command(task: str, argv: Entry, document: Document) -> Command | None:
    name = f"handlers.{show_key(task)}.argv"
    if not isinstance(argv.node, SequenceNode) or not argv.node.value:
        given = "an empty list" if isinstance(argv.node, SequenceNode) else kind(argv.node)
        document.findings.error(
            place(argv.node), f"{name} must be a list of a program and its arguments, not {given}"
        )
        return None
    arguments = [_argument(f"{name}[{index}]", node, document) for index, node in enumerate(argv.node.value)]
    if arguments[0] is not None and not arguments[0].strip():
        document.findings.error(place(argv.node.value[0]), f"{name} names no program")
    return ArgvCommand(tuple(argument for argument in arguments if argument is not None))


def _argument(name: str, node: Node, document: Document) -> str | None:
    item = Entry(name, place(node), node)
    if item.is_null:
        document.findings.error(place(node), f"{name} is empty", "write '' for an empty argument")
        return None
    return ARGUMENT.value(name, item, document)
