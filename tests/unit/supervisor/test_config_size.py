"""Sizes as people write them."""

from __future__ import annotations

import pytest
from cueworker.supervisor.config_size import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512M", 512 << 20),
        ("512MB", 512 << 20),
        ("512MiB", 512 << 20),
        ("2g", 2 << 30),
        ("1.5G", 3 << 29),
        (" 64 KiB ", 64 << 10),
        ("1T", 1 << 40),
        ("4096", 4096),
        ("4096B", 4096),
        ("0", 0),
    ],
)
def test_a_size(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "M", "-1M", "1P", "1 M M", "1,5G", "1e9", "٣M", "512 megabytes", "9" * 16, "1.M"]
)
def test_no_size(text: str) -> None:
    assert parse_size(text) is None
