"""The overview, at `/`."""

from __future__ import annotations

from . import overview as figures
from .desk import Desk
from .reply import Reply
from .visit import Visit


async def overview(desk: Desk, visit: Visit) -> Reply:
    """GET /."""
    rules, account, now = desk.site.rules, visit.account, visit.now
    found = await desk.read(lambda db: figures.look(db, account, rules, now=now))
    return desk.page(visit, "overview.html", found=found, most=figures.MOST_COUNTED)
