"""A handler's `cmd:` made into a shell script that payload text cannot become a part of (promise 4).

Each `{{ payload.x }}` becomes a quoted reference to an environment variable that carries the value:

    deploy {{ payload.ref }}            deploy "${CUEWORKER_T1}"
    echo "to {{ payload.ref }}"         echo "to ${CUEWORKER_T1}"
    echo 'to {{ payload.ref }}'         echo 'to '"${CUEWORKER_T1}"''

so a value arrives as exactly itself, in one piece of the word it stands in: no splitting, no patterns, and an
empty value still is one (empty) argument. This holds where `/bin/sh` is dash, bash or busybox. What the
command that gets the value does with it is its own affair: `warnings` points at those that run it.
"""

from __future__ import annotations

import re

from .handler import ShellCommand
from .shell_commands import simple_commands
from .shell_nested import CommandWarning, nested
from .shell_rules import check
from .shell_scan import Scan, scan
from .shell_words import Context, Reference, Unsafe
from .templates import Template, find

_VARIABLE = "CUEWORKER_T"
_NEVER_IN_PATH = frozenset("{}'\"|()[]")
_NO_PATH = "not a path such as `payload.a.b`, so most likely always empty"


class CommandRefused(ValueError):
    """A `cmd` with a template in it that cannot be run safely.

    `reason` says what stands in the way, `offset` where it is (in characters into the `cmd`), `remedy` how to
    write it instead.
    """

    def __init__(self, reason: str, offset: int, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.offset = offset
        self.remedy = remedy


def compile_command(cmd: str) -> ShellCommand:
    """The script that runs `cmd`, and the variables that carry the values of its templates.

    A `cmd` without a template is passed through as it is. Raises CommandRefused.
    """
    templates = find(cmd)
    if not templates:
        return ShellCommand(cmd)
    try:
        found = _checked(cmd, templates)
    except Unsafe as unsafe:
        raise CommandRefused(unsafe.reason, unsafe.offset, _remedy(templates)) from None
    variables: dict[str, str] = {}
    pieces = []
    position = 0
    for reference in found.references:
        pieces.append(cmd[position : reference.template.start])
        pieces.append(_written(reference, variables))
        position = reference.template.end
    pieces.append(cmd[position:])
    bindings = tuple((variable, expression) for expression, variable in variables.items())
    return ShellCommand("".join(pieces), bindings)


def warnings(cmd: str) -> tuple[CommandWarning, ...]:
    """Templates that hand payload text to something that may run it, and those that can only be empty.

    None for a `cmd` that is refused.
    """
    templates = find(cmd)
    if not templates:
        return ()
    try:
        commands = simple_commands(_checked(cmd, templates).tokens)
    except Unsafe:
        return ()
    found = [warning for command in commands for warning in nested(command)]
    found += [
        CommandWarning(each.start, _NO_PATH) for each in templates if _NEVER_IN_PATH & set(each.expression)
    ]
    return tuple(sorted(found))


def _checked(cmd: str, templates: tuple[Template, ...]) -> Scan:
    found = scan(cmd, templates)
    for command in simple_commands(found.tokens):
        check(command)
    return found


def _written(reference: Reference, variables: dict[str, str]) -> str:
    """What stands in the script in place of a template; a new variable is added to `variables`."""
    expression = reference.template.expression
    if reference.context is Context.COMMENT:
        # Written anew, as there may be a newline among the blanks, which would end the comment.
        return "{{ " + expression + " }}"
    variable = variables.setdefault(expression, f"{_VARIABLE}{len(variables) + 1}")
    if reference.context is Context.DOUBLE:
        return f"${{{variable}}}"
    if reference.context is Context.SINGLE:
        return f"'\"${{{variable}}}\"'"
    return f'"${{{variable}}}"'


def _remedy(templates: tuple[Template, ...]) -> str:
    """The `env:` that carries the same values, by names that are no other program's (not PATH for `path`)."""
    names = {}
    for template in templates:
        words = re.findall(r"[A-Za-z0-9]+", template.expression.removeprefix("payload."))
        names[template.expression] = "_".join(["PAYLOAD", *words]).upper()
    entries = ", ".join(f'{name}: "{{{{ {expression} }}}}"' for expression, name in names.items())
    uses = " ".join(f'"${name}"' for name in dict.fromkeys(names.values()))
    return f"pass it as data: `env: {{{entries}}}`, and in the command {uses}"
