"""A handler's output: the first and the last of it, in bounded memory, without ever waiting for it."""

from __future__ import annotations

import array
import fcntl
import os
import termios
from collections.abc import Iterator

import pytest
from cueworker.pool.capture import HEAD, TAIL, HeadAndTail, Pipe, combined
from hypothesis import given
from hypothesis import strategies as st

BOTH = HEAD + TAIL
SIZES = st.sampled_from([0, 1, HEAD - 1, HEAD, HEAD + 1, BOTH - 1, BOTH, BOTH + 1, 2 * BOTH, 5 * TAIL + 3])


def kept(*pieces: bytes) -> str:
    capture = HeadAndTail()
    for piece in pieces:
        capture.add(piece)
    return capture.text()


def expected(data: bytes) -> str:
    """The same of the whole, written down straight."""
    if len(data) <= BOTH:
        return data.decode("utf-8", "replace")
    head, tail = data[:HEAD].decode("utf-8", "replace"), data[-TAIL:].decode("utf-8", "replace")
    return f"{head}\n… [{len(data) - BOTH:,} bytes cut] …\n{tail}"


def numbered(size: int) -> bytes:
    """Bytes of which each place can be told from its neighbours."""
    return b"".join(b"%07d\n" % number for number in range(size // 8 + 1))[:size]


def test_what_fits_is_kept_as_it_is() -> None:
    assert kept() == ""
    for size in (1, HEAD, HEAD + 1, BOTH):
        assert kept(numbered(size)) == numbered(size).decode()


def test_what_does_not_fit_keeps_both_ends_and_names_the_gap() -> None:
    data = numbered(BOTH + 1_234_567)
    text = kept(data)
    assert text.startswith(data[:HEAD].decode()) and text.endswith(data[-TAIL:].decode())
    assert "\n… [1,234,567 bytes cut] …\n" in text
    assert "\n… [1 bytes cut] …\n" in kept(numbered(BOTH + 1))


@given(SIZES, st.lists(st.integers(1, 3 * TAIL), max_size=20))
def test_the_pieces_in_which_it_comes_do_not_matter(size: int, cuts: list[int]) -> None:
    data, pieces, at = numbered(size), [], 0
    for length in cuts:
        pieces.append(data[at : at + length])
        at += length
    assert kept(*pieces, data[at:]) == expected(data)


@given(st.lists(st.binary(max_size=4000), max_size=12))
def test_any_bytes_become_text(pieces: list[bytes]) -> None:
    text = kept(*pieces)
    assert text == expected(b"".join(pieces))
    text.encode()


def test_a_character_that_is_cut_becomes_a_mark_and_the_rest_stays_readable() -> None:
    text = kept(b"x" + "é".encode() * BOTH)
    head, gap, tail = text.split("\n")
    assert head == "x" + "é" * ((HEAD - 1) // 2) + "\N{REPLACEMENT CHARACTER}"
    assert gap == f"… [{BOTH + 1:,} bytes cut] …"
    assert tail == "é" * (TAIL // 2)
    odd = kept("é".encode() * BOTH + b"x")
    assert odd.split("\n")[2] == "\N{REPLACEMENT CHARACTER}" + "é" * (TAIL // 2 - 1) + "x"


def test_a_character_that_comes_in_two_pieces_is_whole() -> None:
    whole = "é" * (BOTH // 2)
    assert kept(*(bytes([byte]) for byte in whole.encode())) == whole


def test_memory_stays_bounded_however_much_is_written() -> None:
    capture = HeadAndTail()
    for _ in range(2000):
        capture.add(b"y" * 65536)
        assert len(capture._head) + len(capture._tail) <= HEAD + 2 * TAIL
    assert "[131,063,808 bytes cut]" in capture.text()


@pytest.fixture
def pipe() -> Iterator[tuple[Pipe, int]]:
    """The reading end, and the descriptor to write to."""
    reader, writer = os.pipe()
    end = Pipe(reader)
    yield end, writer
    end.close()
    os.close(writer)


def test_an_empty_pipe_is_not_waited_for(pipe: tuple[Pipe, int]) -> None:
    end, writer = pipe
    assert not end.read()
    os.write(writer, b"hello")
    assert not end.read()
    assert end.kept.text() == "hello"


def test_the_end_is_told_and_closing_twice_is_harmless() -> None:
    reader, writer = os.pipe()
    end = Pipe(reader)
    os.write(writer, b"last words")
    os.close(writer)
    assert end.read()
    end.close()
    other = os.open(os.devnull, os.O_RDONLY)
    assert other == reader, "the number has been given to another file"
    end.close()
    os.close(other)
    assert (end.open, end.kept.text()) == (False, "last words")


def test_a_writer_without_end_does_not_keep_the_worker(pipe: tuple[Pipe, int]) -> None:
    """One call takes a bounded amount, however much there is."""
    end, writer = pipe
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
    assert os.write(writer, numbered(1 << 20)) == 1 << 20
    assert not end.read(chunks=3)
    assert waiting(end) == (1 << 20) - 3 * 65536
    assert not end.read()
    assert waiting(end) == 0
    assert end.kept.text() == expected(numbered(1 << 20))


def waiting(end: Pipe) -> int:
    """Bytes that are still in the pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(end.descriptor, termios.FIONREAD, count)
    return count[0]


def test_both_streams_make_one_text() -> None:
    assert combined("", "") == ""
    assert combined("out\n", "") == "out\n"
    assert combined("", "err") == "err"
    assert combined("out", "err") == "out\n--- stderr ---\nerr"
