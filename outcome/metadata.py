"""The report's metadata in its two halves: what the handler gave, and the pool's own entry beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import clip
from .changes import DETAILS, KEYS, OUTPUT, Changes
from .report import WORKER_ENTRY

MAX_BYTES = 10_240
"""The server's limit, measured on ASCII-escaped JSON with the default separators: `é` costs 6."""

OUTPUT_LIMIT = 2_000
"""Characters of output that our entry keeps where the output is neither result nor error."""

_OUTPUT_LIMITS = (1_000, 500, 250, 100, 0)
_ESSENTIAL = ("ending", "exit_code", "signal")
_ESSENTIAL_TEXT = 60


@dataclass(frozen=True)
class Metadata:
    """`metadata` taken apart. Built with `of`, put together with `assembled` or `fitted`."""

    handlers: Mapping[str, Any] | None
    """The handler's own entries; None when it gave no metadata."""
    details: Mapping[str, Any]
    """Our entry without the record of changes."""
    changes: Changes

    @classmethod
    def of(cls, metadata: Mapping[str, Any] | None) -> Metadata:
        """Take `metadata` apart. In our own entry's place, anything that is no object is ignored."""
        given = dict(metadata or {})
        entry = given.pop(WORKER_ENTRY, None)
        ours = entry if isinstance(entry, dict) else {}
        handlers = None if not given and (entry is not None or metadata is None) else given
        details = {key: value for key, value in ours.items() if key not in KEYS}
        return cls(handlers, details, Changes.recorded_in(ours))

    def assembled(self) -> dict[str, Any] | None:
        """The metadata as it is sent; None when there is nothing to say."""
        ours = {**self.details, **self.changes.record()}
        if not ours:
            return None if self.handlers is None else dict(self.handlers)
        return {**(self.handlers or {}), WORKER_ENTRY: ours}

    def fitted(self) -> Metadata:
        """The most of it that the server takes.

        The first to give way is kept output (it is for reading, the handler's entries may be evidence), then
        the handler's entries as a whole, then our details. The ending and the record of changes always stay.
        """
        candidates = self._ever_smaller()
        candidate = next(candidates)
        while len(json.dumps(candidate.assembled())) > MAX_BYTES:
            candidate = next(candidates)
        return candidate

    def without_handlers(self) -> Metadata:
        """Without the handler's entries, which the record names."""
        return replace(self, handlers=None, changes=self.changes.remove("metadata"))

    def essential(self) -> Metadata:
        """With no more of our details than how the execution ended; the record names the rest."""
        kept = {key: self.details[key] for key in _ESSENTIAL if _is_short(self.details.get(key))}
        return replace(self, details=kept, changes=self.changes.remove(DETAILS))

    def has_more_than_essentials(self) -> bool:
        """Whether `essential` would leave anything out."""
        return self.essential().details != self.details

    def _ever_smaller(self) -> Iterator[Metadata]:
        """Ends with one that always fits: a few short values and names from a fixed list."""
        alone = self.without_handlers() if self.handlers else self
        for metadata in (self, alone):
            yield metadata
            yield from map(metadata._with_output_cut_to, _OUTPUT_LIMITS)
        yield alone.essential()

    def _with_output_cut_to(self, limit: int) -> Metadata:
        output = self.details.get("output")
        if not isinstance(output, str):
            return self
        others = {key: value for key, value in self.details.items() if key != "output"}
        if limit == 0:
            return replace(self, details=others, changes=self.changes.remove(OUTPUT))
        details = {**others, "output": clip.tail(output, limit)}
        return replace(self, details=details, changes=self.changes.clip(OUTPUT, len(output)))


def _is_short(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= _ESSENTIAL_TEXT)
