"""Sizes and shares as people write them."""

from __future__ import annotations

import re

from ruamel.yaml.nodes import ScalarNode

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_LONGEST = 40


def parse_size(text: str) -> int | None:
    """Bytes in `512M`, `1.5G`, `64 KiB` or a bare number, a K being 1024 bytes; None for anything else."""
    found = _SIZE.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    return None if found is None else round(float(found[1]) * _UNITS[found[2].upper()])


def parse_share(text: str) -> float | None:
    """The share of one processor in `50%` (0.5) or `200%` (2.0); None for anything else: 2 could be either."""
    found = _SHARE.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    return None if found is None else float(found[1]) / 100


def share(node: ScalarNode) -> object:
    """A share of one processor; what is none goes on as text, to be refused."""
    found = parse_share(str(node.value))
    return str(node.value) if found is None else found
