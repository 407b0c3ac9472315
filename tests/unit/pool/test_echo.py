"""Showing output as it comes: in order, and never in the way of who watches the handler."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial

import pytest
from cueworker.pool.echo import MOST_BEHIND, Echo
from support.waiting import PATIENCE


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def finish(echo: Echo) -> None:
    given_up = threading.Event()
    timer = threading.Timer(PATIENCE, given_up.set)
    timer.start()
    echo.finish(given_up.is_set)
    timer.cancel()
    assert not given_up.is_set()


def test_what_comes_is_shown_in_order(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    echo = Echo()
    first, second = partial(echo.show, writer), partial(echo.show, writer)
    for number in range(100):
        (first if number % 2 else second)(b"%d " % number)
    finish(echo)
    assert os.read(reader, 1000) == b"".join(b"%d " % number for number in range(100))


def test_a_reader_that_stands_still_holds_nothing_up_and_what_it_misses_is_counted(
    pipe: tuple[int, int],
) -> None:
    reader, writer = pipe
    echo = Echo()
    take = partial(echo.show, writer)
    chunk = b"x" * 65536
    for _ in range(2 * MOST_BEHIND // len(chunk)):
        take(chunk)
    seen = bytearray()
    while len(seen) < MOST_BEHIND:
        seen += os.read(reader, 1 << 20)
    take(b"the end\n")
    while not seen.endswith(b"the end\n"):
        seen += os.read(reader, 1 << 20)
    finish(echo)
    assert b"bytes not shown: they are not read fast enough" in seen
    assert len(seen) < MOST_BEHIND + 3 * len(chunk)


def test_a_reader_that_leaves_and_one_that_never_reads_are_not_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    echo = Echo()
    echo.show(writer, b"x" * (1 << 20))
    echo.finish(lambda: True)
    os.close(reader)
    finish(echo)
