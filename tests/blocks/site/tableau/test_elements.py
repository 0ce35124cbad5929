"""Nothing is written that was never seen in a file that Tableau saved: elements.json says where each thing was seen.

The table: parent/element@attribute → the flags that it needs in the manifest, the oldest version in whose files it was
seen in this form, and the file. The files are public: repository and path. `connections` says it of each
warehouse's own attributes: what one is in a file that has it (`always`), and which there are (`also`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from blocks.site.base import Card
from blocks.site.tableau.workbook.grammar import GATES, OLDEST
from blocks.site.tableau.workbook.workbook import to_bytes
from tests.blocks.site.tableau.test_workbook import CONNECTIONS, SHAPES, sources, two_marts, workbook

Make = Callable[..., Card]
TABLE = json.loads(Path(__file__).with_name("elements.json").read_text(encoding="utf-8"))
PARTS = (TABLE["workbook"], TABLE["data source"])
USER = "{http://www.tableausoftware.com/xml/user}"
MANIFEST = "document-format-change-manifest"


def list_written(root: Any) -> Iterator[str]:
    """Every element of a file, with its parent, and every attribute of it."""
    for each in root.iter():
        above = each.getparent()
        name = each.tag if above is None else f"{above.tag}/{each.tag}"
        yield name
        yield from (f"{name}@{attribute.replace(USER, 'user:')}" for attribute in each.attrib)


def list_unknown(root: Any, table: dict[str, Any]) -> list[str]:
    """What a file has that is not in the table, and what it does not declare."""
    declared = {each.tag for each in root.find(MANIFEST)}
    written = set(list_written(root))
    unknown = sorted(written - set(table))
    gated = {name: set(table[name].get("flags", ())) - declared for name in written & set(table)}
    return unknown + [f"{name} without {sorted(flags)}" for name, flags in sorted(gated.items()) if flags]


def parse(element: Any) -> Any:
    return etree.fromstring(to_bytes(element))


@pytest.fixture(scope="module")
def workbooks(make_card: Make) -> list[Any]:
    made = [workbook(make_card(**shape), way) for shape in SHAPES.values() for way in CONNECTIONS.values()]
    linked = make_card(ticket_url="https://jira.example.com/browse/AN-1")
    return [parse(each.xml()) for each in [*made, *map(workbook, (two_marts(make_card), linked))]]


def test_every_element_of_a_workbook_was_seen_in_one_that_people_saved(workbooks: list[Any]) -> None:
    assert {fault for root in workbooks for fault in list_unknown(root, TABLE["workbook"])} == set()


def test_the_table_has_nothing_that_is_not_written(workbooks: list[Any]) -> None:
    assert {name for root in workbooks for name in list_written(root)} == set(TABLE["workbook"])


@pytest.mark.parametrize("kind", sorted(CONNECTIONS))
def test_every_element_of_a_data_source_was_seen_in_one_that_people_saved(make_card: Make, kind: str) -> None:
    (source,) = sources(make_card(), CONNECTIONS[kind])
    assert list_unknown(parse(source.tds()), TABLE["data source"]) == []


def test_the_table_of_data_sources_has_nothing_that_is_not_written(make_card: Make) -> None:
    made = [source for way in CONNECTIONS.values() for source in sources(make_card(), way)]
    written = {name for source in made for name in list_written(parse(source.tds()))}
    assert written == set(TABLE["data source"])


def test_an_element_without_its_flag_or_its_line_is_found(make_card: Make) -> None:
    root = parse(workbook(make_card()).xml())
    assert list_unknown(root, TABLE["workbook"]) == []
    flag = root.find(f"{MANIFEST}/SortTagCleanup")
    flag.getparent().remove(flag)
    etree.SubElement(root, "explain-data").set("enabled-for-viewer", "false")
    found = list_unknown(root, TABLE["workbook"])
    assert found[:2] == ["workbook/explain-data", "workbook/explain-data@enabled-for-viewer"]
    assert [each.split(" without ")[1] for each in found[2:]] == ["['SortTagCleanup']"]


def test_table_and_writer_name_the_same_flags() -> None:
    for part in PARTS:
        for name, line in part.items():
            element, at, attribute = name.rpartition("/")[2].partition("@")
            assert line.get("flags", []) == sorted(GATES.get(element + at + attribute, ())), name
            assert {"since", "seen"} <= set(line) <= {"since", "seen", "flags"}, name


def test_what_needs_a_flag_is_as_old_as_the_oldest_version_that_is_promised() -> None:
    """What needs none is part of version 18.1 of the format, whichever Tableau of it we first saw it in."""
    found = [line["since"] for part in PARTS for line in part.values() if line.get("flags")]
    assert max(tuple(map(int, each.split("."))) for each in found) == tuple(map(int, OLDEST.split(".")))
    assert {line["seen"] for part in PARTS for line in part.values()} <= set(TABLE["files"])


@pytest.mark.parametrize("kind", sorted(TABLE["connections"]))
def test_a_live_connection_is_written_as_one_of_its_warehouse_was_seen(make_card: Make, kind: str) -> None:
    (source,) = sources(make_card(), CONNECTIONS[kind])
    written = dict(parse(source.tds()).find(".//named-connection/connection").attrib)
    line = TABLE["connections"][kind]
    assert {name: written.pop(name) for name in line["always"]} == line["always"]
    assert sorted(written) == line["also"]
