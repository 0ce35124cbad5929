"""One XML element a call, and text that is fit for a workbook."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from blocks.site.text import one_line

USER = "http://www.tableausoftware.com/xml/user"
_SPACE = uuid.UUID("5b3c1d5e-6a0f-4a55-9d5c-0f6f3f7f2a61")  # any constant: the same name gives the same id


class Element(Protocol):
    """What is used of an lxml element, which has no types."""

    tag: str
    text: object

    def iter(self) -> Iterator[Element]:
        """Itself and all below it."""

    def keys(self) -> list[str]:
        """The names of its attributes."""

    def get(self, name: str) -> str | None:
        """The value of an attribute."""

    def findall(self, path: str) -> list[Element]:
        """The elements on a path."""

    def insert(self, index: int, element: Element) -> None:
        """Put a child at a place."""

    def set(self, name: str, value: str) -> None:
        """Set an attribute."""

    def extend(self, children: Iterable[Element]) -> None:
        """Add children at its end."""


def element(
    tag: str, attributes: Mapping[str, object] | None = None, *children: Element | None, text: object = ""
) -> Element:
    """An element; attributes named `user:x` are in Tableau's user namespace, children of None are left out."""
    from lxml import etree

    made: Element = etree.Element(tag, nsmap={"user": USER})
    for name, value in (attributes or {}).items():
        made.set(f"{{{USER}}}{name[5:]}" if name.startswith("user:") else name, str(value))
    made.extend(child for child in children if child is not None)
    made.text = text or None
    return made


def placeholder(field: str) -> object:
    """A field that Tableau fills into a text."""
    return to_template(f"<{field}>")


def to_template(text: str) -> object:
    """A text into which Tableau fills each <field>: only in CDATA does it take one for more than words."""
    from lxml import etree

    return etree.CDATA(text)


def stable_id(*names: str) -> str:
    """A stable id for a thing of a name, as Tableau writes them: {UPPER-CASE-UUID}."""
    return "{" + str(uuid.uuid5(_SPACE, "/".join(names))).upper() + "}"


def stable_token(*names: str) -> str:
    """The same as 28 letters and digits, as Tableau names connections."""
    return uuid.uuid5(_SPACE, "/".join(names)).hex[:28]


def as_title(text: str, length: int = 120) -> str:
    """People's words as a title: one line, and no <field> that Tableau would fill in."""
    return one_line(text, length).replace("<", "‹").replace(">", "›")
