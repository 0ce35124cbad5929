"""A data source: its connection, columns, metrics and the field of the filter action; alone, a .tds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from blocks.catalogue import Dataset
from blocks.site.tableau.workbook.connections import TableauConnection
from blocks.site.tableau.workbook.fields import (
    Field,
    Instance,
    make_check_field,
    make_columns,
    make_metric_field,
)
from blocks.site.tableau.workbook.grammar import VERSION, declare_features
from blocks.site.tableau.workbook.xml import Element, element, stable_id, stable_token


@dataclass(frozen=True)
class Source:
    """One dataset as a data source. drill: the dimension whose marks filter the other sheets, if any."""

    name: str
    caption: str
    connection: TableauConnection
    columns: Mapping[str, Field]
    metrics: tuple[Field, ...]
    dimensions: tuple[Field, ...]
    time: Field | None
    grain: str
    check: Field

    @property
    def drill(self) -> Field | None:
        """The dimension whose marks filter the other sheets."""
        return self.dimensions[0] if self.dimensions else None

    def action_set(self, dimension: Field) -> str:
        """The name of the set through which a filter action by a dimension works."""
        return f"[Action ({dimension.caption.translate(_NO_BRACKETS)})]"

    def ref(self, instance: Instance) -> str:
        """A field on a shelf, by its full name."""
        return self.full(instance.ref)

    def full(self, name: str) -> str:
        """A name of this source, by its full name."""
        return f"[{self.name}].{name}"

    def used_by(self, field: Field) -> list[Field]:
        """A field and the columns its formula reads."""
        return [
            field,
            *(each for each in self.columns.values() if field.formula and each.ref in field.formula),
        ]

    def pointer(self) -> Element:
        """The element by which a sheet names its source."""
        return element("datasource", {"caption": self.caption, "name": self.name})

    def needs(self, fields: list[Field], instances: list[Instance]) -> Element:
        """The `datasource-dependencies` of a sheet: each field and instance it uses, once."""
        known = {
            each.name: each
            for field in [*fields, *(i.field for i in instances)]
            for each in self.used_by(field)
        }
        placed = {instance.ref: instance for instance in instances}
        made = [known[name].xml(declared=False) for name in sorted(known)] + [
            placed[name].xml() for name in sorted(placed)
        ]
        return element("datasource-dependencies", {"datasource": self.name}, *made)

    def xml(self) -> Element:
        """The `datasource` of a workbook."""
        attributes = {"caption": self.caption, "inline": "true", "name": self.name, "version": VERSION}
        fields = [*self.columns.values(), *self.metrics, self.check]
        return element(
            "datasource",
            attributes,
            self.connection.location(),
            self.connection.xml(self._records()),
            element("aliases", {"enabled": "yes"}),
            *(field.xml() for field in fields),
            self._table(),
            *self._groups(),
            *self._ending(),
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
            *self._ending(),
        )
        root.insert(0, declare_features(root))
        return root

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

    def _groups(self) -> list[Element]:
        return [self._group(self.drill)] if self.drill else []

    def _group(self, dimension: Field) -> Element:
        name = self.action_set(dimension)
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

    def _ending(self) -> list[Element]:
        layout = {"dim-ordering": "alphabetic", "measure-ordering": "alphabetic", "show-structure": "true"}
        if not self.connection.modelled:
            return [element("layout", layout)]
        properties = element("properties", {"context": ""}, self.connection.relation())
        shape = element("object", {"caption": self.caption, "id": self._object}, properties)
        return [element("layout", layout), element("object-graph", {}, element("objects", {}, shape))]


_NO_BRACKETS = str.maketrans({"[": "(", "]": ")"})


def make_source(
    name: str, dataset: Dataset, types: Mapping[str, str], connection: TableauConnection, caption: str
) -> Source:
    """The data source of a dataset. name: unique in its workbook; types: Hyper's type of each column."""
    fields = make_columns(dataset, types)
    taken = Counter(field.caption for field in fields.values())
    metrics = []
    made = (make_metric_field(metric, dataset.dimensions) for metric in dataset.metrics)
    for metric in made:  # a caption twice is refused in a data source
        again, taken[metric.caption] = taken[metric.caption], taken[metric.caption] + 1
        metrics.append(replace(metric, caption=f"{metric.caption} ({again + 1})") if again else metric)
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
        check=make_check_field(time),
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
