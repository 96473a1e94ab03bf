"""Reads a page as a browser and a screen reader would, and says what is wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BLOCKS = {"td", "th", "li", "dt", "dd", "p", "option", "h1", "h2", "h3", "summary"}
FIELDS = {"input", "select", "textarea"}
LINKS = {"href", "src", "action", "formaction", "poster", "data", "xlink:href"}


@dataclass
class Element:
    """One element: its attributes, what stands above it, its words."""

    tag: str
    attributes: dict[str, str]
    above: tuple[Element, ...]
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


class Page(HTMLParser):
    """A page's elements in order. Fails on tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, [one.tag for one in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(one)
        if tag not in VOID:
            self._open.append(one)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()
        if tag in BLOCKS:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for one in self._open:
            one.words.append(data)

    def of(self, *tags: str) -> list[Element]:
        return [one for one in self.elements if one.tag in tags]

    @property
    def links(self) -> list[str]:
        return [value for one in self.elements for name, value in one.attributes.items() if name in LINKS]

    @property
    def text(self) -> str:
        return self.of("html")[0].text


def read(text: str) -> Page:
    """The page, once nothing of it is wrong."""
    page = Page(text)
    assert faults(page) == []
    return page


def faults(page: Page) -> list[str]:
    return [*_harm(page), *_outline(page), *_names(page)]


def _harm(page: Page) -> list[str]:
    found = [f"outside: {link}" for link in page.links if not re.match(r"(/(?![/\\])|#|\?|$)", link)]
    for one in page.elements:
        found += [f"{one.tag} has {name}" for name in one.attributes if name == "style" or name.startswith("on")]
        if one.tag in {"style", "iframe", "object", "embed", "base"}:
            found.append(f"<{one.tag}>")
        if one.tag == "script" and (one.text or "src" not in one.attributes):
            found.append("a script in the page")
    return found


def _outline(page: Page) -> list[str]:
    found = []
    for tag in ("main", "h1", "title", "header", "footer"):
        if len([one for one in page.of(tag) if not any(up.tag == "svg" for up in one.above)]) != 1:
            found.append(f"{len(page.of(tag))} of {tag}")
    ids = Counter(one.attributes["id"] for one in page.elements if "id" in one.attributes)
    found += [f"id {name} {count} times" for name, count in ids.items() if count > 1]
    for one in page.elements:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            found += [f"{name}={it} is nowhere" for it in one.attributes.get(name, "").split() if it not in ids]
    found += [link for link in page.links if link.startswith("#") and link[1:] not in ids]
    if page.of("html")[0].attributes.get("lang") != "en":
        found.append("no language")
    levels = [int(one.tag[1]) for one in page.of("h1", "h2", "h3", "h4")]
    found += [f"h{two} under h{one}" for one, two in pairwise(levels) if two > one + 1]
    return found


def _names(page: Page) -> list[str]:
    labelled = {one.attributes.get("for") for one in page.of("label")}
    found = []
    for one in page.elements:
        named = bool(one.attributes.get("aria-label") or one.attributes.get("aria-labelledby"))
        if one.tag in FIELDS and one.attributes.get("type") not in {"hidden", "submit"}:
            inside = any(up.tag == "label" for up in one.above)
            if not (named or inside or one.attributes.get("id") in labelled):
                found.append(f"{one.tag} {one.attributes.get('name')} has no label")
        if one.tag in {"a", "button", "summary", "h1", "h2", "h3", "th"} and not (named or one.text):
            found.append(f"{one.tag} {one.attributes} says nothing")
        drawn = (named and one.attributes.get("role") in {"img", "group"}) or "aria-hidden" in one.attributes
        if one.tag == "svg" and not drawn:
            found.append("a drawing without a name")
        if one.tag in {"section", "nav"} and not named:
            found.append(f"{one.tag} has no name")
    return found
