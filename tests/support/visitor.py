"""A browser without JavaScript: fetches pages of the dashboard, and fills in the forms that it finds on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests
from support.server_client import DEADLINE

_VOID = {"meta", "link", "input", "img", "br", "rect", "path"}


@dataclass
class Element:
    """One element with what is in it."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def all(self, name: str | None = None, **attributes: str) -> list[Element]:
        """The elements of that name and with these attributes in it, at any depth."""
        found = []
        for child in self.children:
            if (name is None or child.name == name) and attributes.items() <= child.attributes.items():
                found.append(child)
            found += child.all(name, **attributes)
        return found

    @property
    def text(self) -> str:
        """All text in it, blanks made one."""
        return " ".join(" ".join(self.texts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        assert self._open[-1].name == tag, f"</{tag}> closes <{self._open[-1].name}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)


@dataclass(frozen=True)
class Page:
    """An answer as a document."""

    answer: requests.Response
    document: Element

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.answer.status_code

    @property
    def text(self) -> str:
        """What a person reads, blanks made one."""
        return self.document.all("body")[0].text

    @property
    def heading(self) -> str:
        """The page's one first-rank heading."""
        (heading,) = self.document.all("h1")
        return heading.text

    def form(self, action: str) -> dict[str, str]:
        """What the first form with this target sends if nobody touches it."""
        form = self.document.all("form", action=action)[0]
        values = {}
        for element in form.all("input"):
            kind = element.attributes.get("type", "text")
            if kind not in ("radio", "checkbox") or "checked" in element.attributes:
                values[element.attributes["name"]] = element.attributes.get("value", "")
        for element in form.all("textarea"):
            values[element.attributes["name"]] = "".join(element.texts)
        for element in form.all("select"):
            options = element.all("option")
            chosen = [option for option in options if "selected" in option.attributes] or options
            values[element.attributes["name"]] = chosen[0].attributes.get("value", "")
        return values


class Visitor:
    """One browser with its cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Accept"] = "text/html,*/*;q=0.8"

    def get(self, path: str, **more: Any) -> Page:
        """The page at this path, after redirects."""
        return self._page(self.session.get(urljoin(self.url, path), timeout=DEADLINE, **more))

    def post(self, path: str, values: dict[str, str], **more: Any) -> Page:
        """What a form with these values leads to."""
        return self._page(self.session.post(urljoin(self.url, path), values, timeout=DEADLINE, **more))

    def send(self, page: Page, action: str, **values: str) -> Page:
        """Fills in the form with this target on the page, and sends it."""
        return self.post(action, {**page.form(action), **values})

    def sign_in(self, key: str) -> Page:
        """With an API key, through the form."""
        return self.send(self.get("/login"), "/login", key=key)

    def close(self) -> None:
        """Closes its connections."""
        self.session.close()

    @staticmethod
    def _page(answer: requests.Response) -> Page:
        reader = _Reader()
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            reader.feed(answer.text)
            reader.close()
        return Page(answer, reader.root)
