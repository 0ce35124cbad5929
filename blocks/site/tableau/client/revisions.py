"""Whose a workbook on the site is: ours as we published it, or changed by people since.

Our mark is a tag, `ticket-to-dashboard.<digest>.<views>`: the digest of the sheets and dashboards as the site
had them after publishing, and the number of views counted by then. What differs from it was edited by people,
unless the site's own history says that the newest revision is ours: a server may write a file again by itself.

A tag can be set only after publishing, and an overwrite may drop it. So a generated workbook is signed as well: the
id of a check sheet's window, which nobody sees and no edit changes, holds the digest of the sheets as uploaded.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from blocks.errors import BadInput, Forbidden, NotFound, replace_vendor_errors
from blocks.site.tableau.client.endpoints import Server
from blocks.site.tableau.client.items import ContentItem
from blocks.site.tableau.client.session import TableauSession
from blocks.site.tableau.workbook.fields import CHECK_SHEET
from blocks.site.tableau.workbook.xml import Element

if TYPE_CHECKING:
    from lxml.etree import XMLParser

MARKED = re.compile(r"ticket-to-dashboard\.([0-9a-f]{16})\.(\d+)")
SIGNED = 15  # hexadecimal digits of the digest that an id has room for
SIGNATURE = "7D3A91C4-B2E8-8A5F-8"  # how an id begins that is a signature: a UUID of version 8, free to use
SIGNED_ID = re.compile(rf"\{{{SIGNATURE}([0-9A-F]{{3}})-([0-9A-F]{{12}})\}}")
PARTS = ("actions", "worksheets", "dashboards", "stories")


class Mark(NamedTuple):
    """What a tag of ours says."""

    digest: str
    views: int

    @property
    def tag(self) -> str:
        """The tag that says it."""
        return f"ticket-to-dashboard.{self.digest}.{self.views}"


class Content(NamedTuple):
    """A workbook's digest, and the one that it was signed with (None: it is not signed)."""

    digest: str
    signature: str | None

    @property
    def is_as_signed(self) -> bool:
        """True for a workbook that we made and nobody has changed."""
        return self.signature == self.digest[:SIGNED]


def read_marks(tags: Iterable[str]) -> list[Mark]:
    """Our marks among a workbook's tags."""
    found = (MARKED.fullmatch(tag) for tag in tags)
    return [Mark(match[1], int(match[2])) for match in found if match]


def sign_workbook(root: Element) -> Element:
    """Sign a generated workbook: its first check sheet's window gets an id with the digest of the sheets."""
    from lxml import etree

    digest = _digest(etree.fromstring(etree.tostring(root), _make_parser())).upper()
    for identity in _list_check_ids(root)[:1]:
        identity.set("uuid", f"{{{SIGNATURE}{digest[:3]}-{digest[3:SIGNED]}}}")
    return root


def _list_check_ids(root: Element) -> list[Element]:
    windows = [
        each for each in root.findall("windows/window") if (each.get("name") or "").startswith(CHECK_SHEET)
    ]
    return [identity for each in windows for identity in each.findall("simple-id")]


def _digest(root: Element) -> str:
    from lxml import etree

    total = hashlib.sha256()
    for part in PARTS:
        for element in root.findall(part):
            total.update(etree.tostring(element, method="c14n"))
    return total.hexdigest()[:16]


def digest_workbook(path: Path) -> str:
    """A digest of what people would edit in a .twb or .twbx: not data, nor the data sources' addresses."""
    return read_content(path).digest


def read_content(path: Path) -> Content:
    """The digest and the signature of a .twb or .twbx. Raises BadInput for what is none."""
    from lxml import etree

    kinds = (etree.XMLSyntaxError, StopIteration, OSError, zipfile.BadZipFile)
    refusal = BadInput(f"Read {path.name}", "it is no Tableau workbook")
    with replace_vendor_errors(kinds, lambda _: refusal):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as package:
                name = next(each for each in package.namelist() if each.endswith(".twb"))
                root = etree.fromstring(package.read(name), _make_parser())
        else:
            root = etree.parse(str(path), _make_parser()).getroot()
    found = (SIGNED_ID.fullmatch(each.get("uuid") or "") for each in _list_check_ids(root))
    signature = next((f"{match[1]}{match[2]}".lower() for match in found if match), None)
    return Content(_digest(root), signature)


def read_served(session: TableauSession, item: ContentItem) -> Content:
    """A workbook as the site has it now."""
    asked = f"Download workbook {item.name}"
    with TemporaryDirectory() as folder:
        path = session.call(
            asked, lambda server: server.workbooks.download(item.id, filepath=folder, include_extract=False)
        )
        return read_content(Path(str(path)))


def is_saved_by_us(session: TableauSession, item: ContentItem) -> bool:
    """True if the site's history says that we saved a workbook last; False where it keeps or shows none."""

    def ask(server: Server) -> bool:
        server.workbooks.populate_revisions(item)
        return any(each.current and each.user_id == server.user_id for each in item.revisions)

    try:
        return session.call(f"Read who saved {item.name}", ask)
    except (Forbidden, NotFound, BadInput):
        return False


def add_mark(session: TableauSession, item: ContentItem, new: Mark) -> None:
    """Tag a workbook with the mark it will have after the next publishing."""
    session.call(f"Mark workbook {item.name}", lambda server: server.workbooks.add_tags(item, [new.tag]))


def replace_mark(session: TableauSession, item: ContentItem, tags: Iterable[str], new: Mark) -> None:
    """Tag a workbook with our mark, and drop the marks before it. tags: what it has now."""
    marks = {each.tag for each in read_marks(tags)}
    old = marks - {new.tag}
    if new.tag not in marks:
        add_mark(session, item, new)
    if old:
        session.call(
            f"Mark workbook {item.name}", lambda server: server.workbooks.delete_tags(item, sorted(old))
        )


def _make_parser() -> XMLParser:
    from lxml import etree

    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_blank_text=True)
