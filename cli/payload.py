"""A payload given on the command line: JSON text, `@` and a file's name, or `-` for standard input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

HELP = "A JSON object, @ and the name of a file that holds one, or - for standard input."
METAVAR = "JSON|@FILE|-"


def read_payload(text: str | None) -> dict[str, Any]:
    """The object; an empty one for None. Raises click.BadParameter, saying what is wrong with it."""
    if text is None:
        return {}
    try:
        value = json.loads(_content(text))
    except OSError as error:
        raise click.BadParameter(f"{text[1:]}: {error.strerror}", param_hint="--payload") from error
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not valid JSON: {error}", param_hint="--payload") from error
    if not isinstance(value, dict):
        raise click.BadParameter('must be a JSON object such as {"name": "Ada"}', param_hint="--payload")
    return value


def _content(text: str) -> str | bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    return Path(text[1:]).read_bytes() if text.startswith("@") else text
