"""Whose a workbook on the site is: ours as we published it, or changed by people since.

Our mark is a tag, `ticket-to-dashboard.<digest>.<views>`: the digest of the sheets and dashboards as the site
had them after publishing, and the number of views counted by then. What differs from it was edited by people,
unless the site's own history says that the newest revision is ours: a server may write a file again by itself.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from blocks.errors import BadInput, Forbidden, NotFound
from blocks.site.tableau.client.items import ContentItem, Server
from blocks.site.tableau.client.session import TableauSession

if TYPE_CHECKING:
    from lxml.etree import XMLParser

MARKED = re.compile(r"ticket-to-dashboard\.([0-9a-f]{16})\.(\d+)")
PARTS = ("actions", "worksheets", "dashboards", "stories")


class Mark(NamedTuple):
    """What a tag of ours says."""

    digest: str
    views: int

    @property
    def tag(self) -> str:
        """The tag that says it."""
        return f"ticket-to-dashboard.{self.digest}.{self.views}"


def read_marks(tags: Iterable[str]) -> list[Mark]:
    """Our marks among a workbook's tags."""
    found = (MARKED.fullmatch(tag) for tag in tags)
    return [Mark(match[1], int(match[2])) for match in found if match]


def digest_workbook(path: Path) -> str:
    """A digest of what people would edit in a .twb or .twbx: not data, nor the data sources' addresses."""
    from lxml import etree

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as package:
                name = next(each for each in package.namelist() if each.endswith(".twb"))
                root = etree.fromstring(package.read(name), _parser())
        else:
            root = etree.parse(str(path), _parser()).getroot()
    except (etree.XMLSyntaxError, StopIteration, OSError, zipfile.BadZipFile):
        raise BadInput(f"Read {path.name}", "it is no Tableau workbook") from None
    total = hashlib.sha256()
    for part in PARTS:
        for element in root.findall(part):
            total.update(etree.tostring(element, method="c14n"))
    return total.hexdigest()[:16]


def digest_served(session: TableauSession, item: ContentItem) -> str:
    """The digest of a workbook as the site has it now."""
    asked = f"Download workbook {item.name}"
    with TemporaryDirectory() as folder:
        path = session.call(
            asked, lambda server: server.workbooks.download(item.id, filepath=folder, include_extract=False)
        )
        return digest_workbook(Path(str(path)))


def was_saved_by_us(session: TableauSession, item: ContentItem) -> bool:
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


def replace_mark(session: TableauSession, item: ContentItem, new: Mark) -> None:
    """Tag a workbook with our mark, and drop the marks before it."""
    old = {each.tag for each in read_marks(item.tags)} - {new.tag}
    add_mark(session, item, new)
    if old:
        session.call(
            f"Mark workbook {item.name}", lambda server: server.workbooks.delete_tags(item, sorted(old))
        )


def _parser() -> XMLParser:
    from lxml import etree

    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_blank_text=True)
