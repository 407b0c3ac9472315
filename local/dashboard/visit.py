"""One request of a browser: its session, its cookie, its form."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from ..call import Call
from .forms import Form
from .sessions import Session


@dataclass
class Visit:
    """What a page is asked."""

    call: Call
    method: str
    path: str
    query_string: str
    cookie_name: str
    """Browsers keep one set of cookies for all ports of a host, so the name has the port in it."""
    session: Session | None = None
    form: Form = field(default_factory=Form)

    @property
    def now(self) -> float:
        """Epoch seconds."""
        return self.call.now

    @property
    def account(self) -> int:
        """Whose data may be shown. Only on pages for those who are signed in."""
        assert self.session is not None
        return self.session.account

    @property
    def live(self) -> bool:
        """Whether the live view fetches the page, not a person."""
        return b"x-live" in self.call.headers

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters."""
        return self.call.query

    @property
    def secret(self) -> str:
        """The session's cookie; empty when there is none."""
        try:
            cookies = SimpleCookie(self.call.headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return ""
        found = cookies.get(self.cookie_name)
        return found.value if found is not None else ""

    def cookie(self, secret: str, *, seconds: float) -> dict[str, str]:
        """The header that sets the session's cookie; no seconds take it away."""
        return {
            "Set-Cookie": f"{self.cookie_name}={secret}; Path=/; HttpOnly; SameSite=Strict;"
            f" Max-Age={int(seconds)}"
        }
