"""Sizes as people write them."""

from __future__ import annotations

import re

from ruamel.yaml.nodes import ScalarNode

from .config_scalar import plain

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_FACTOR = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int | None:
    """Bytes in `4096`, `512K`, `10M`, `1.5G`, `10MiB`; None for anything else. A K is 1024."""
    found = _SIZE.fullmatch(text.strip())
    return None if found is None else int(float(found[1]) * _FACTOR[found[2].upper()])


def size(node: ScalarNode) -> object:
    """A number of bytes, or a size such as `10M` in bytes; what is neither goes on as it is, to be refused."""
    value = plain(node)
    found = parse_size(value) if isinstance(value, str) else None
    return value if found is None else found
