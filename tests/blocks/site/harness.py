"""A wall is a site with the people before it: which dashboards they find, what these say, and the rows behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from lxml import etree

from blocks.site.base import BiSite
from blocks.site.html.site import FolderSite
from blocks.site.tableau.site import TableauSite
from tests.blocks.site.tableau.server import TOKEN, TableauServer

Rows = list[tuple[Any, ...]]


class Wall(Protocol):
    """What the contract asks of every site's surroundings."""

    site: BiSite

    def names(self) -> list[str]:
        """The dashboards that people find, by name."""

    def rows(self, name: str) -> dict[str, Rows]:
        """The rows behind a dashboard, by mart (one alone: `Extract`), sorted."""

    def says(self, name: str) -> str:
        """All text of a dashboard, as it is stored."""

    def says_candidate(self, name: str) -> str:
        """The same of a candidate."""

    def candidates(self) -> list[str]:
        """Candidates that people find, and that have data, by name."""

    def change(self, name: str) -> None:
        """What somebody does by hand to a dashboard, past us."""

    def close(self) -> None: ...


class FolderWall:
    def __init__(self, folder: Path) -> None:
        self.place = folder / "bi" / "dashboards"
        self.site = FolderSite(folder=folder / "bi", project="dashboards")

    def names(self) -> list[str]:
        return sorted(path.parent.name for path in self.place.glob("*/index.html"))

    def rows(self, name: str) -> dict[str, Rows]:
        return hyper_rows(self.place / name / f"{name}.hyper")

    def says(self, name: str) -> str:
        return (self.place / name / "index.html").read_text(encoding="utf-8")

    def says_candidate(self, name: str) -> str:
        return self.says(f"candidates/{name}")

    def candidates(self) -> list[str]:
        return sorted(path.name for path in (self.place / "candidates").iterdir())

    def change(self, name: str) -> None:
        (self.place / name / "dashboard.png").write_bytes(b"another")

    def close(self) -> None:
        pass


class TableauWall:
    def __init__(self, folder: Path, **fields: Any) -> None:
        self.server = TableauServer(folder)
        token = {"name": TOKEN[0], "secret": TOKEN[1]}
        given = {"token": token, "canary_seconds": 0, "job_seconds": 20, "request_seconds": 20} | fields
        self.site = TableauSite(
            server=self.server.address,
            site="acme",
            project="Team/dashboards",
            folder=folder / "kept",
            **given,
        )

    def names(self) -> list[str]:
        return sorted(self.server.workbooks())

    def rows(self, name: str) -> dict[str, Rows]:
        """Out of what was uploaded: the data sources that the workbook names."""
        found = {}
        for source in self.server.twb(name).findall("datasources/datasource[connection]"):
            url = source.find("connection").get("dbname")
            (item,) = (each for each in self.server.sources().values() if each.url == url)
            found[item.name.removeprefix(f"{name}-")] = hyper_rows(self.server.extract(item.data))["Extract"]
        return found if len(found) > 1 else {"Extract": next(iter(found.values()))}

    def says(self, name: str) -> str:
        message = etree.tostring(self.server.twb(name), encoding="unicode")
        return f"{message} {self.server.workbooks()[name].description}"

    def says_candidate(self, name: str) -> str:
        found = self.server.items["workbooks"].values()
        item = next(each for each in found if each.name == name)
        assert self.server.path(item.project) == "Team/dashboards/candidates"
        return str(item.description)

    def candidates(self) -> list[str]:
        kept = {
            kind: [
                each.name
                for each in self.server.items[kind].values()
                if self.server.path(each.project) == "Team/dashboards/candidates"
            ]
            for kind in ("workbooks", "datasources")
        }
        assert len(kept["workbooks"]) == len(kept["datasources"])
        return sorted(kept["workbooks"])

    def change(self, name: str) -> None:
        self.server.edit(name)

    def close(self) -> None:
        self.server.close()


def hyper_rows(path: Path) -> dict[str, Rows]:
    """Every row of every table of schema Extract, as Python's own values, sorted."""
    from tests.blocks.site.test_hyper import plain, read_back, tables_of

    return {
        name: sorted((tuple(map(plain, row)) for row in read_back(path, name)[1]), key=repr)
        for name in tables_of(path)
    }


WALLS: dict[str, Callable[[Path], Wall]] = {"folder": FolderWall, "tableau": TableauWall}
