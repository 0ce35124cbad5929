"""The generated workbook: valid against Tableau's schema, every name in it exists, zones fill the dashboard.

No Tableau opens it here. What the schema says: tableau-document-schemas on GitHub, twb_2026.1.0.xsd. It is not the
grammar: it demands one of the elements that may follow `windows`, and files that people saved have none of them.
"""

from __future__ import annotations

import re
import urllib.parse
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from lxml import etree

from blocks.errors import Misconfigured
from blocks.metrics import Measure, Metric, to_tableau
from blocks.records import Analysis
from blocks.site.base import Card
from blocks.site.hyper import find_hyper_types
from blocks.site.labels import tell_fields_apart
from blocks.site.opening import apply_targets
from blocks.site.palette import SERIES
from blocks.site.tableau.client.revisions import digest_workbook
from blocks.site.tableau.workbook.axes import _write_form
from blocks.site.tableau.workbook.connections import (
    LiveConnection,
    PackedExtract,
    PublishedSource,
    TableauConnection,
)
from blocks.site.tableau.workbook.datasource import Source, make_source
from blocks.site.tableau.workbook.fields import make_metric_field
from blocks.site.tableau.workbook.presets import list_notes_on_wishes
from blocks.site.tableau.workbook.workbook import Workbook, make_workbook, pack_workbook, to_bytes
from blocks.warehouse.bi_connection import LiveSource
from blocks.wishes import Against, Chart, Filter, Span, Wishes
from tests.blocks.site.conftest import (
    BASKET,
    CUSTOMERS,
    EVERY,
    NET,
    ORDERS,
    RATE,
    TARGETS,
    dataset,
    metric,
)
from tests.blocks.site.tableau.draw_layout import draw_workbook, fill_in
from tests.conftest import ROOT

Make = Callable[..., Card]
ACTING = "{http://www.tableausoftware.com/xml/user}ui-action-filter"
SCHEMA = next(
    (p for up in ROOT.parents if (p := up / "shared" / "specs" / "twb_2026.1.0.xsd").exists()), None
)
SNOWFLAKE = LiveSource(
    kind="snowflake",
    server="acme.snowflakecomputing.com",
    database="ANALYTICS",
    schema_name="SERVING",
    warehouse="BI",
    role="READER",
)
DREMIO = LiveSource(
    kind="dremio", server="dremio.internal", port=31010, database="lake", schema_name="serving"
)
POSTGRES = LiveSource(
    kind="postgres", server="db.example.com", port=5433, database="shop", schema_name="serving"
)
CONNECTIONS: dict[str, TableauConnection] = {
    "packed": PackedExtract("Data/sales.hyper"),
    "published": PublishedSource("kpi_page-sales", "kpi_page-sales", "https://bi.example.com", "acme"),
    "snowflake": LiveConnection(
        SNOWFLAKE, 'select sum("a") as "a" from "SERVING"."sales" where 1 <> 2', "reader"
    ),
    "dremio": LiveConnection(DREMIO, "select 1 as a", "reader"),
    "postgres": LiveConnection(POSTGRES, "select 1 as a", "reader"),
}
AIMED = NET.model_copy(update={"target": 50_000.0, "maturity_days": 3})
ASKED = Wishes(
    filters=(
        Filter(dimension="country", values=("germany", "France", "Atlantis")),
        Filter(dimension="segment", values=("SMB",)),
    ),
    period=Span(unit="month", count=3),
    comparison=Against.year,
    grain="month",
    targets=TARGETS,
    charts=(Chart.table, Chart.bars),
)
WISHED = apply_targets([dataset(EVERY, ())], ASKED.targets)[0].metrics
SHAPES: dict[str, dict[str, Any]] = {
    **{str(analysis): {"analysis": analysis, "metrics": EVERY} for analysis in Analysis},
    "timeless": {"analysis": Analysis.trend, "timed": False, "dimensions": ("segment",)},
    "flat": {"analysis": Analysis.composition, "dimensions": ()},
    "bare": {"analysis": Analysis.kpi, "dimensions": (), "timed": False, "metrics": (NET,)},
    "ratio": {"analysis": Analysis.composition, "metrics": (RATE,)},
    "target": {"analysis": Analysis.trend, "metrics": (AIMED, ORDERS)},
    "asked": {"metrics": WISHED, "wishes": ASKED, "as_of": "2025-11-30"},
}


def sources(card: Card, connection: TableauConnection) -> list[Source]:
    return [
        make_source(
            card.dashboard.name, dataset, find_hyper_types(path), connection, f"{card.dashboard.name} data"
        )
        for dataset, path in zip(card.datasets, card.extracts, strict=True)
    ]


def workbook(card: Card, connection: TableauConnection = CONNECTIONS["published"]) -> Workbook:
    return make_workbook(card, sources(card, connection))


def two_marts(make_card: Make) -> Card:
    one, two = make_card(metrics=(NET, RATE)), make_card(metrics=(NET, CUSTOMERS), dimensions=("segment",))
    other = two.datasets[0].model_copy(update={"mart": "people"})
    both = {"datasets": (one.datasets[0], other), "extracts": (one.extracts[0], two.extracts[0])}
    return one.model_copy(update=both)


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if SCHEMA is None:
        pytest.skip("Tableau's schema of workbooks (twb_2026.1.0.xsd) is not beside the project")
    folder = tmp_path_factory.mktemp("xsd")
    text = SCHEMA.read_text(encoding="utf-8")
    # It imports two namespaces without saying where they are; these stubs take any attribute of theirs.
    theirs = '<xs:anyAttribute namespace="##targetNamespace" processContents="lax"/>'
    any_of_theirs = f'<xs:attributeGroup name="UserAttributes-AG">{theirs}'
    stubs = {
        "http://www.tableausoftware.com/xml/user": f"{any_of_theirs}</xs:attributeGroup>",
        "http://www.w3.org/XML/1998/namespace": '<xs:attribute name="base" type="xs:string"/>',
    }
    for number, (space, content) in enumerate(stubs.items()):
        head = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{space}">'
        (folder / f"{number}.xsd").write_text(f"{head}{content}</xs:schema>")
        found = f'<xs:import namespace="{space}"'
        text = text.replace(f"{found}/>", f'{found} schemaLocation="{number}.xsd"/>')
    (folder / "twb.xsd").write_text(text, encoding="utf-8")
    return etree.XMLSchema(etree.parse(str(folder / "twb.xsd")))


def parsed(root: Any) -> Any:
    return etree.fromstring(to_bytes(root))


ENDING = (
    "Element 'workbook': Missing child element(s). Expected is one of ( datagraph, thumbnails, external, "
    "referenced-extensions, explain-data )."
)
"""What the schema wants and Tableau does not have: none of 37 files that people saved has `explain-data`, and Desktop
2025.1 to 2026.1 refuses it (D2E8DA72), as it belongs to a feature that the file does not declare."""


def schema_faults(schema: Any, root: Any) -> list[str]:
    """What the schema says of a workbook, but for the one thing that it is known to be wrong about."""
    assert not schema.validate(root)
    errors = [each.message for each in schema.error_log]
    errors.remove(ENDING)
    return errors


@pytest.mark.parametrize("kind", sorted(CONNECTIONS))
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_it_is_valid_against_tableaus_schema(schema: Any, make_card: Make, shape: str, kind: str) -> None:
    root = parsed(workbook(make_card(**SHAPES[shape]), CONNECTIONS[kind]).xml())
    assert schema_faults(schema, root) == []


def test_the_schema_says_no_to_what_is_wrong(schema: Any, make_card: Make) -> None:
    root = parsed(workbook(make_card()).xml())
    root.find("worksheets").append(etree.Element("sheet"))
    assert schema_faults(schema, root)


def test_two_data_sources_are_valid_too(schema: Any, make_card: Make) -> None:
    root = parsed(workbook(two_marts(make_card)).xml())
    assert schema_faults(schema, root) == []
    assert faults(root) == []


GENERATED = {f"[{part} (generated)]" for part in ("Latitude", "Longitude", "Geometry")}  # Tableau's own

NAMED = re.compile(r"\[((?:federated|sqlproxy)\.\w+|Parameters)\]\.(\[(?:[^\]]|\]\])+\])")


def faults(root: Any) -> list[str]:
    """Names in a workbook that mean nothing."""
    found = []
    declared = {
        source.get("name"): {each.get("name") for each in source.iter("column", "group")}
        for source in root.findall("datasources/datasource")
    }
    for source in root.findall("datasources/datasource"):
        captions = [each.get("caption").casefold() for each in source.xpath("column[@caption]|group")]
        found += list_doubles(captions)
        found += list_doubles(source.xpath("column/@name|group/@name"))
    sheets = [each.get("name") for each in root.findall("worksheets/worksheet")]
    boards = [each.get("name") for each in root.findall("dashboards/dashboard")]
    names = sheets + boards
    found += [f"{name} twice" for name in names if names.count(name) > 1]
    for scope in [
        *root.findall("worksheets/worksheet"),
        *root.findall("dashboards/dashboard"),
        *root.findall("actions"),
    ]:
        known = {}
        for needs in scope.iter("datasource-dependencies"):
            known[needs.get("datasource")] = {each.get("name") for each in needs}
            bases = {each.get("name") for each in needs.findall("column")}
            found += [
                f"{i.get('column')} of {i.get('name')}"
                for i in needs.findall("column-instance")
                if i.get("column") not in bases
            ]
            found += [
                f"{b} in {scope.get('name')}" for b in bases if b not in declared[needs.get("datasource")]
            ]
        pointed = {each.get("name") for each in scope.iter("datasource")}
        found += [f"{each} not pointed at" for each in known if each not in pointed]
        found += [f"{each} unknown" for each in pointed if each not in declared]
        if scope.tag == "worksheet" and scope.find("table/view/mapsources") is not None:
            known = {source: own | GENERATED for source, own in known.items()}
        if scope.tag == "dashboard":  # a legend's field is its sheet's alone
            for zone in scope.iterfind("zones//zone[@type-v2='color']"):
                sheet = next(w for w in root.iter("worksheet") if w.get("name") == zone.get("name"))
                for needs in sheet.iter("datasource-dependencies"):
                    own = {each.get("name") for each in needs}
                    known[needs.get("datasource")] = known.get(needs.get("datasource"), set()) | own
        for text in texts(scope):
            for source, name in re.findall(
                r"\[((?:federated|sqlproxy)\.\w+|Parameters)\]\.(\[(?:[^\]]|\]\])+\])", text
            ):
                if name not in known.get(source, ()) and name not in declared.get(source, ()):
                    found.append(f"{name} of {source} in {scope.get('name')}")
    found += [
        f"zone {z.get('name')}" for z in root.iter("zone") if z.get("name") and z.get("name") not in sheets
    ]
    found += [f"window {w.get('name')}" for w in root.iter("window") if w.get("name") not in names]
    found += [
        f"viewpoint {v.get('name')}"
        for v in root.iter("viewpoint")
        if v.get("name") and v.get("name") not in sheets
    ]
    found += [
        f"no window {name}" for name in names if name not in [w.get("name") for w in root.iter("window")]
    ]
    for action in root.iter("action"):
        start, target = action.find("source"), {p.get("name"): p.get("value") for p in action.iter("param")}
        if action.find("command") is None:  # it opens an address
            target = {"target": boards[0], "exclude": start.get("worksheet")}
        found += [f"action from {start.get('worksheet')}"] if start.get("worksheet") not in sheets else []
        found += (
            [f"action on {start.get('dashboard')}"]
            if {start.get("dashboard"), target["target"]} - set(boards)
            else []
        )
        found += [f"action excludes {name}" for name in target["exclude"].split(",") if name not in sheets]
        places = [z.get("name") for z in root.iter("zone")]
        found += [] if start.get("worksheet") in places else ["the action's sheet is on no dashboard"]
    for each in root.iter("calculation"):
        source = next(
            up for up in each.iterancestors() if up.tag in ("datasource", "datasource-dependencies")
        )
        fields = declared[source.get("name") or source.get("datasource")]
        parts = re.findall(r'"[^"]*"|\[Parameters\]\.\[[^\]]+\]|\[(?:[^\]]|\]\])+\]', each.get("formula"))
        asked_for = [part for part in parts if not part.startswith('"')]
        asked = {name for name in asked_for if name.startswith("[Parameters].")}
        given = {f"[Parameters].{name}" for name in declared.get("Parameters", ())}
        found += [f"parameter {name}" for name in asked - given]
        found += [f"formula {name}" for name in asked_for if name not in fields and name not in asked]
    found += list_doubles([each.get("uuid") for each in root.iter("simple-id")])
    for board in root.findall("dashboards/dashboard"):
        screen, phone = (
            [zone.get("id") for zone in layout.iter("zone")]
            for layout in (board.find("zones"), board.find("devicelayouts/devicelayout/zones"))
        )
        found += [*list_doubles(screen), *list_doubles(phone)]
        leaves = [z.get("id") for z in board.find("devicelayouts").iter("zone") if z.find("zone") is None]
        found += [f"zone {each} on a phone alone" for each in leaves if each not in screen]
    return found


def list_doubles(ids: list[str]) -> list[str]:
    return [f"{each} twice" for each in ids if ids.count(each) > 1]


def texts(scope: Any) -> list[str]:
    """Every place where a field may be named."""
    found = []
    for each in scope.iter():
        found += [
            urllib.parse.unquote(value)
            for key, value in each.attrib.items()
            if key in ("column", "field", "param", "expression")
        ]
        found += [each.text] if each.tag in ("rows", "cols", "column") and each.text else []
        found += re.findall("<.*?>", each.text or "") if each.tag == "run" else []
    return found


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_name_in_it_exists(make_card: Make, shape: str) -> None:
    assert faults(parsed(workbook(make_card(**SHAPES[shape])).xml())) == []


def test_a_name_that_does_not_exist_is_found(make_card: Make) -> None:
    root = parsed(workbook(make_card()).xml())
    root.find("worksheets/worksheet/table/rows").text = "[sqlproxy.x].[none:nothing:nk]"
    root.find("dashboards/dashboard/zones/zone/zone").set("name", "Nowhere")
    assert len(faults(root)) == 2


@pytest.mark.parametrize("shape", [*sorted(SHAPES), "two"])
def test_zones_fill_the_dashboard_and_do_not_overlap(make_card: Make, shape: str) -> None:
    card = two_marts(make_card) if shape == "two" else make_card(**SHAPES[shape])
    root = parsed(workbook(card).xml())
    zones = root.findall("dashboards/dashboard/zones/zone/zone")
    boxes = [tuple(int(zone.get(key)) for key in ("x", "y", "w", "h")) for zone in zones]
    assert sum(w * h for _, _, w, h in boxes) == 100_000**2
    least = int(root.find("dashboards/dashboard/size").get("minheight"))
    for place, (x, y, w, h) in enumerate(boxes):
        assert min(x, y) >= 0
        assert w >= 5_000
        assert h * least >= 60 * 100_000  # pixels, in the lowest window
        assert max(x + w, y + h) <= 100_000
        for a, b, c, d in boxes[:place]:
            assert x >= a + c or a >= x + w or y >= b + d or b >= y + h
    sheets = [each.get("name") for each in root.findall("worksheets/worksheet")]
    (active,) = (each.get("id") for each in root.iter("active"))
    assert next(zone.get("name") for zone in zones if zone.get("id") == active) in sheets
    assert next(zone.get("type-v2") for zone in zones if zone.get("id") == active) is None  # no filter's zone
    placed = [zone.get("name") for zone in zones if zone.get("name") and not zone.get("type-v2")]
    checks = [name for name in sheets if name.startswith("Release check")]
    assert len(checks) == len(card.datasets)
    assert sorted([*placed, *checks]) == sorted(sheets)
    phone = root.findall("dashboards/dashboard/devicelayouts/devicelayout/zones/zone/zone/zone")
    assert [zone.get("name") for zone in phone if zone.get("name") and not zone.get("type-v2")] == placed
    heights = [int(zone.get("fixed-size")) for zone in phone]
    size = root.find("dashboards/dashboard/devicelayouts/devicelayout/size")
    assert sum(heights) == int(size.get("minheight"))
    assert sum(int(zone.get("h")) for zone in phone) == 100_000


BY_EACH = ("Bar", "Automatic", "Bar", "Bar")  # country, with its map, segment, channel
WHY = ("Bar", "Bar", "Bar")  # what each of them did to the last change


@pytest.mark.parametrize(
    ("shape", "marks"),
    [
        ("trend", ["Line", *BY_EACH, *WHY, "Bar"]),
        ("comparison", [*BY_EACH, "Line", *WHY, "Bar"]),
        ("composition", [*["Pie", "Pie", "Pie", "Bar"] * 2, *BY_EACH, "Bar", "Line", *WHY, "Bar"]),
        ("detail", ["Bar", *BY_EACH, "Line", *WHY]),
        ("kpi", ["Line", *BY_EACH, *WHY, "Bar"]),
        ("timeless", ["Bar", "Bar"]),
        ("flat", ["Line", "Bar"]),
        ("bare", []),
        ("ratio", ["Line", *BY_EACH, *WHY, "Bar"]),
        ("target", ["Line", *BY_EACH, *WHY, "Bar"]),
    ],
)
def test_charts_are_what_the_analysis_asks_for(make_card: Make, shape: str, marks: list[str]) -> None:
    made = workbook(make_card(**SHAPES[shape]))
    assert [sheet.mark for sheet in made.charts] == marks
    assert [sheet.title for sheet in made.kpis] == [
        m.label for m in make_card(**SHAPES[shape]).datasets[0].metrics
    ]


def test_filters_cut_nothing_off_until_they_are_used(make_card: Make) -> None:
    root = parsed(workbook(make_card(Analysis.trend)).xml())
    (trend,) = (each for each in root.iter("worksheet") if "over time" in each.get("name"))
    kinds = [(each.get("class"), each.get("included-values")) for each in trend.iter("filter")]
    assert kinds == [("categorical", None)] * 6 + [
        ("quantitative", "non-null")
    ]  # undated rows: as on the page
    assert not list(root.iter("min", "max"))
    shown = root.xpath("dashboards/dashboard/zones//zone[@type-v2='filter']/@param")
    assert len(shown) == 4
    checks = [each for each in root.iter("worksheet") if each.get("name") == "Release check"]
    assert not list(checks[0].iter("filter"))


def test_a_click_filters_by_the_bare_column_of_its_source(make_card: Make) -> None:
    """As all files do that Tableau 2026.1 saved: the column itself, with its source on both sides."""
    made = workbook(two_marts(make_card))
    root = parsed(made.xml())
    actions = root.xpath("actions/action[command/@command='tsc:tsl-filter']")
    first, second = made.sources
    clicks = [(first, "country"), (first, "segment"), (first, "channel"), (second, "segment")]
    for action, (source, column) in zip(actions, clicks, strict=True):
        full = f"[{source.name}].[{column}]"
        link = action.find("link").get("expression")
        assert link == f"tsl:Dashboard?%5B{source.name}%5D.%5B{column}%5D~s0=<{full}~na>"
        assert re.fullmatch(r"\[Action\d_[0-9A-F]{32}\]", action.get("name"))
        start = action.find("source").get("worksheet")
        excluded = next(p.get("value") for p in action.iter("param") if p.get("name") == "exclude").split(",")
        placed = {zone.get("name") for zone in root.iter("zone")}
        assert set(excluded) <= placed
        elsewhere = [sheet.name for sheet in made.checks]
        assert not placed & set(elsewhere)
        excluded += elsewhere
        for sheet in root.iter("worksheet"):
            acting = [g.get(ACTING) for g in sheet.iter("groupfilter")]
            assert (action.get("name") in acting) == (sheet.get("name") not in excluded)
        assert start in excluded


def test_a_click_on_a_line_leads_to_its_products(make_card: Make) -> None:
    """The sheet of one dimension filters that of the next; the plus sign of a header goes the same way."""
    root = parsed(workbook(make_card(Analysis.comparison, dimensions=("segment", "channel"))).xml())
    (action,) = root.xpath("actions/action[@caption='Filter by Segment']")
    assert action.find("source").get("worksheet").endswith("by segment")
    sheets = root.xpath("worksheets/worksheet[contains(@name, 'by channel')]")
    assert len(sheets) == 2  # and why it moved
    for sheet in sheets:
        assert action.get("name") in [each.get(ACTING) for each in sheet.iter("groupfilter")]
    (path,) = root.xpath("datasources/datasource/drill-paths/drill-path")
    assert [each.text for each in path] == ["[segment]", "[channel]"]


def test_a_pointer_on_a_bar_highlights_the_same_elsewhere(make_card: Make) -> None:
    root = parsed(workbook(make_card()).xml())
    actions = root.xpath("actions/action[command/@command='tsc:brush']")
    parameters = [{p.get("name"): p.get("value") for p in action.iter("param")} for action in actions]
    assert [each["field-captions"] for each in parameters] == ["Country", "Segment", "Channel"]
    assert {action.find("activation").get("type") for action in actions} == {"on-hover"}
    assert [each["exclude"] for each in parameters] == [a.find("source").get("worksheet") for a in actions]


def test_the_head_says_what_the_data_is_and_opens_the_ticket(make_card: Make) -> None:
    """How new the data is, is asked of the data: what is written would stay when an extract is refreshed."""
    url = "https://jira.example.com/browse/AN-1?a=<[net]>"
    root = parsed(workbook(make_card(ticket_url=url)).xml())
    runs = root.xpath("dashboards/dashboard/zones//zone[@type-v2='text']/formatted-text/run")
    assert [run.text for run in runs] == ["Sales", "Æ\n", "Published by run r1, 7 of 7 checks passed"]
    (sheet,) = root.xpath("worksheets/worksheet[@name='Data to']")
    assert list(sheet.iter("filter")) == []
    (newest,) = root.xpath("datasources/datasource/column[@name='[Derived_newest]']/calculation")
    assert newest.get("formula").startswith('IFNULL("Data to " + STR(YEAR(MAX([day])))')
    (action,) = root.xpath("actions/action[link and not(command)]")
    assert action.find("link").get("expression") == "https://jira.example.com/browse/AN-1?a=%3C[net]%3E"
    assert action.find("link").get("caption") == "Open ticket AN-1"
    assert len(root.xpath("worksheets/worksheet[@name='Open ticket AN-1']")) == 1
    for nowhere in (None, "file:///tickets/AN-1.yaml", "javascript:alert(1)"):
        root = parsed(workbook(make_card(ticket_url=nowhere)).xml())
        assert root.xpath("actions/action[link and not(command)]") == []
        assert root.xpath("worksheets/worksheet[starts-with(@name, 'Open ticket')]") == []


def test_the_head_leads_to_the_checks_where_they_are_served(make_card: Make) -> None:
    """Beside the ticket: each by words of its own, to the part of the page that is about the mart."""
    card = make_card(ticket_url="https://jira.example.com/browse/AN-1")
    assert card.gate
    for served, shown in (
        ("https://checks.example.com/r1/index.html", 2),
        ("", 1),
        ("file:///docs/r1.html", 1),
    ):
        gate = card.gate.model_copy(update={"docs_url": served})
        root = parsed(workbook(card.model_copy(update={"gate": gate})).xml())
        links = [action.find("link") for action in root.xpath("actions/action[link and not(command)]")]
        assert [link.get("caption") for link in links] == ["Open ticket AN-1", "See all checks"][:shown]
        assert len(root.xpath("dashboards/dashboard/zones//zone[@name='See all checks']")) == shown - 1
    gate = card.gate.model_copy(update={"docs_url": "https://checks.example.com/r1/index.html"})
    root = parsed(workbook(card.model_copy(update={"gate": gate})).xml())
    leads = [
        action.find("link").get("expression")
        for action in root.xpath("actions/action[link and not(command)]")
    ]
    assert leads[1] == f"https://checks.example.com/r1/index.html#checks-of-{card.dashboard.marts[0]}"


def test_of_two_marts_each_says_how_new_it_is(make_card: Make) -> None:
    root = parsed(workbook(two_marts(make_card)).xml())
    found = root.xpath("datasources/datasource/column[@name='[Derived_newest]']/calculation/@formula")
    assert [formula.split(" + ")[0] for formula in found] == ['IFNULL("Sales to "', 'IFNULL("People to "']
    captions = root.xpath("datasources/datasource[@name='Parameters']/column/@caption")
    assert captions == ["Dates per", "Table per", "Split Sales by", "Split People by"]


def test_readers_choose_the_grain_and_the_split_of_lines(make_card: Make) -> None:
    root = parsed(workbook(make_card(Analysis.trend)).xml())
    parameters = root.xpath("datasources/datasource[@name='Parameters']/column")
    offered = {
        each.get("caption"): [member.get("value").strip('"') for member in each.iter("member")]
        for each in parameters
    }
    grains = ["day", "week", "month", "quarter", "year"]
    assert offered == {
        "Dates per": grains,
        "Table per": ["whole period", *grains],
        "Split by": ["nothing", "Country", "Segment", "Channel"],
    }
    assert [each.get("value") for each in parameters] == ['"week"', '"whole period"', '"nothing"']
    shown = root.xpath("dashboards/dashboard/zones//zone[@type-v2='paramctrl']/@param")
    assert shown == [f"[Parameters].[Parameter {number}]" for number in (1, 2, 3)]
    (period,) = root.xpath("datasources/datasource/column[@name='[Derived_period]']/calculation")
    cases = re.findall(r'WHEN "(\w+)" THEN DATE\(DATETRUNC\(\'(\w+)\', \[day\]', period.get("formula"))
    assert cases == [(grain, grain) for grain in grains]
    assert "DATETRUNC('week', [day], 'monday')" in period.get("formula")


def test_lines_are_split_by_texts_whatever_the_dimensions_type(make_card: Make) -> None:
    card = make_card(Analysis.trend, dimensions=("country", "segment", "channel"))
    kinds = {"country": "TEXT", "segment": "BOOL", "channel": "BIGINT", "day": "DATE"}
    (dataset,) = card.datasets
    measures = dict.fromkeys((each.name for each in dataset.measures), "BIGINT")
    source = make_source("x", dataset, {**kinds, **measures}, CONNECTIONS["packed"], "x")
    (planned,) = make_workbook(card, [source]).sources
    assert planned.derived.split is not None
    assert planned.derived.split.formula == (
        'CASE [Parameters].[Parameter 3] WHEN "Country" THEN [country]'
        ' WHEN "Segment" THEN (IF [segment] THEN "true" ELSEIF NOT [segment] THEN "false" END)'
        ' WHEN "Channel" THEN STR([channel]) ELSE "All" END'
    )


def test_one_grain_is_no_choice(make_card: Make) -> None:
    card = make_card(Analysis.trend, dimensions=())
    yearly = card.model_copy(update={"datasets": (card.datasets[0].model_copy(update={"grain": "year"}),)})
    root = parsed(workbook(yearly).xml())
    captions = root.xpath("datasources/datasource[@name='Parameters']/column/@caption")
    assert captions == ["Table per"]
    (period,) = root.xpath("datasources/datasource/column[@name='[Derived_period]']/calculation")
    assert period.get("formula") == "DATE(DATETRUNC('year', [day]))"


FINISHED = ["Last finished period", "Value in it", "Previous period"]


def list_tips(made: Workbook) -> dict[str, list[str]]:
    """The words of the first tooltip of each chart."""
    return {sheet.name: [words for words, _ in sheet.panes[0].tip] for sheet in made.charts}


def test_tooltips_say_metric_value_previous_period_and_share(make_card: Make) -> None:
    lines = list_tips(workbook(make_card(Analysis.composition, metrics=(NET, RATE))))
    net, rate = ["Net revenue", "Share"], ["Return rate"]  # the parts of a rate make no whole
    in_time = ["Date", "Its time is", "Split by"]
    assert lines == {
        "Net revenue by country shares": ["Country", *net, *FINISHED],
        "Net revenue by segment shares": ["Segment", *net, *FINISHED],
        "Net revenue by channel shares": ["Channel", *net, *FINISHED],
        "Net revenue by country and segment": ["Country", "Segment", *net, *FINISHED],
        "Return rate by country": ["Country", *rate, *FINISHED],
        "Return rate on a map by country": ["Country", *rate, *FINISHED],
        "Return rate by segment": ["Segment", *rate, *FINISHED],
        "Return rate by channel": ["Channel", *rate, *FINISHED],
        "Net revenue over time by part": [*in_time, *net, "Previous period"],
        "Net revenue and Return rate over time": [*in_time, *net, "Previous period"],
        "Why Net revenue and Return rate moved by country": ["Country", MOVED, *FINISHED],
        "Why Net revenue and Return rate moved by segment": ["Segment", MOVED, *FINISHED],
        "Why Net revenue and Return rate moved by channel": ["Channel", MOVED, *FINISHED],
        "Table by country  segment  channel": ["Period", *CUTS, *net, *FINISHED],
    }
    mapped = list_tips(workbook(make_card(metrics=(NET, RATE, ORDERS))))["Net revenue on a map by country"]
    assert mapped == ["Country", *net, *FINISHED, "Return rate", "Orders"]
    for timeless in list_tips(workbook(make_card(timed=False, metrics=(NET,)))).values():
        assert timeless[-2:] == net  # nothing before without time


def test_what_is_said_in_tooltips_depends_on_what_it_means(make_card: Make) -> None:
    grows = NET.model_copy(update={"name": "grows", "label": "Grows", "grows": True})
    lines = list_tips(workbook(make_card(metrics=(grows,))))
    assert lines["Grows by country"] == ["Country", "Grows", "Share"]
    year = list_tips(workbook(make_card(metrics=(NET,), wishes=Wishes(comparison=Against.year))))
    assert year["Net revenue by country"][-1] == "Same period a year before"
    assert year["Net revenue over time"][-1] == "Previous period"  # the point before, on the line
    flat = list_tips(workbook(make_card(metrics=(NET,), dimensions=())))
    assert flat["Net revenue over time"] == ["Date", "Its time is", "Net revenue", "Previous period"]


MOVED, CUTS = "Net revenue, part of the change", ("Country", "Segment", "Channel")


@pytest.mark.parametrize("shape", [*sorted(SHAPES), "two"])
def test_tableau_knows_what_a_tooltip_says(make_card: Make, shape: str) -> None:
    """A field of a tooltip is on a shelf or among the encodings of its pane."""
    card = two_marts(make_card) if shape == "two" else make_card(**SHAPES[shape])
    for sheet in workbook(card).charts:
        for pane in sheet.panes:
            known = {*sheet.rows, *sheet.cols, *(each for _, each in pane.encodings)}
            assert {each for _, each in pane.tip} <= known, sheet.name


def test_the_point_before_is_that_of_the_bucket_before(make_card: Make) -> None:
    root = parsed(workbook(make_card(Analysis.composition, metrics=(NET, RATE))).xml())
    columns = {each.get("name"): each for each in root.findall("datasources/datasource/column")}
    before = columns["[Derived_before_net]"].find("calculation")
    formula = before.get("formula")
    assert formula.startswith("IF LOOKUP(MIN([Derived_period]), -1) = (CASE [Parameters].[Parameter 1] ")
    assert """WHEN "week" THEN DATE(DATEADD('week', -1, MIN([Derived_period])))""" in formula
    assert formula.endswith(
        " END) THEN LOOKUP([Calculation_net], -1) END"
    )  # null after a bucket without rows
    assert before.find("table-calc").get("ordering-type") == "Rows"  # along the time, in each line
    assert "[Derived_share_rate]" not in columns


def test_a_target_is_a_line_across_and_in_the_tooltip(make_card: Make) -> None:
    """Tableau draws the line only if its field is on the marks, too."""
    made = workbook(make_card(**SHAPES["target"]))
    root = parsed(made.xml())
    (sheet,) = (each for each in root.iter("worksheet") if "over time" in each.get("name"))
    panes = sheet.findall("table/panes/pane")
    lines = [pane.find("reference-line[@label='Target <Value>']") for pane in panes]
    assert [line is not None for line in lines] == [False, True, False]  # shared, net, orders
    (line,) = (each for each in lines if each is not None)
    assert line.get("axis-column").endswith(".[usr:Calculation_net:qk]")
    assert line.get("value-column").endswith(".[usr:Derived_target_net:qk]")
    pane = line.getparent()
    assert line.get("value-column") in [each.get("column") for each in pane.find("encodings").iter("lod")]
    assert [each.tag for each in pane].index("reference-line") < [each.tag for each in pane].index(
        "customized-tooltip"
    )
    (target,) = root.xpath("datasources/datasource/column[@name='[Derived_target_net]']/calculation/@formula")
    assert target == "MIN(50000.0)"
    tips = next(each for each in made.charts if "over time" in each.name).panes[0].tip
    assert [words for words, _ in tips][-1] == "Target"


@pytest.mark.parametrize(("shape", "marks"), [("target", 3), ("composition", 0)])
def test_time_that_is_not_finished_is_marked(make_card: Make, shape: str, marks: int) -> None:
    """By a line on the axis of dates for the metrics that are final after as many days, and by words in tooltips."""
    made = workbook(make_card(**SHAPES[shape]))
    root = parsed(made.xml())
    times = [each for each in root.iter("worksheet") if "over time" in each.get("name")]
    assert len(times) == (2 if shape == "composition" else 1)
    for sheet in times:
        lines = [
            each for each in sheet.iter("reference-line") if each.get("label") == "Unfinished from <Value>"
        ]
        assert {line.get("axis-column") for line in lines} == {sheet.find("table/cols").text}
        edges = [line.get("value-column").split(":")[1] for line in lines]
        assert sorted(edges) == [f"Derived_edge_{days}" for days in sorted({0, marks})]
        for line in lines:
            encoded = line.getparent().find("encodings")
            assert line.get("value-column") in [each.get("column") for each in encoded.iter("lod")]
        ids = [each.get("id") for each in sheet.iter("reference-line")]
        assert list_doubles(ids) == []
    tips = {sheet.name: sheet.panes for sheet in made.charts if "over time" in sheet.name}
    states = [dict(pane.tip)["Its time is"].field.name for panes in tips.values() for pane in panes]
    assert set(states) == {f"Derived_state_{days}" for days in {0, marks}}


def test_filters_of_two_marts_say_whose_they_are(make_card: Make) -> None:
    """Each acts on the sheets of its own mart alone: two filters called Segment would be taken for one."""
    made = workbook(two_marts(make_card))
    first, second = ({each.name: each.caption for each in one.columns.values()} for one in made.sources)
    assert [first[name] for name in ("day", "segment", "country")] == [
        "Day (Sales)",
        "Segment (Sales)",
        "Country",
    ]
    assert [second[name] for name in ("day", "segment")] == ["Day (People)", "Segment (People)"]
    titles = {(sheet.title, sheet.note) for sheet in made.charts}
    assert ("Net revenue and Customers by segment", "People, click a bar to filter") in titles
    assert made.layout.parameters[2].values == ("nothing", "Country", "Segment", "Channel")
    one = workbook(make_card())
    assert {each.caption for each in one.sources[0].dimensions} == {"Country", "Segment", "Channel"}


def test_countries_stand_on_a_map_too(make_card: Make) -> None:
    root = parsed(workbook(make_card(Analysis.comparison)).xml())
    places = {e.get("name"): e.get("semantic-role") for e in root.iter("column") if e.get("semantic-role")}
    assert places == {"[country]": "[Country].[ISO3166_2]"}
    (sheet,) = (each for each in root.iter("worksheet") if each.find("table/view/mapsources") is not None)
    assert sheet.find("table/rows").text.endswith(".[Latitude (generated)]")
    assert sheet.find("table/cols").text.endswith(".[Longitude (generated)]")
    (level,) = sheet.iter("lod")
    assert level.get("column").endswith(".[none:country:nk]")


def test_values_have_the_pages_colours_the_largest_first(make_card: Make, sales: Any) -> None:
    root = parsed(workbook(make_card(Analysis.composition, metrics=(NET, RATE))).xml())
    style = root.find("datasources/datasource/style/style-rule")
    colours = {each.get("field"): {one.find("bucket").text: one.get("to") for one in each} for each in style}
    ranked = sales.execute(
        "SELECT country FROM orders WHERE NOT returned GROUP BY 1 ORDER BY sum(amount) DESC"
    )
    names = [f'"{name}"' for (name,) in ranked.fetchall()]
    found = colours["[none:country:nk]"]
    assert list(found) == names
    assert list(found.values()) == [*SERIES[:-1], *[SERIES[-1]] * (len(names) - 6)]
    split = colours["[none:Derived_split:nk]"]
    assert split['"All"'] == SERIES[0]
    assert {name: split[name] for name in names} == found


def test_axes_write_large_numbers_short_and_marks_in_full(make_card: Make) -> None:
    (source,) = workbook(make_card()).sources
    short = 'c"£"#,##0,.0K;-"£"#,##0,.0K'
    assert source.axes == {
        "Calculation_net": short
    }  # orders are a few hundred a week, a rate is a percentage
    (net,) = (each for each in source.metrics if each.name == "Calculation_net")
    assert net.form == 'c"£"#,##0;-"£"#,##0'  # what marks and tooltips have
    root = parsed(workbook(make_card()).xml())
    for sheet in root.iter("worksheet"):
        axes = f"{sheet.findtext('table/rows')}{sheet.findtext('table/cols')}"
        rules = sheet.findall("table/style/style-rule[@element='label']/format[@attr='text-format']")
        assert [each.get("value") for each in rules] == [short] * ("[usr:Calculation_net:qk]" in axes)


@pytest.mark.parametrize(
    ("longest", "usual", "form"),
    [
        (9_999, 9_999, ""),
        (10_000, 500, "n#,##0,.0K;-#,##0,.0K"),
        (10_000, 499, ""),  # a usual member's axis would say 0.0K all along
        (100_000, 5_000, "n#,##0,K;-#,##0,K"),
        (12e6, 9e5, "n#,##0,,.0M;-#,##0,,.0M"),
        (12e6, 9e3, "n#,##0,K;-#,##0,K"),
        (5e12, 5e12, "n#,##0,,,B;-#,##0,,,B"),
    ],
)
def test_an_axis_has_the_largest_unit_that_says_something(longest: float, usual: float, form: str) -> None:
    assert _write_form("number", longest, usual) == form


def test_values_that_would_end_a_text_have_no_colour_of_ours(make_card: Make, tmp_path: Path) -> None:
    card = make_card(dimensions=("country",), metrics=(ORDERS,))
    path = tmp_path / "odd.parquet"
    odd = "SELECT unnest(['a\"b', 'c\\d', '<e>&', NULL]) AS country, 1 AS orders, DATE '2025-01-01' AS day"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({odd}) TO '{path}'")
    root = parsed(workbook(card.model_copy(update={"extracts": (path,)})).xml())
    buckets = [
        each.text for each in root.find("datasources/datasource/style/style-rule/encoding").iter("bucket")
    ]
    assert buckets == ['"<e>&"']


def test_what_has_many_rows_scrolls_and_is_not_squeezed(make_card: Make) -> None:
    made = workbook(make_card(Analysis.detail))
    root = parsed(made.xml())
    (board,) = root.xpath("windows/window[@class='dashboard']")
    zooms = {
        each.get("name"): zoom.get("type") if (zoom := each.find("zoom")) is not None else "standard"
        for each in board.iter("viewpoint")
    }
    table = made.charts[0]
    assert table.title == "By country, segment, channel"
    assert table.height >= 600
    assert zooms[table.name] == "fit-width"
    assert {kind for name, kind in zooms.items() if "over time" in name} == {"entire-view"}
    assert "standard" not in zooms.values()
    many = parsed(workbook(make_card(metrics=EVERY)).xml())
    (board,) = many.xpath("windows/window[@class='dashboard']")
    squeezed = {each.get("name") for each in board.iter("viewpoint") if each.find("zoom") is not None}
    wide = {sheet.name for sheet in workbook(make_card(metrics=EVERY)).charts if len(sheet.cols) > 3}
    assert {name.split(" by ")[0] for name in wide} == {
        "Net revenue and 4 more",
        "Table",
        "Why Net revenue and 3 more moved",
    }
    assert wide.isdisjoint(
        squeezed
    )  # each axis keeps its width, and the view scrolls sideways, on a phone, too
    size = root.find("dashboards/dashboard/size")
    assert dict(size.attrib) == {
        "minheight": size.get("minheight"),
        "minwidth": "1000",
        "sizing-mode": "range",
    }
    assert int(size.get("minheight")) > 1_200


def test_filters_of_one_number_are_of_one_column(make_card: Make) -> None:
    root = parsed(workbook(two_marts(make_card)).xml())
    numbers = {(each.get("filter-group"), each.get("column")) for each in root.iter("filter")}
    numbers = {pair for pair in numbers if pair[0]}
    assert (
        len(numbers) == 6
    )  # country, segment, channel and day of the one mart, segment and day of the other
    assert len({number for number, _ in numbers}) == 6
    assert len({column for _, column in numbers}) == 6


def test_a_phone_has_all_that_a_screen_has(make_card: Make) -> None:
    """Colours that nobody explains mislead."""
    root = parsed(workbook(make_card(Analysis.composition)).xml())
    board = root.find("dashboards/dashboard")
    screen, phone = (
        [(z.get("id"), z.get("type-v2"), z.get("name")) for z in zones.iter("zone") if z.find("zone") is None]
        for zones in (board.find("zones"), board.find("devicelayouts/devicelayout/zones"))
    )
    assert phone == screen
    assert "color" in {kind for _, kind, _ in screen}


def test_no_sheet_has_a_tab_of_its_own_and_the_check_sheets_are_views(make_card: Make) -> None:
    made = workbook(two_marts(make_card))
    windows = {each.get("name"): each.get("hidden") for each in parsed(made.xml()).iter("window")}
    assert [name for name, hidden in windows.items() if not hidden] == ["Dashboard"]
    checks = [sheet.name for sheet in made.checks]
    assert checks == ["Release check", "Release check 2"]
    assert set(windows) - set(made.hidden) == {"Dashboard", *checks}


def test_each_card_of_the_top_has_a_strip(make_card: Make) -> None:
    root = parsed(workbook(make_card()).xml())
    strips = root.findall("windows/window/cards/edge[@name='top']/strip")
    assert [len(strip) for strip in strips] == [1] * 3 * len(root.findall("worksheets/worksheet"))


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_formulas_mean_what_the_metrics_mean(one: Metric) -> None:
    wanted = {
        "net": "(SUM([gross]) - SUM([returned]))",
        "basket": "(SUM([gross]) / SUM([orders]))",
        "rate": "(SUM([returns]) / SUM([orders]))",
        "orders": "SUM([orders])",
        "customers": "COUNTD([customer])",
    }
    assert to_tableau(one.formula) == wanted[one.name]


def test_a_formula_that_is_not_understood_is_refused() -> None:
    for wrong in (["%", ["measure", "gross"], ["number", 2]], ["measure", "]) + RAWSQL_REAL("]):
        with pytest.raises(Misconfigured, match="formula of metric odd"):
            metric("odd", "Odd", wrong)


def test_hostile_words_are_only_words(make_card: Make) -> None:
    bad = "<[sqlproxy.x].[y]> & ]]> \u202e\x00\ufffe" + "x" * 10_000
    card = make_card(title=bad, metrics=(metric("bad", bad, ["measure", "orders"]), BASKET))
    root = parsed(workbook(card).xml())
    assert faults(root) == []
    title = root.find("dashboards/dashboard/zones/zone/zone/formatted-text/run").text
    assert title.startswith("‹[sqlproxy.x].[y]› & ]]› xxx")
    assert len(title) == 120


def label(card: Card, labels: dict[str, str]) -> Card:
    """A card whose dimensions are called so."""
    datasets = [card.datasets[0].model_copy(update={"labels": labels})]
    return card.model_copy(update={"datasets": tell_fields_apart(datasets)})


def test_a_caption_stands_once_whatever_its_case(make_card: Make) -> None:
    named = {"country": "Area", "segment": "area", "channel": "AREA"}
    card = make_card(
        metrics=(metric("area", "Area", ["measure", "orders"]), metric("none", " ", ["number", 1]))
    )
    card = label(card, named)
    columns = parsed(workbook(card).xml()).findall("datasources/datasource[1]/column[@caption]")
    captions = [each.get("caption") for each in columns]
    assert {"Area (country)", "area (segment)", "AREA (channel)", "Area", "none"} <= set(captions)
    assert len({caption.casefold() for caption in captions}) == len(captions)


@pytest.mark.parametrize(
    "name", ["See all checks", "open ticket an-1", "Action (Country)", "Country [x]", "Release check"]
)
def test_links_checks_and_actions_have_captions_of_their_own(make_card: Make, name: str) -> None:
    labels = {"country": "Country", "segment": name, "channel": name.translate(str.maketrans("[]", "()"))}
    card = make_card(ticket_url="https://jira.example.com/browse/AN-1")
    assert card.gate
    card = label(card, labels).model_copy(
        update={
            "gate": card.gate.model_copy(update={"docs_url": "https://checks.example.com/r1/index.html"}),
        }
    )
    root = parsed(workbook(card).xml())
    assert faults(root) == []
    sets = [each.get("name") for each in root.findall("datasources/datasource/group")]
    assert len(set(sets)) == len(sets) == 3
    written = root.xpath("datasources/datasource/column[starts-with(@name, '[Derived_link_')]/calculation")
    assert [each.get("formula") for each in written] == ['"Open ticket AN-1"', '"See all checks"']


def test_a_column_may_be_called_as_the_set_of_an_action(make_card: Make) -> None:
    card = make_card(metrics=(NET,), dimensions=("country", "segment"))
    names = ("country", "Action (Country)")
    data = card.datasets[0].model_copy(update={"dimensions": names})
    card = card.model_copy(update={"datasets": (data,), "extracts": (Path("none.parquet"),)})
    card = label(card, {"country": "Country"})
    (data,) = card.datasets
    types = {"day": "DATE", **dict.fromkeys(names, "TEXT"), **dict.fromkeys(("gross", "returned"), "BIGINT")}
    source = make_source("page", data, types, CONNECTIONS["packed"], "Page data")
    assert faults(parsed(make_workbook(card, [source]).xml())) == []


def test_the_same_card_gives_the_same_file_whatever_the_data(make_card: Make, tmp_path: Path) -> None:
    files = {}
    for name, where in (("one", "true"), ("again", "true"), ("other_data", "day > '2025-06-01'")):
        path = tmp_path / name / "book.twbx"
        path.parent.mkdir()
        pack_workbook(path, workbook(make_card(where=where)), {})
        files[name] = path
    assert files["one"].read_bytes() == files["again"].read_bytes()
    assert len({digest_workbook(path) for path in files.values()}) == 1
    pack_workbook(tmp_path / "else.twbx", workbook(make_card(title="Another title")), {})
    assert digest_workbook(tmp_path / "else.twbx") != digest_workbook(files["one"])


def test_bars_stand_in_order_and_a_figure_is_filled_in(make_card: Make) -> None:
    root = parsed(workbook(make_card(Analysis.comparison)).xml())
    sorts = list(root.iter("computed-sort"))
    cuts = [sort.get("column").rsplit(".", 1)[1] for sort in sorts]
    each = [f"[none:{name}:nk]" for name in ("country", "segment", "channel")]
    assert cuts == [*each, *each, *each]  # bars, movements, the table
    for place, sort in enumerate(sorts):
        assert sort.get("direction") == "DESC"
        by = "Derived_size" if 3 <= place < 6 else "Calculation"
        assert sort.get("using").endswith(f"[usr:{by}_net:qk]")
    assert root.find("document-format-change-manifest/SortTagCleanup") is not None
    assert b"<![CDATA[<[sqlproxy." in to_bytes(workbook(make_card()).xml())


def test_numbers_are_shown_as_their_metrics_say(make_card: Make) -> None:
    root = parsed(workbook(make_card(metrics=EVERY)).xml())
    columns = root.findall("datasources/datasource/column")
    forms = {
        each.get("caption"): each.get("default-format") for each in columns if each.get("default-format")
    }
    for then in (" before", ", latest", ", earlier"):
        values = {name: forms.pop(name) for name in list(forms) if name.endswith(then)}
        assert values == {f"{metric.label}{then}": forms[metric.label] for metric in EVERY}
    shares = {name: form for name, form in forms.items() if name.startswith("Share of ")}
    changes = {name: forms.pop(name) for name in list(forms) if name.endswith(", change")}
    assert changes == {f"{metric.label}, change": "p0.0%" for metric in EVERY}
    moves = {name: forms.pop(name) for name in list(forms) if name.endswith(", part of the change")}
    assert moves["Return rate, part of the change"] == "p0.00%"
    assert len(moves) == 4  # different customers are no sum
    sizes = {name: forms.pop(name) for name in list(forms) if name.endswith(", in size")}
    assert sizes == {"Net revenue, part of the change, in size": moves["Net revenue, part of the change"]}
    forms = {name: form for name, form in forms.items() if name not in shares}
    adding = ("Share of Net revenue", "Share of Orders")
    assert shares == dict.fromkeys((*adding, *(f"{name} in its time" for name in adding)), "p0.0%")
    assert forms == {
        "Net revenue": 'c"£"#,##0;-"£"#,##0',
        "Average basket": 'c"£"#,##0.00;-"£"#,##0.00',
        "Return rate": "p0.0%",
        "Orders": "n#,##0;-#,##0",
        "Customers": "n#,##0;-#,##0",
    }


@pytest.mark.parametrize(
    ("function", "kind", "form", "expected"),
    [
        ("sum", "BIGINT", "number", "n#,##0;-#,##0"),
        ("sum", "NUMERIC(18, 0)", "number", "n#,##0;-#,##0"),
        ("sum", "NUMERIC(18, 2)", "number", "n#,##0.00;-#,##0.00"),  # 7.25 hours are not 7
        ("max", "DOUBLE PRECISION", "number", "n#,##0.00;-#,##0.00"),
        ("sum", "NUMERIC(18, 2)", "currency:GBP", 'c"£"#,##0;-"£"#,##0'),
        ("max", "NUMERIC(18, 2)", "currency:GBP", 'c"£"#,##0.00;-"£"#,##0.00'),
        ("count_distinct", "NUMERIC(18, 2)", "number", "n#,##0;-#,##0"),
        ("sum", "DOUBLE PRECISION", "percent", "p0.0%"),
    ],
)
def test_fractions_are_shown_as_such(
    make_card: Make, function: Any, kind: str, form: str, expected: str
) -> None:
    measure = Measure(name="gross", function=function)
    one = metric("one", "One", ["measure", "gross"], form).model_copy(
        update={"measures": (measure,), "formula": measure}
    )
    (data,) = make_card(metrics=(one,)).datasets
    field = make_metric_field(one, data, {"gross": kind})
    assert field.form == expected


def test_a_picture_of_its_layout_is_drawn_from_the_xml_alone(make_card: Make) -> None:
    """docs/tableau-workbook.svg is one, of the demo's ticket AN-1: tests/dbt_project/test_ticket_plans.py."""
    metrics = (AIMED, *EVERY[1:])
    made = workbook(make_card(Analysis.composition, metrics=metrics, dimensions=("country", "segment")))
    drawn = etree.fromstring(draw_workbook(parsed(made.xml())).encode())
    words = {(each.text or "").split("…")[0] for each in drawn.iter("{*}text")}
    for sheet in (*made.kpis, *made.charts):
        title = fill_in(parsed(made.xml()), sheet.title)
        assert any(each and title.startswith(each.split(" (")[0]) for each in words), title
    assert {"Choice: Dates per", "Filter: Country", "Data to"} <= words
    assert {"Net revenue, last change", "Target", "Unfinished from"} <= words


def test_a_package_holds_the_workbook_and_its_data(make_card: Make, tmp_path: Path) -> None:
    (tmp_path / "x.hyper").write_bytes(b"rows")
    pack_workbook(
        tmp_path / "sales.twbx",
        workbook(make_card(), CONNECTIONS["packed"]),
        {"Data/sales.hyper": tmp_path / "x.hyper"},
    )
    with zipfile.ZipFile(tmp_path / "sales.twbx") as package:
        assert package.namelist() == ["sales.twb", "Data/sales.hyper"]
        root = etree.fromstring(package.read("sales.twb"))
    named = root.find("datasources/datasource/connection/named-connections/named-connection/connection")
    assert named.get("dbname") == "Data/sales.hyper"


@pytest.mark.parametrize("kind", ["snowflake", "dremio", "postgres"])
def test_a_live_source_points_at_serving_and_holds_no_password(make_card: Make, kind: str) -> None:
    (source,) = sources(make_card(metrics=EVERY), CONNECTIONS[kind])
    root = parsed(source.tds())
    inner = root.find("connection/named-connections/named-connection/connection")
    live = {"snowflake": SNOWFLAKE, "dremio": DREMIO, "postgres": POSTGRES}[kind]
    assert (inner.get("class"), inner.get("server")) == (kind, live.server)
    assert (inner.get("dbname"), inner.get("username")) == (live.database, "reader")
    assert inner.get("port") == (str(live.port) if live.port else None)
    assert inner.get("schema") in (live.schema_name, None)  # the query names its schema itself
    assert not {name for name in inner.attrib if "password" in name}
    relation = root.find("connection/relation")
    assert ("<<>>" in relation.text) == ("<>" in CONNECTIONS[kind].query)
    assert relation.text.replace("<<", "<").replace(">>", ">") == CONNECTIONS[kind].query
    types = {r.findtext("remote-name"): r.findtext("local-type") for r in root.iter("metadata-record")}
    assert types["day"] == "date"
    assert types["gross"] == "real"
    assert types["country"] == "string"
    assert types["orders"] == "integer"


def test_a_warehouse_tableau_has_no_driver_for_is_refused(make_card: Make) -> None:
    odd = LiveConnection(SNOWFLAKE.model_copy(update={"kind": "duckdb"}), "select 1", "reader")
    (source,) = sources(make_card(metrics=(ORDERS,)), odd)
    with pytest.raises(Misconfigured, match="duckdb"):
        source.tds()


def test_filters_and_period_are_preset_on_every_sheet_that_they_act_on(make_card: Make) -> None:
    root = parsed(workbook(make_card(**SHAPES["asked"])).xml())
    views = [
        view for view in root.iterfind("worksheets/worksheet/table/view") if view.find("filter") is not None
    ]
    for view in views:
        found = {each.get("column").partition("].")[2]: each for each in view.findall("filter")}
        several = found["[none:country:nk]"].find("groupfilter")
        assert several.get("function") == "union"
        assert [each.get("member") for each in several] == ['"France"', '"Germany"']  # as the data spell them
        assert found["[none:segment:nk]"].find("groupfilter").get("member") == '"SMB"'
        assert found["[none:channel:nk]"].find("groupfilter").get("function") == "level-members"
        days = found["[none:day:qk]"]
        assert days.get("included-values") == "in-range"
        assert [(each.tag, each.text) for each in days] == [("min", "#2025-09-01#"), ("max", "#2025-11-30#")]
    assert (
        len(views) == len(root.findall("worksheets/worksheet")) - 2
    )  # not the check sheet, nor that of the date


def test_values_to_be_left_out_are_left_out_on_every_sheet_as_tableau_excludes(make_card: Make) -> None:
    left = Filter(dimension="country", values=("germany", "France"), excluded=True)
    card = make_card(metrics=(NET,), wishes=Wishes(filters=(left,)))
    root = parsed(workbook(card).xml())
    path = "worksheets//filter[@column]/groupfilter[@function='except']"
    found = root.findall(path)
    assert found
    for each in found:
        assert [part.get("function") for part in each] == ["level-members", "member", "member"]
        assert [part.get("member") for part in each][1:] == ['"France"', '"Germany"']
        assert each.get(ACTING.replace("action-filter", "enumeration")) == "exclusive"
    assert "filters country != germany, France" in list_notes_on_wishes(card)[0]


@pytest.mark.parametrize(
    ("kind", "value", "asked", "member"),
    [
        ("BOOLEAN", "true", "true", "true"),
        ("BIGINT", "7", "7", "7"),
        ("DATE", "2026-01-31", "2026-01-31", "#2026-01-31#"),
        ("VARCHAR", "SMB", "SMB", '"SMB"'),
        ("VARCHAR", "SMB", "smb", '"SMB"'),  # Tableau tells them apart
        ("VARCHAR", "SMB", "Atlantis", None),
        ("BIGINT", "7", "SMB", None),
    ],
)
def test_values_of_a_live_source_are_those_of_its_rows(
    make_card: Make, tmp_path: Path, kind: str, value: str, asked: str, member: str | None
) -> None:
    """Its extract has columns and no rows: another case, or a text where numbers are, would show nothing at all."""
    path, values = tmp_path / "columns.parquet", tmp_path / "values.parquet"
    duckdb.sql(f"SELECT NULL::{kind} AS segment, 1::BIGINT AS orders LIMIT 0").write_parquet(str(path))
    duckdb.sql(f"SELECT '{value}'::{kind} AS segment").write_parquet(str(values))
    wish = Wishes(filters=(Filter(dimension="segment", values=(asked,)),))
    card = make_card(metrics=(ORDERS,), dimensions=("segment",), timed=False, wishes=wish)
    card = card.model_copy(update={"extracts": (path,), "values": ({"segment": values},)})
    root = parsed(workbook(card, CONNECTIONS["snowflake"]).xml())
    assert {each.get("member") for each in root.findall("worksheets//filter[@filter-group]/groupfilter")} == {
        member
    }
    assert len(list_notes_on_wishes(card)) == (1 if member else 3)


def test_grain_and_charts_come_as_they_were_asked_for(make_card: Make) -> None:
    made = workbook(make_card(**SHAPES["asked"]))
    assert [sheet.mark for sheet in made.charts][:2] == ["Bar", "Bar"]
    assert made.charts[0].title == "By country, segment, channel"
    assert next(each.value for each in made.layout.parameters if each.caption == "Dates per") == "month"


def test_targets_are_lines_and_words_below_the_figures(make_card: Make) -> None:
    made = workbook(make_card(**SHAPES["asked"]))
    (source,) = made.sources
    formulas = {field.name: field.formula for field in source.derived.fields}
    assert formulas["Derived_target_net"] == 'MIN(IF [Parameters].[Parameter 1] = "month" THEN 1000000.0 END)'
    assert "Derived_target_orders" not in formulas  # its own value of an earlier time is no line
    assert "Target £1.00M per month by 31 Dec 2026: " in formulas["Derived_standing_net"]
    assert "<= 0.99" in formulas["Derived_standing_rate"]  # less is better
    assert "[Derived_moved_orders]) >= 0.0" in formulas["Derived_standing_orders"]
    assert "DATEADD('year', -1" in formulas["Derived_before_0_year"]
    assert formulas["Derived_words_net"].endswith('"% on a year before", "")')
    shown = {
        sheet.title: sum(shelf == "text" for shelf, _ in sheet.panes[0].encodings) for sheet in made.kpis
    }
    assert shown == {
        "Net revenue": 3,
        "Average basket": 2,
        "Return rate": 3,
        "Orders": 3,
        "Customers": 2,
    }


def test_a_filtered_distinct_count_of_nothing_is_0_of_all_rows_and_null_in_a_group(make_card: Make) -> None:
    """As dbt's semantic layer has it."""
    counted = CUSTOMERS.measures[0].model_copy(update={"filtered": True})
    some = CUSTOMERS.model_copy(update={"name": "some", "formula": counted, "measures": (counted,)})
    made = workbook(make_card(metrics=(some, CUSTOMERS)))
    (source,) = made.sources
    groups = {each.name: each.formula for each in source.metrics}
    assert groups["Calculation_some"] == "(IF COUNTD([customer]) > 0 THEN COUNTD([customer]) END)"
    assert {name: each.formula for name, each in source.derived.wholes.items()} == {
        "Calculation_some": "COUNTD([customer])"
    }
    assert "[Derived_whole_some]" in source.derived.figures["Calculation_some"].formula
    tips = [sheet.panes[0].tip[0][1].field.formula for sheet in made.kpis]
    assert tips == ["COUNTD([customer])"] * 2
    (figures,) = workbook(make_card(metrics=(some,), dimensions=(), timed=False)).sources
    assert [each.formula for each in figures.metrics] == ["COUNTD([customer])"]  # no group is drawn


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_calculated_field_is_on_a_sheet(make_card: Make, shape: str) -> None:
    some = CUSTOMERS.measures[0].model_copy(update={"filtered": True})
    counted = CUSTOMERS.model_copy(update={"name": "some", "formula": some, "measures": (some,)})
    made = workbook(make_card(**SHAPES[shape] | {"metrics": (*SHAPES[shape].get("metrics", ()), counted)}))
    (source,) = made.sources
    sheets = [*made.layout.sheets, *made.checks]
    used = {
        each.name
        for sheet in sheets
        for by in sheet.list_used()
        for each in source.list_used_fields(by.field)
    }
    assert {each.name for each in (*source.metrics, *source.derived.fields)} <= used


def test_what_of_a_wish_the_data_do_not_have_is_said(make_card: Make) -> None:
    notes = list_notes_on_wishes(make_card(**SHAPES["asked"]))
    assert notes[0].startswith(
        "Opens as asked for, with filters country = germany, France, Atlantis; segment = SMB"
    )
    assert notes[1] == "country has no value Atlantis in these data."
    assert list_notes_on_wishes(make_card()) == []
