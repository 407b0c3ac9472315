"""Texts cut to a length in characters; each way of cutting says what it keeps.

What is put in the place of the cut is ASCII, so that it costs one byte a character in every encoding.
"""

from __future__ import annotations


def head(text: str, limit: int) -> str:
    """The first `limit` characters, nothing added: for identifiers."""
    return text[:limit]


def head_with_ellipsis(text: str, limit: int) -> str:
    """The beginning, and an ellipsis where it was cut: for prose."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def head_and_tail(text: str, limit: int) -> str:
    """Beginning and end around a line that counts what was cut: of output the last line says most.

    `limit` is at least 100, so that there is room beside the marker.
    """
    if len(text) <= limit:
        return text
    kept = limit - len(_marker(len(text)))
    return text[: kept // 2] + _marker(len(text) - kept) + text[len(text) - (kept - kept // 2) :]


def tail(text: str, limit: int) -> str:
    """The end, after a line that counts what was cut. `limit` is at least 100."""
    if len(text) <= limit:
        return text
    kept = limit - len(_marker(len(text)))
    return _marker(len(text) - kept).lstrip("\n") + text[len(text) - kept :]


def _marker(cut: int) -> str:
    return f"\n... [{cut:,} characters cut] ...\n"
