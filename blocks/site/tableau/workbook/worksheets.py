"""A worksheet: what stands on its shelves, as Tableau's XML. Which sheets there are is in sheet_plan.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import Field, Instance, use_plain
from blocks.site.tableau.workbook.xml import Element, element, placeholder, stable_id

KPI, BAR, LINE, PIE = "Text", "Bar", "Line", "Pie"


@dataclass(frozen=True)
class Sheet:
    """A worksheet. mark: how it draws; encodings: (shelf, field) on the marks card.

    filtered: dashboard filters act on it; drills: its marks filter the other sheets of its source. groups: the number
    of each dashboard filter, by the full name of its field; actions: those that filter it, by name.
    """

    name: str
    title: str
    source: Source
    mark: str
    rows: tuple[Instance, ...] = ()
    cols: tuple[Instance, ...] = ()
    encodings: tuple[tuple[str, Instance], ...] = ()
    filtered: bool = True
    drills: bool = False
    big: bool = False
    groups: Mapping[str, int] = field(default_factory=dict)
    actions: Mapping[str, Field] = field(default_factory=dict)

    def xml(self) -> Element:
        """The `worksheet`."""
        return element(
            "worksheet",
            {"name": self.name},
            self._title(),
            self._table(),
            element("simple-id", {"uuid": stable_id("sheet", self.name)}),
        )

    def filters(self) -> list[Instance]:
        """The fields that the dashboard's filters act by."""
        if not self.filtered:
            return []
        time = [use_plain(self.source.time, "quantitative")] if self.source.time else []
        return [*map(use_plain, self.source.dimensions), *time]

    def _title(self) -> Element:
        words = element("formatted-text", {}, element("run", {}, text=self.title))
        return element("layout-options", {}, element("title", {}, words))

    def _table(self) -> Element:
        return element(
            "table",
            {},
            self._view(),
            element("style"),
            element("panes", {}, self._pane()),
            element("rows", {}, text=_write_shelf(self.source, self.rows)),
            element("cols", {}, text=_write_shelf(self.source, self.cols)),
        )

    def _view(self) -> Element:
        source, filters = self.source, self.filters()
        used = [*self.rows, *self.cols, *(instance for _, instance in self.encodings), *filters]
        acting = list(self.actions.values())
        slices = [source.ref(each) for each in filters] + [
            source.full(source.action_set(by)) for by in acting
        ]
        return element(
            "view",
            {},
            element("datasources", {}, source.pointer()),
            source.needs(acting, used),
            *(self._action(name, by) for name, by in self.actions.items()),
            *(_filter(source, each, self.groups[source.ref(each)]) for each in filters),
            self._sort(),
            element("slices", {}, *(element("column", text=each) for each in slices)) if slices else None,
            element("aggregation", {"value": "true"}),
        )

    def _sort(self) -> Element | None:
        """Bars from the longest down."""
        if self.mark != BAR:
            return None
        by = {
            "column": self.source.ref(self.rows[0]),
            "direction": "DESC",
            "using": self.source.ref(self.cols[0]),
        }
        return element("computed-sort", by)

    def _action(self, name: str, by: Field) -> Element:
        """The filter that an action sets; before it does, it lets everything through."""
        column = self.source.full(self.source.action_set(by))
        return element("filter", {"class": "categorical", "column": column}, _let_through(by.ref, name))

    def _pane(self) -> Element:
        encodings = [element(shelf, {"column": self.source.ref(each)}) for shelf, each in self.encodings]
        return element(
            "pane",
            {"selection-relaxation-option": "selection-relaxation-allow"},
            element("view", {}, element("breakdown", {"value": "auto"})),
            element("mark", {"class": self.mark}),
            element("encodings", {}, *encodings) if encodings else None,
            self._label(),
            self._style(),
        )

    def _label(self) -> Element | None:
        if not self.big:
            return None
        text = placeholder(self.source.ref(self.encodings[0][1]))
        run = element("run", {"bold": "true", "fontsize": "28"}, text=text)
        return element("customized-label", {}, element("formatted-text", {}, run))

    def _style(self) -> Element | None:
        if self.mark == LINE:
            return None
        formats = {"mark-labels-show": "true", "mark-labels-cull": "true"}
        made = [element("format", {"attr": name, "value": value}) for name, value in formats.items()]
        return element("style", {}, element("style-rule", {"element": "mark"}, *made))


def _write_shelf(source: Source, instances: tuple[Instance, ...]) -> str:
    """Several fields on a shelf, nested as Tableau writes them: dimensions by /, measures side by side by +."""
    if len(instances) < 2:
        return source.ref(instances[0]) if instances else ""
    sign = " / " if instances[0].type != "quantitative" else " + "
    return f"({source.ref(instances[0])}{sign}{_write_shelf(source, instances[1:])})"


def _filter(source: Source, instance: Instance, group: int) -> Element:
    """A dashboard filter that lets everything through until someone uses it, but for rows without a date."""
    attributes = {"column": source.ref(instance), "filter-group": group}
    if instance.type == "quantitative":  # no fixed range: it would cut off days that come later
        return element("filter", {"class": "quantitative", **attributes, "included-values": "non-null"})
    return element("filter", {"class": "categorical", **attributes}, _let_through(instance.ref))


def _let_through(level: str, action: str = "") -> Element:
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
