"""A worksheet: what stands on its shelves, as Tableau's XML. Which sheets there are is in sheet_plan.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blocks.site.palette import SERIES
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import Field, Instance, use_plain
from blocks.site.tableau.workbook.parameters import need_parameters, point_at_parameters
from blocks.site.tableau.workbook.presets import list_members
from blocks.site.tableau.workbook.xml import Element, element, placeholder, stable_id, to_template

SMALL = 9  # points, of what stands below a figure
AXES = 3  # side by side, in half a screen's width, or in a phone's
KPI, BAR, LINE, PIE, MAP = "Text", "Bar", "Line", "Pie", "Automatic"
BREAK = (
    "Æ\n"  # Tableau drops white space at the end of a run, but not after this letter, which it does not show
)


@dataclass(frozen=True)
class Pane:
    """The marks of one measure. measure: on rows or columns, where there are several; tip: a tooltip's lines.

    target: what is drawn as a line across, edge: as one from top to bottom; Tableau draws both only if they are among
    the encodings, too.
    """

    measure: Instance | None = None
    encodings: tuple[tuple[str, Instance], ...] = ()
    tip: tuple[tuple[str, Instance], ...] = ()
    target: Instance | None = None
    edge: Instance | None = None


@dataclass(frozen=True)
class Sheet:
    """A worksheet. mark: how it draws; panes: what is on its marks cards; height: in pixels, where it is drawn well.

    title: as the page has it, with <parameters> that Tableau fills in; note: small beside it, what else is to know.
    filtered: dashboard filters act on it; drills: the dimension by which a click on its marks filters the other sheets
    of its source; sort: the fields that are ordered, and by what, the largest first. scrolls: it is as long as it has
    rows. legend: the field whose colours are explained beside it. groups: the number of each dashboard filter, by the
    full name of its field; actions: those that filter it, by name.
    """

    name: str
    title: str
    source: Source
    mark: str
    rows: tuple[Instance, ...] = ()
    cols: tuple[Instance, ...] = ()
    panes: tuple[Pane, ...] = (Pane(),)
    height: int = 300
    filtered: bool = True
    drills: Field | None = None
    sort: tuple[tuple[Instance, ...], Instance] | None = None
    big: int = 0
    scrolls: bool = False
    legend: Instance | None = None
    link: str = ""
    note: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)
    actions: Mapping[str, Field] = field(default_factory=dict)

    @property
    def is_wide(self) -> bool:
        """True if it has more axes side by side than half a screen, or a phone, has room for."""
        return len(self.cols) > AXES

    def xml(self) -> Element:
        """The `worksheet`."""
        return element(
            "worksheet",
            {"name": self.name},
            self._make_title(),
            self._make_table(),
            element("simple-id", {"uuid": stable_id("sheet", self.name)}),
        )

    def list_filters(self) -> list[Instance]:
        """The fields that the dashboard's filters act by."""
        if not self.filtered:
            return []
        time = [use_plain(self.source.time, "quantitative")] if self.source.time else []
        return [*map(use_plain, self.source.dimensions), *time]

    def list_used(self) -> list[Instance]:
        """All fields on its shelves and filters."""
        marks = [instance for pane in self.panes for _, instance in (*pane.encodings, *pane.tip)]
        order = [self.sort[1]] if self.sort else []
        return [*self.rows, *self.cols, *marks, *order, *self.list_filters()]

    def _make_title(self) -> Element:
        title = to_template(self.title) if "<" in self.title else self.title
        runs = [element("run", {}, text=title)]
        runs += [element("run", {"fontsize": SMALL}, text=f" ({self.note})")] if self.note else []
        return element("layout-options", {}, element("title", {}, element("formatted-text", {}, *runs)))

    def _make_table(self) -> Element:
        shelves = [_write_shelf(self.source, shelf) for shelf in (self.rows, self.cols)]
        if self.mark == MAP:
            shelves = [self.source.qualify(f"[{part} (generated)]") for part in ("Latitude", "Longitude")]
        rows, cols = shelves
        panes = [self._make_pane(pane, place) for place, pane in enumerate(self.panes, 1)]
        return element(
            "table",
            {},
            self._make_view(),
            self._make_axes(),
            element("panes", {}, *([self._make_shared_pane()] if len(panes) > 1 else []), *panes),
            element("rows", {}, text=rows),
            element("cols", {}, text=cols),
        )

    def _make_axes(self) -> Element:
        """The `style` of the table: how axes write numbers; marks and tooltips have them in full."""
        source = self.source
        forms = [
            element(
                "format",
                {"attr": "text-format", "field": source.ref(each), "value": source.axes[each.field.name]},
            )
            for each in (*self.rows, *self.cols)
            if each.field.name in source.axes
        ]
        return element("style", {}, element("style-rule", {"element": "label"}, *forms) if forms else None)

    def _make_view(self) -> Element:
        source, filters, used = self.source, self.list_filters(), self.list_used()
        acting = list(self.actions.values())
        slices = [source.ref(each) for each in filters] + [
            source.qualify(source.name_action_set(by)) for by in acting
        ]
        parameters = source.list_parameters(used)
        return element(
            "view",
            {},
            element("datasources", {}, source.make_pointer(), point_at_parameters(parameters)),
            element("mapsources", {}, element("mapsource", {"name": "Tableau"}))
            if self.mark == MAP
            else None,
            need_parameters(parameters),
            source.make_dependencies(acting, used),
            *(self._make_action_filter(name, by) for name, by in self.actions.items()),
            *(_filter(source, each, self.groups[source.ref(each)]) for each in filters),
            *self._sort(),
            element("slices", {}, *(element("column", text=each) for each in slices)) if slices else None,
            element("aggregation", {"value": "true"}),
        )

    def _sort(self) -> list[Element]:
        fields, by = self.sort or ((), None)
        ways = {"direction": "DESC", "using": self.source.ref(by)} if by else {}
        return [element("computed-sort", {"column": self.source.ref(each), **ways}) for each in fields]

    def _make_action_filter(self, name: str, by: Field) -> Element:
        """The filter that an action sets; before it does, it lets everything through."""
        column = self.source.qualify(self.source.name_action_set(by))
        return element("filter", {"class": "categorical", "column": column}, _make_open_filter(by.ref, name))

    def _make_shared_pane(self) -> Element:
        """What all measures' marks have in common, before each has its own."""
        first, *rest = (pane.encodings for pane in self.panes)
        return self._make_pane(
            Pane(None, tuple(each for each in first if all(each in one for one in rest))), 0
        )

    def _make_pane(self, pane: Pane, place: int) -> Element:
        encodings = [element(shelf, {"column": self.source.ref(each)}) for shelf, each in pane.encodings]
        if self.mark == MAP:
            encodings.append(element("geometry", {"column": self.source.qualify("[Geometry (generated)]")}))
        attributes: dict[str, object] = {"selection-relaxation-option": "selection-relaxation-allow"}
        if pane.measure and len(self.panes) > 1:
            axis = "y-axis-name" if pane.measure in self.rows else "x-axis-name"
            attributes |= {"id": place, axis: self.source.ref(pane.measure)}
        return element(
            "pane",
            attributes,
            element("view", {}, element("breakdown", {"value": "auto"})),
            element("mark", {"class": self.mark}),
            element("encodings", {}, *encodings) if encodings else None,
            *self._make_lines(pane, place),
            self._make_tooltip(pane),
            self._make_label(pane),
            self._make_style(pane),
        )

    def _make_lines(self, pane: Pane, place: int) -> list[Element]:
        """Lines at the target, on the axis of the pane's measure, and where time is not finished, on that of dates."""
        found = []
        if pane.target and pane.measure:
            found.append(self._make_line(pane.measure, pane.target, "Target", place))
        if pane.edge:
            number = place + len(self.panes)  # another than any line of a target has
            found.append(self._make_line(self.cols[0], pane.edge, "Unfinished from", number))
        return found

    def _make_line(self, axis: Instance, value: Instance, words: str, number: int) -> Element:
        return element(
            "reference-line",
            {
                "axis-column": self.source.ref(axis),
                "enable-instant-analytics": "false",
                "formula": "average",
                "id": f"refline{number}",
                "label": f"{words} <Value>",
                "label-type": "custom",
                "probability": "95",
                "scope": "per-table",
                "value-column": self.source.ref(value),
                "z-order": "1",
            },
        )

    def _make_tooltip(self, pane: Pane) -> Element | None:
        if not pane.tip:
            return None
        runs = []
        for place, (words, instance) in enumerate(pane.tip):
            runs += [element("run", {}, text=BREAK)] if place else []
            runs.append(element("run", {}, text=f"{words}: "))
            runs.append(element("run", {"bold": "true"}, text=placeholder(self.source.ref(instance))))
        return element("customized-tooltip", {}, element("formatted-text", {}, *runs))

    def _make_label(self, pane: Pane) -> Element | None:
        if not self.big:
            return None
        first, *below = (
            placeholder(self.source.ref(each)) for shelf, each in pane.encodings if shelf == "text"
        )
        runs = [element("run", {"bold": "true", "fontsize": self.big}, text=first)]
        for text in below:
            runs += [element("run", {}, text=BREAK), element("run", {"fontsize": SMALL}, text=text)]
        return element("customized-label", {}, element("formatted-text", {}, *runs))

    def _make_style(self, pane: Pane) -> Element | None:
        shelves = {shelf for shelf, _ in pane.encodings}
        formats = {} if self.mark == KPI or "color" in shelves else {"mark-color": SERIES[0]}
        if "text" in shelves:
            formats |= {"mark-labels-show": "true", "mark-labels-cull": "true"}
        made = [element("format", {"attr": name, "value": value}) for name, value in formats.items()]
        return element("style", {}, element("style-rule", {"element": "mark"}, *made)) if made else None


def _write_shelf(source: Source, instances: tuple[Instance, ...]) -> str:
    """Several fields on a shelf, nested as Tableau writes them: dimensions by /, measures side by side by +."""
    if len(instances) < 2:
        return source.ref(instances[0]) if instances else ""
    sign = " / " if instances[0].field.role == "dimension" else " + "
    return f"({source.ref(instances[0])}{sign}{_write_shelf(source, instances[1:])})"


def _filter(source: Source, instance: Instance, group: int) -> Element:
    """A dashboard filter: what was wished, else everything until someone uses it, but for rows without a date."""
    attributes, presets = {"column": source.ref(instance), "filter-group": group}, source.presets
    if instance.type == "quantitative" and (presets.first or presets.last):
        days = [(name, day) for name, day in (("min", presets.first), ("max", presets.last)) if day]
        limits = [element(name, text=f"#{day}#") for name, day in days]
        return element(
            "filter", {"class": "quantitative", **attributes, "included-values": "in-range"}, *limits
        )
    if instance.type == "quantitative":  # no fixed range: it would cut off days that come later
        return element("filter", {"class": "quantitative", **attributes, "included-values": "non-null"})
    if values := presets.members.get(instance.field.name):
        make = _make_exclusion if instance.field.name in presets.excluded else _make_choice
        return element("filter", {"class": "categorical", **attributes}, make(instance.ref, values))
    return element("filter", {"class": "categorical", **attributes}, _make_open_filter(instance.ref))


def _make_choice(level: str, values: Sequence[str]) -> Element:
    """The chosen values of a filter; one alone stands for itself."""
    chosen = {"user:ui-domain": "database", "user:ui-enumeration": "inclusive", "user:ui-marker": "enumerate"}
    members = list_members(values, level)
    if len(members) == 1:
        return element("groupfilter", {**members[0], **chosen})
    return element(
        "groupfilter", {"function": "union", **chosen}, *(element("groupfilter", each) for each in members)
    )


def _make_exclusion(level: str, values: Sequence[str]) -> Element:
    """All values of a filter but some."""
    left = {"user:ui-domain": "database", "user:ui-enumeration": "exclusive", "user:ui-marker": "enumerate"}
    members = [element("groupfilter", each) for each in list_members(values, level)]
    every = element("groupfilter", {"function": "level-members", "level": level})
    return element("groupfilter", {"function": "except", **left}, every, *members)


def _make_open_filter(level: str, action: str = "") -> Element:
    by = {"user:ui-action-filter": action} if action else {}
    return element(
        "groupfilter",
        {
            "function": "level-members",
            "level": level,
            **by,
            "user:ui-enumeration": "all",
            "user:ui-marker": "enumerate",
        },
    )
