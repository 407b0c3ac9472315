"""Offers over real sockets and between real processes: each is read exactly once, whoever dies."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import random
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from cueworker.pool import Notices, Offers
from cueworker.pool.offers import OFFER_TTL, Offer
from support.forked import Forked, forked, in_child
from support.waiting import until

STOP = "stop"


def offer(execution_id: str = "e-1", payload: bytes = b"{}", task: str = "report", at: float = 1.0) -> Offer:
    return Offer(
        execution_id=execution_id,
        cue_id="cue-1",
        cue_name="Bericht – 報告",
        task=task,
        offered_at=at,
        payload=payload,
    )


def listening() -> Offers:
    """A pair whose reader does not wait for ever in a failing test. Not a fixture, which would outlive the test."""
    offers = Offers()
    offers.wake_every(20)
    return offers


def test_an_offer_arrives_as_it_was_sent() -> None:
    offers = listening()
    sent = offer(at=123.456)
    assert offers.send(sent)
    assert offers.receive() == sent


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_048_576, 3_000_000])
def test_a_payload_of_any_size_arrives_whole(size: int) -> None:
    offers = listening()
    payload = random.Random(size).randbytes(size)
    assert offers.send(offer(payload=payload))
    received = in_child(lambda: _payload_hex(offers))
    assert bytes.fromhex(received) == payload


def _payload_hex(offers: Offers) -> str:
    received = offers.receive()
    assert received is not None
    return received.payload.hex()


def test_an_offer_is_void_after_its_time() -> None:
    made = offer(at=100.0)
    assert not made.is_void(100.0 + OFFER_TTL)
    assert made.is_void(math.nextafter(100.0 + OFFER_TTL, math.inf))


def test_a_wait_without_an_offer_ends_so_that_the_reader_can_beat() -> None:
    offers = listening()
    offers.wake_every(0.05)
    began = time.monotonic()
    assert offers.receive() is None
    assert time.monotonic() - began < 5
    assert offers.send(offer())
    assert offers.receive() == offer()


def test_a_full_queue_refuses_until_somebody_reads() -> None:
    offers = listening()
    sent = 0
    while offers.send(offer(f"e-{sent}")):
        sent += 1
        assert sent < 100_000
    assert offers.receive() == offer("e-0")
    while not offers.send(offer("late")):
        assert offers.receive() is not None


@pytest.mark.parametrize("descriptors", [0, 2])
def test_what_is_no_offer_is_dropped_and_leaves_no_descriptor_open(descriptors: int) -> None:
    """The autouse fixture looks for open descriptors."""
    offers = listening()
    with open(os.devnull, "rb") as file, socket.socket(fileno=os.dup(offers.filenos()[1])) as writer:
        socket.send_fds(writer, [b'{"execution_id": "e-1"}'], [file.fileno()] * descriptors)
    assert offers.receive() is None


def reader(offers: Offers, log: int) -> None:
    """Writes each id that it reads on a line of `log`, until it is told to stop."""
    while True:
        found = offers.receive()
        if found is None or found.task == STOP:
            return
        os.write(log, f"{found.execution_id}\n".encode())


@contextlib.contextmanager
def readers(offers: Offers, log: int, count: int) -> Iterator[list[Forked]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(forked(lambda: reader(offers, log))) for _ in range(count)]


def send_all(offers: Offers, made: list[Offer]) -> None:
    for each in made:
        send = functools.partial(offers.send, each)
        until(send, "there is room for an offer")


@pytest.fixture
def log() -> Iterator[int]:
    """A file to which many processes append whole lines."""
    descriptor = os.memfd_create("log")
    flags_of = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR | os.O_APPEND)
    yield flags_of
    os.close(flags_of)
    os.close(descriptor)


def lines(log: int) -> list[str]:
    return os.pread(log, os.fstat(log).st_size, 0).decode().splitlines()


def wait_for_lines(log: int, least: int) -> None:
    until(lambda: len(lines(log)) > least, "offers are read")


def test_competing_readers_read_each_offer_exactly_once(log: int) -> None:
    offers = listening()
    expected = [f"e-{number}" for number in range(400)]
    with readers(offers, log, 4) as processes:
        send_all(offers, [offer(each) for each in expected] + [offer(task=STOP)] * len(processes))
        for process in processes:
            process.result()
    assert sorted(lines(log)) == sorted(expected)


def test_a_killed_reader_locks_nothing_and_takes_one_offer_at_most(log: int) -> None:
    offers = listening()
    victims, survivors, total = 6, 2, 600
    rng = random.Random(7)
    with readers(offers, log, victims + survivors) as processes:
        doomed = processes[:victims]
        for number in range(total):
            send_all(offers, [offer(f"e-{number}")])
            if doomed and number % 60 == 59:
                # Some are at work, some wait inside the kernel.
                wait_for_lines(log, rng.randrange(number))
                doomed.pop().kill(signal.SIGKILL)
        assert not doomed
        send_all(offers, [offer(task=STOP)] * survivors)
        for process in processes[:victims]:
            assert process.wait() == -signal.SIGKILL
        for process in processes[victims:]:
            process.result()
    read = lines(log)
    assert len(read) == len(set(read))
    assert total - victims <= len(read) <= total


def test_notices_arrive_in_order_and_are_taken_once() -> None:
    notices = Notices()
    in_child(lambda: [notices.send("idle", after=f"e-{number}") for number in range(3)])
    assert notices.drain() == [{"kind": "idle", "after": f"e-{number}"} for number in range(3)]
    assert notices.drain() == []


def test_notices_that_nobody_takes_never_block_their_sender() -> None:
    notices = Notices()
    for number in range(20_000):
        notices.send("refused", execution_id=f"e-{number}")
    drained = notices.drain()
    assert 0 < len(drained) < 20_000
    assert drained[0] == {"kind": "refused", "execution_id": "e-0"}
    notices.send("spooled")
    assert notices.drain() == [{"kind": "spooled"}]
