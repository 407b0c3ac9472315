"""A listing that names an execution more than once, as a paging or replicated server may."""

from __future__ import annotations

from typing import Any

from cueworker.pool.candidates import Candidates
from cueworker.pool.offers import Offer


def row(execution_id: str) -> dict[str, Any]:
    return {"execution_id": execution_id, "task": "report", "payload": {}}


def test_it_is_offered_once_and_in_its_first_place() -> None:
    offered: list[Offer] = []

    def send(offer: Offer) -> bool:
        offered.append(offer)
        return True

    candidates = Candidates({"report"}, lambda _: False)
    assert candidates.listed([row("a"), row("b"), row("a"), row("c"), row("a")], set(), now=0.0) == 3
    while candidates.offer_next(send, now=0.0):
        pass
    assert [offer.execution_id for offer in offered] == ["a", "b", "c"]
