"""What a YAML scalar means: its text as written, or the value the existing daemon's parser made of it."""

from __future__ import annotations

import datetime
import re

from ruamel.yaml.nodes import ScalarNode

Plain = str | int | float | bool | datetime.date | datetime.datetime | None

_PREFIX = "tag:yaml.org,2002:"
_TEXT = frozenset({"str", "value", "merge"})
_BOOL = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_TYPES = _TEXT | {"null", "bool", "int", "float", "timestamp"}
_MAX_NUMBER = 1000
"""Python refuses to convert numbers much longer than this, and no setting needs one."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SPECIAL_FLOAT = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


def tag_of(node: ScalarNode) -> str | None:
    """The scalar's standard type (`str`, `int`, …), or None for a tag that nothing here understands."""
    tag = node.tag or ""
    name = tag.removeprefix(_PREFIX)
    return name if tag.startswith(_PREFIX) and name in _TYPES else None


def plain(node: ScalarNode) -> Plain:
    """The scalar as a plain Python value under YAML 1.1. Text that only looks like its type stays text."""
    text = str(node.value)
    if len(text) > _MAX_NUMBER and node.style is None:
        return text
    try:
        match tag_of(node):
            case "null":
                return None
            case "bool":
                return _BOOL.get(
                    text.lower(), text
                )  # a bare y or n stays text, as it did for the existing daemon
            case "int":
                return _integer(text)
            case "float":
                return _float(text)
            case "timestamp":
                return _timestamp(text)
    except ValueError:
        return text
    return text


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if ":" in digits:
        total = 0
        for part in digits.split(":"):
            total = total * 60 + int(part)
        return sign * total
    if digits.startswith(("0b", "0x", "0o")):
        return sign * int(digits, 0)
    if len(digits) > 1 and digits.startswith("0"):
        return sign * int(digits, 8)
    return sign * int(digits)


def _float(text: str) -> float | str:
    digits = text.replace("_", "").lower()
    if digits in _SPECIAL_FLOAT:
        return float(_SPECIAL_FLOAT[digits])
    if ":" in digits:
        sign = -1.0 if digits.startswith("-") else 1.0
        total = 0.0
        for part in digits.lstrip("+-").split(":"):
            total = total * 60 + float(part)
        return sign * total
    if "e" in digits and not re.search(r"\..*e[+-]", digits):
        return text  # 1e3 and 1.0e3 are text in YAML 1.1: it wants the dot and the exponent's sign
    return float(digits)


def _timestamp(text: str) -> datetime.date | datetime.datetime:
    if _DATE.fullmatch(text):
        return datetime.date.fromisoformat(text)
    return datetime.datetime.fromisoformat(re.sub(r"[ \t]+(?=[-+Z])", "", text))
