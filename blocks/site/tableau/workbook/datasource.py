"""A data source: its connection, columns, metrics and the field of the filter action; alone, a .tds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from blocks.catalogue import Dataset
from blocks.metrics import count_all, to_tableau
from blocks.site.palette import SERIES
from blocks.site.plan import Section
from blocks.site.tableau.workbook.colours import Colours, write_colours
from blocks.site.tableau.workbook.connections import TableauConnection
from blocks.site.tableau.workbook.derived import ALL, Choices, Clock, Derived, derive_fields
from blocks.site.tableau.workbook.fields import (
    Field,
    Instance,
    make_check_field,
    make_columns,
    make_metric_field,
    use_plain,
)
from blocks.site.tableau.workbook.grammar import VERSION, declare_features
from blocks.site.tableau.workbook.parameters import Parameter, need_parameters
from blocks.site.tableau.workbook.presets import Presets
from blocks.site.tableau.workbook.xml import Element, element, stable_id, stable_token
from blocks.wishes import Against


@dataclass(frozen=True)
class Source:
    """One dataset as a data source. derived: what its plan needs beyond columns and metrics; colours: of values.

    axes: how axes write numbers otherwise than in full, by field; presets: what its filters open with.
    """

    name: str
    caption: str
    connection: TableauConnection
    columns: Mapping[str, Field]
    metrics: tuple[Field, ...]
    dimensions: tuple[Field, ...]
    time: Field | None
    grain: str
    check: Field
    derived: Derived = field(default_factory=Derived)
    colours: Mapping[str, Colours] = field(default_factory=dict)
    axes: Mapping[str, str] = field(default_factory=dict)
    presets: Presets = field(default_factory=Presets)

    def name_action_set(self, dimension: Field) -> str:
        """The set through which a filter action by a dimension works; its name is its caption, too: no field's."""
        captions = Captions(self._list_fields(), (each.name for each in self._list_fields()))
        names = {
            each.name: captions.add(f"Action ({each.caption.translate(_NO_BRACKETS)})")
            for each in self.dimensions
        }
        return f"[{names[dimension.name]}]"

    def name_apart(self, caption: str) -> str:
        """A caption for one more field, with a number where another field has it."""
        return Captions(self._list_fields()).add(caption)

    def ref(self, instance: Instance) -> str:
        """A field on a shelf, by its full name."""
        return self.qualify(instance.ref)

    def qualify(self, name: str) -> str:
        """A name of this source, by its full name."""
        return f"[{self.name}].{name}"

    def list_used_fields(self, field: Field) -> list[Field]:
        """A field and all that its formula reads."""
        found, left = dict[str, Field](), [field]
        while left:
            one = left.pop()
            if one.name not in found:
                found[one.name] = one
                left += [self._known[ref] for ref in _REF.findall(one.formula) if ref in self._known]
        return list(found.values())

    @cached_property
    def _known(self) -> dict[str, Field]:
        """The fields that formulas read, by the names that they write."""
        return {each.ref: each for each in (*self.columns.values(), *self.metrics, *self.derived.fields)}

    def list_parameters(self, instances: Iterable[Instance]) -> list[Parameter]:
        """The parameters that fields on shelves depend on."""
        formulas = [used.formula for each in instances for used in self.list_used_fields(each.field)]
        return [
            each for each in self.derived.choices.every if any(each.ref in formula for formula in formulas)
        ]

    def make_pointer(self) -> Element:
        """The element by which a sheet names its source."""
        return element("datasource", {"caption": self.caption, "name": self.name})

    def make_dependencies(self, fields: list[Field], instances: list[Instance]) -> Element:
        """The `datasource-dependencies` of a sheet: each field and instance it uses, once."""
        known = {
            each.name: each
            for field in [*fields, *(i.field for i in instances)]
            for each in self.list_used_fields(field)
        }
        placed = {instance.ref: instance for instance in instances}
        made = [known[name].xml(declared=False) for name in sorted(known)] + [
            placed[name].xml() for name in sorted(placed)
        ]
        return element("datasource-dependencies", {"datasource": self.name}, *made)

    def xml(self) -> Element:
        """The `datasource` of a workbook."""
        attributes = {"caption": self.caption, "inline": "true", "name": self.name, "version": VERSION}
        return element(
            "datasource",
            attributes,
            self.connection.location(),
            self.connection.xml(self._records()),
            element("aliases", {"enabled": "yes"}),
            *(field.xml() for field in self._list_fields()),
            self._table(),
            *map(self._group, self.dimensions),
            self._hierarchy(),
            *self._make_last_parts(self.derived.choices.every, write_colours(self.colours)),
        )

    def tds(self) -> Element:
        """The same without metrics, to be published by itself: workbooks add their own."""
        attributes = {
            "formatted-name": self.name,
            "inline": "true",
            "source-platform": "linux",
            "version": VERSION,
        }
        fields = [field.xml() for field in self.columns.values()]
        root = element(
            "datasource",
            attributes,
            self.connection.xml(self._records()),
            element("aliases", {"enabled": "yes"}),
            *fields,
            self._table(),
            self._hierarchy(),
            *self._make_last_parts(),
        )
        root.insert(0, declare_features(root))
        return root

    def _list_fields(self) -> list[Field]:
        return [*self.columns.values(), *self.metrics, *self.derived.fields, self.check]

    @property
    def _object(self) -> str:
        return f"Extract_{stable_id(self.name)[1:-1].replace('-', '')}"

    def _records(self) -> Element:
        holder = self._object if self.connection.modelled else ""
        return make_metadata(self.columns.values(), self.connection.parent, holder)

    def _table(self) -> Element | None:
        if not self.connection.modelled:
            return None
        name = f"[__tableau_internal_object_id__].[{self._object}]"
        return element(
            "column",
            {
                "caption": self.caption,
                "datatype": "table",
                "name": name,
                "role": "measure",
                "type": "quantitative",
            },
        )

    def _hierarchy(self) -> Element | None:
        """The dimensions in the order in which a click on the plus sign goes through them."""
        if len(self.dimensions) < 2:
            return None
        fields = [element("field", {}, text=each.ref) for each in self.dimensions]
        return element("drill-paths", {}, element("drill-path", {"name": "Drill down"}, *fields))

    def _group(self, dimension: Field) -> Element:
        name = self.name_action_set(dimension)
        members = element("groupfilter", {"function": "level-members", "level": dimension.ref})
        return element(
            "group",
            {
                "caption": name[1:-1],
                "hidden": "true",
                "name": name,
                "name-style": "unqualified",
                "user:auto-column": "sheet_link",
            },
            element("groupfilter", {"function": "crossjoin"}, members),
        )

    def _make_last_parts(
        self, parameters: tuple[Parameter, ...] = (), style: Element | None = None
    ) -> list[Element | None]:
        layout = {"dim-ordering": "alphabetic", "measure-ordering": "alphabetic", "show-structure": "true"}
        ending = [element("layout", layout), style, need_parameters(parameters)]
        if not self.connection.modelled:
            return ending
        properties = element("properties", {"context": ""}, self.connection.relation())
        shape = element("object", {"caption": self.caption, "id": self._object}, properties)
        return [*ending, element("object-graph", {}, element("objects", {}, shape))]


def colour_source(source: Source, colours: Mapping[str, Colours]) -> Source:
    """The source with colours for its dimensions' values, by name, and for those that split lines."""
    fields = {each.name: use_plain(each).ref for each in source.dimensions if each.name in colours}
    found = {ref: colours[name] for name, ref in fields.items()}
    if split := source.derived.split:
        # one value of two dimensions has one colour: the earlier one's
        merged = {ALL: SERIES[0]}
        for name in fields:
            merged = {**colours[name], **merged}
        found[use_plain(split).ref] = merged
    return replace(source, colours=found)


def plan_source(
    source: Source,
    dataset: Dataset,
    section: Section,
    choices: Choices,
    data: str = "Data",
    end: date | None = None,
    against: Against | None = None,
) -> Source:
    """The source with all that the plan of its dataset needs, its metrics in the plan's order.

    data: what its rows are called where the dashboard says how new they are; end: the last day that they reach over;
    against: what changes are measured by.
    """
    levels = (*dataset.dimensions, *(["Derived_split"] if choices.split else []))
    meanings = {metric.name: metric for metric in dataset.metrics}
    if not section.panels:  # figures are all that there is, and they are of all rows
        meanings = {
            name: m.model_copy(update={"formula": count_all(m.formula)}) for name, m in meanings.items()
        }
    fields = {
        name: replace(made, formula=to_tableau(metric.formula, levels))
        for (name, metric), made in zip(meanings.items(), source.metrics, strict=True)
    }
    captions = Captions((*source.columns.values(), *source.metrics, source.check))
    metrics = {name: fields[name] for name in section.metrics}
    derived = derive_fields(
        section,
        choices,
        metrics=metrics,
        dimensions=source.dimensions,
        clock=Clock(source.time, source.grain, end, against) if source.time else None,
        name_apart=captions.add,
        data=data,
        meanings=meanings,
    )
    return replace(source, metrics=tuple(metrics.values()), derived=derived)


_REF = re.compile(r"\[(?:[^\]]|\]\])+\]")
_NO_BRACKETS = str.maketrans({"[": "(", "]": ")"})


class Captions:
    """The captions of a data source: one twice is refused there, whatever its letters' case."""

    def __init__(self, fields: Iterable[Field] = (), more: Iterable[str] = ()) -> None:
        self._taken = {name.casefold() for name in (*(field.caption for field in fields), *more)}

    def add(self, caption: str) -> str:
        """The caption, with a number where it is taken."""
        found, number = caption, 1
        while found.casefold() in self._taken:
            number += 1
            found = f"{caption} ({number})"
        self._taken.add(found.casefold())
        return found

    def give_own_caption(self, field: Field) -> Field:
        """The field under a caption of its own."""
        return replace(field, caption=self.add(field.caption))


def make_source(
    name: str, dataset: Dataset, types: Mapping[str, str], connection: TableauConnection, caption: str
) -> Source:
    """The data source of a dataset. name: unique in its workbook; types: Hyper's type of each column."""
    columns = make_columns(dataset, types)
    named = [columns[each] for each in (dataset.time, *dataset.dimensions) if each]
    metrics = [make_metric_field(metric, dataset, types) for metric in dataset.metrics]
    captions = Captions((*named, *metrics))  # the plan has told these apart
    fields = {
        name: each if each in named else captions.give_own_caption(each) for name, each in columns.items()
    }
    time = fields[dataset.time] if dataset.time else None
    return Source(
        name=f"{connection.prefix}.{stable_token(name, dataset.name)}",
        caption=caption,
        connection=connection,
        columns=fields,
        metrics=tuple(metrics),
        dimensions=tuple(fields[dimension] for dimension in dataset.dimensions),
        time=time,
        grain=dataset.grain,
        check=captions.give_own_caption(make_check_field(time)),
    )


def make_metadata(fields: Iterable[Field], parent: str, holder: str) -> Element:
    """A record for each column. parent: its table's name; holder: the table's object, where there is a model."""
    records = (_record(field, place, parent, holder) for place, field in enumerate(fields))
    return element("metadata-records", {}, *records)


def _record(field: Field, place: int, parent: str, holder: str) -> Element:
    remote, aggregation = field.remote
    texts = {
        "remote-name": field.name,
        "remote-type": remote,
        "local-name": field.ref,
        "parent-name": f"[{parent}]",
        "remote-alias": field.name,
        "ordinal": str(place),
        "local-type": field.datatype,
        "aggregation": aggregation,
        "contains-null": "true",
    }
    parts = [element(tag, {}, text=text) for tag, text in texts.items()]
    if field.datatype == "string":
        parts.append(element("collation", {"flag": "0", "name": "binary"}))
    if holder:
        parts.append(element("object-id", {}, text=f"[{holder}]"))
    return element("metadata-record", {"class": "column"}, *parts)
