"""The gates of an offer, and the offers that are out."""

from __future__ import annotations

import json
import math
from typing import Any

from cueworker.pool.board import fingerprint
from cueworker.pool.candidates import Candidates
from cueworker.pool.listing import BACK_OFF_FIRST
from cueworker.pool.offers import OFFER_TTL, Offer

TTL_PASSED = math.nextafter(OFFER_TTL, math.inf)


def row(execution_id: str, task: object = "report", **fields: Any) -> dict[str, Any]:
    return {
        "execution_id": execution_id,
        "cue_id": "c",
        "cue_name": "n",
        "task": task,
        "payload": {},
        **fields,
    }


def candidates(*spooled: str) -> Candidates:
    return Candidates({"report", "convert"}, set(spooled).__contains__)


def offered(queue: Candidates, now: float) -> list[str]:
    """Offer everything that can be, as the steward does."""
    return [offer.execution_id for offer in sent(queue, now)]


def sent(queue: Candidates, now: float) -> list[Offer]:
    offers: list[Offer] = []

    def send(offer: Offer) -> bool:
        offers.append(offer)
        return True

    while queue.offer_next(send, now):
        pass
    return offers


def test_rows_are_offered_in_the_order_of_the_listing() -> None:
    queue = candidates()
    assert queue.listed([row("b"), row("a"), row("c", "convert")], set(), 0.0) == 3
    assert offered(queue, 0.0) == ["b", "a", "c"]
    assert offered(queue, 0.0) == []


def test_an_offer_that_could_not_be_sent_keeps_its_place() -> None:
    queue = candidates()
    queue.listed([row("a"), row("b")], set(), 0.0)
    assert not queue.offer_next(lambda offer: False, 0.0)
    assert queue.out(set(), 0.0) == 0
    assert offered(queue, 0.0) == ["a", "b"]


def test_an_offer_that_was_given_back_is_made_again_first() -> None:
    queue = candidates()
    queue.listed([row("a"), row("b"), row("c")], set(), 0.0)
    assert queue.offer_next(lambda offer: True, 0.0) and queue.offer_next(lambda offer: True, 0.0)
    queue.given_back("a")
    queue.given_back("never heard of")
    assert queue.out(set(), 0.0) == 1
    assert offered(queue, 1.0) == ["a", "c"]


def test_an_offer_that_was_given_back_late_is_left_to_the_next_listing() -> None:
    queue = candidates()
    queue.listed([row("a")], set(), 0.0)
    offered(queue, 0.0)
    queue.given_back("a")
    assert offered(queue, TTL_PASSED) == []
    assert queue.listed([row("a")], set(), TTL_PASSED) == 1


def test_rows_that_nobody_here_can_run_are_left_alone() -> None:
    queue = candidates()
    odd: list[object] = ["unknown", "", None, 7, ["report"], {"report": 1}, True]
    assert queue.listed([row(f"e-{n}", task) for n, task in enumerate(odd)], set(), 0.0) == 0
    without_task = row("e")
    del without_task["task"]
    assert queue.listed([without_task], set(), 0.0) == 0


def test_an_execution_that_a_slot_has_is_not_offered() -> None:
    queue = candidates()
    assert queue.listed([row("a"), row("b")], {fingerprint("a")}, 0.0) == 1
    assert offered(queue, 0.0) == ["b"]


def test_an_execution_whose_report_waits_is_not_offered() -> None:
    queue = candidates("a")
    queue.listed([row("a"), row("b")], set(), 0.0)
    assert offered(queue, 0.0) == ["b"]


def test_a_refused_execution_rests() -> None:
    queue = candidates()
    queue.resting.refused("a", 0.0)
    assert queue.listed([row("a")], set(), math.nextafter(BACK_OFF_FIRST, 0)) == 0
    assert queue.listed([row("a")], set(), BACK_OFF_FIRST) == 1


def test_an_offered_execution_is_not_offered_again_before_the_offer_is_void() -> None:
    queue = candidates()
    queue.listed([row("a")], set(), 0.0)
    assert offered(queue, 0.0) == ["a"]
    queue.out(set(), OFFER_TTL)
    assert queue.listed([row("a")], set(), OFFER_TTL) == 0
    queue.out(set(), TTL_PASSED)
    assert queue.listed([row("a")], set(), TTL_PASSED) == 1


def test_an_offer_that_a_worker_is_done_with_is_remembered_all_the_same() -> None:
    """The listing may still show a row that has just been claimed and reported."""
    queue = candidates()
    queue.listed([row("a")], set(), 0.0)
    offered(queue, 0.0)
    queue.finished("a")
    assert queue.listed([row("a")], set(), 1.0) == 0


def test_a_row_that_is_listed_twice_is_offered_once() -> None:
    queue = candidates()
    assert queue.listed([row("a"), row("b"), row("a")], set(), 0.0) == 2
    assert offered(queue, 0.0) == ["a", "b"]


def test_a_stale_row_is_not_offered() -> None:
    queue = candidates()
    queue.listed([row("a")], set(), 0.0)
    assert offered(queue, TTL_PASSED) == []
    queue.listed([row("a")], set(), 0.0)
    assert offered(queue, OFFER_TTL) == ["a"]


def test_a_new_listing_replaces_the_old_one() -> None:
    queue = candidates()
    queue.listed([row("a"), row("b")], set(), 0.0)
    queue.listed([row("c")], set(), 0.0)
    assert offered(queue, 0.0) == ["c"]


def test_offers_are_out_until_they_are_read_or_void() -> None:
    queue = candidates()
    queue.listed([row(each) for each in "abcd"], set(), 0.0)
    offered(queue, 0.0)
    assert queue.out(set(), 0.0) == 4
    assert queue.out({fingerprint("a")}, 0.0) == 3
    assert queue.out(set(), 0.0) == 3, "read once is read for good"
    queue.finished("b")
    queue.finished("never heard of")
    assert queue.out(set(), OFFER_TTL) == 2
    assert queue.out(set(), TTL_PASSED) == 0


def test_an_offer_carries_what_the_listing_said() -> None:
    queue = candidates()
    payload = {"task": "report", "name": "Ada – 報告", "lone": "\ud800"}
    queue.listed([row("a", payload=payload, cue_name="Bericht")], set(), 0.0)
    assert sent(queue, 3.0) == [Offer("a", "c", "Bericht", "report", 3.0, json.dumps(payload).encode())]


def test_a_row_with_nothing_but_its_id_and_task_can_be_offered() -> None:
    queue = candidates()
    queue.listed([{"execution_id": "a", "task": "report"}], set(), 0.0)
    assert sent(queue, 0.0) == [Offer("a", "", "", "report", 0.0, b"{}")]
    queue.listed([row("b", cue_id=None, cue_name=None, payload=None)], set(), 0.0)
    assert sent(queue, 0.0) == [Offer("b", "", "", "report", 0.0, b"{}")]
