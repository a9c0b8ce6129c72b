"""HTML files as trees of elements, read by the parser of the standard library."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "img"}


@dataclass
class Element:
    """An element. Its text includes that of the elements inside it."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    inside: list["Element"] = field(default_factory=list)

    def all(self, tag: str, **attributes: str | None) -> list["Element"]:
        """Return the elements with this tag and these attributes, in order; write `data_at` for `data-at`."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        found = [self] if self.tag == tag and wanted.items() <= self.attributes.items() else []
        return found + [each for below in self.inside for each in below.all(tag, **attributes)]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"repeated attribute: {attrs}"
        element = Element(tag, dict(attrs))
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def parse(html: str) -> Element:
    """Parse a page; fails if its elements do not nest."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].tag}> is not closed"
    return reader.open[0]


def everything(element: Element) -> list[Element]:
    """Return the element and all elements inside it."""
    return [element, *(each for below in element.inside for each in everything(below))]


def check_self_contained(document: Element) -> None:
    """Check that a page loads nothing and runs only its own script."""
    (policy,) = document.all("meta", http_equiv="Content-Security-Policy")
    (script,) = document.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert str(policy.attributes["content"]).startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}';" in str(policy.attributes["content"])
    for element in everything(document):
        assert element.tag not in {"iframe", "object"}
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "action"):
            assert str(element.attributes.get(name, "#")).startswith(("#", "data:"))
    (style,) = document.all("style")
    assert not re.search(r"url\(|@import", style.text)
