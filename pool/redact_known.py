"""Known values taken out of a stream of bytes: every byte that is part of an occurrence of one. Pure."""

from __future__ import annotations

from collections.abc import Iterable

MARK = b"[redacted]"


class KnownValues:
    """The values, as bytes."""

    def __init__(self, values: Iterable[bytes]) -> None:
        longest_first = sorted(set(values), key=len, reverse=True)
        self.values = tuple(longest_first)
        self.longest = len(longest_first[0]) if longest_first else 0

    def any_in(self, data: bytes) -> bool:
        """Whether one of them occurs."""
        return any(value in data for value in self.values)

    def covered(self, data: bytes) -> list[tuple[int, int]]:
        """The stretches of `data` that occurrences cover, in order; those that overlap are one."""
        found = []
        for value in self.values:
            at = data.find(value)
            while at >= 0:
                found.append((at, at + len(value)))
                at = data.find(value, at + 1)
        return _merged(found)

    def held_from(self, data: bytes) -> int:
        """Where the first of the values may have begun that `data` ends in the middle of; its length if none has."""
        first = len(data)
        for value in self.values:
            at = data.find(value[:1], max(0, len(data) - len(value) + 1), first)
            while at >= 0:
                if value.startswith(data[at:]):
                    first = at
                    break
                at = data.find(value[:1], at + 1, first)
        return first


class KnownValuesStream:
    """Replaces them in bytes that come in pieces. Holds back less than the longest value."""

    def __init__(self, known: KnownValues) -> None:
        self._known = known
        self._held = b""
        self._covered = 0
        """How many of the held bytes belong to a stretch whose mark is out already."""

    def feed(self, data: bytes) -> bytes:
        """Take in the next bytes; returns what can be shown by now."""
        if not self._known.values:
            return data
        data = self._held + data
        return self._take(data, self._known.held_from(data))

    def finish(self) -> bytes:
        """No more will come; returns what was held back."""
        return self._take(self._held, len(self._held))

    def _take(self, data: bytes, held_from: int) -> bytes:
        """Let the bytes before `held_from` out and hold the others."""
        stretches = _merged([(-1, self._covered), *self._known.covered(data)])
        shown = []
        done = 0
        for start, end in stretches:
            if start >= held_from:
                break
            if start >= 0:
                shown += [data[done:start], MARK]
            done = end
        shown.append(data[done:held_from])
        self._held = data[held_from:]
        self._covered = max(0, done - held_from)
        return b"".join(shown)


def _merged(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of stretches, in order. Those that only touch stay two."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
