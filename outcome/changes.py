"""The record of what was changed in a report, kept in our own entry under `metadata._cueapi_worker`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .report import FIELD_NAMES

OUTPUT = "output"
"""The handler's output kept in our own entry."""

DETAILS = "details"
"""Everything in our own entry but the ending and the record of changes."""

LONG_TEXTS = "long_texts"
"""What `result` and `error` had beyond a short ASCII text."""

KEYS = ("clipped", "cleaned", "removed")

_NAMES = (*FIELD_NAMES, OUTPUT, DETAILS, LONG_TEXTS)
"""All that can be named, in the order of the record: so a record has a bounded size, whoever wrote it."""


@dataclass(frozen=True)
class Changes:
    """What was cut (with the length it had), replaced character by character, or left out."""

    clipped: Mapping[str, int]
    cleaned: frozenset[str]
    removed: frozenset[str]

    @classmethod
    def recorded_in(cls, entry: Mapping[str, Any]) -> Changes:
        """The changes that `fit` or `shrink` left in our entry; anything else in their place is ignored."""
        clipped = entry.get("clipped")
        lengths = clipped if isinstance(clipped, dict) else {}
        return cls(
            {name: lengths[name] for name in _NAMES if _is_length(lengths.get(name))},
            _known_names(entry.get("cleaned")),
            _known_names(entry.get("removed")),
        )

    def clip(self, name: str, length: int) -> Changes:
        """`name` was cut; the first recorded length is the original one."""
        return replace(self, clipped={name: length, **self.clipped})

    def clean(self, *names: str) -> Changes:
        """Something in the fields `names` was replaced."""
        return replace(self, cleaned=self.cleaned.union(names))

    def remove(self, *names: str) -> Changes:
        """The fields `names` were left out."""
        return replace(self, removed=self.removed.union(names))

    def record(self) -> dict[str, Any]:
        """The entries to put into our own metadata; none when nothing was changed."""
        entries = {
            "clipped": {name: self.clipped[name] for name in _NAMES if name in self.clipped},
            "cleaned": _ordered(self.cleaned),
            "removed": _ordered(self.removed),
        }
        return {key: value for key, value in entries.items() if value}


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _known_names(value: Any) -> frozenset[str]:
    names = value if isinstance(value, list) else []
    return frozenset(name for name in names if isinstance(name, str) and name in _NAMES)


def _ordered(names: Iterable[str]) -> list[str]:
    present = frozenset(names)
    return [name for name in _NAMES if name in present]
