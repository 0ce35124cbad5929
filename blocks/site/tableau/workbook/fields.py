"""A dataset's columns and metrics as Tableau's fields, and fields as they stand on a shelf (rows, columns, marks).

The check sheet's field is here, too: one line that says what a data source holds, for people and to be read back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from blocks.catalogue import Dataset
from blocks.metrics import Metric, has_division, tableau_field, to_tableau
from blocks.site.labels import label_dimension, label_metric
from blocks.site.number_format import find_unit
from blocks.site.tableau.workbook.xml import Element, as_title, element

# Hyper's type → Tableau's: datatype, remote type (OLE DB's number), default aggregation of a column.
_TYPES = {
    "BIGINT": ("integer", "20", "Sum"),
    "INTEGER": ("integer", "20", "Sum"),
    "SMALLINT": ("integer", "20", "Sum"),
    "DOUBLE PRECISION": ("real", "5", "Sum"),
    "NUMERIC": ("real", "131", "Sum"),
    "DATE": ("date", "133", "Year"),
    "TIMESTAMP": ("datetime", "135", "Year"),
    "BOOL": ("boolean", "11", "Count"),
}
_TEXT = ("string", "129", "Count")
CHECK_SHEET = "Release check"
CHECK_PATTERN = re.compile(r"Rows: (\d+)(?:, newest: (\d{4}-\d{2}-\d{2}))?")
COUNTRY = "[Country].[ISO3166_2]"  # Tableau knows names and codes of countries by it
_COUNTRIES = re.compile(r"(?:.*[_ ])?country(?:[_ /](?:name|code|region|iso))?", re.IGNORECASE)
_WHOLE = re.compile(r"BIGINT|INTEGER|SMALLINT|NUMERIC\(\d+, ?0\)")
_KINDS = {"quantitative": "qk", "ordinal": "ok", "nominal": "nk"}


@dataclass(frozen=True)
class Field:
    """A field of a data source. formula: of a calculated one; remote: its column's type and aggregation.

    across: of a table calculation, the shelf that it goes along; place: what of the world its values are; label: what
    the page calls it, which titles say, where its caption has more: of which data it is.
    """

    name: str
    caption: str
    datatype: str
    role: str = "dimension"
    type: str = "nominal"
    hidden: bool = False
    form: str = ""
    formula: str = ""
    remote: tuple[str, str] = ("129", "Count")
    across: str = ""
    place: str = ""
    label: str = ""

    @property
    def ref(self) -> str:
        """The field as formulas write it."""
        return tableau_field(self.name)

    def xml(self, declared: bool = True) -> Element:
        """Its `column`. declared: in the data source itself, where alone it is said to be hidden."""
        found = {
            "caption": self.caption,
            "datatype": self.datatype,
            "name": self.ref,
            "role": self.role,
            "type": self.type,
        }
        found |= {"default-format": self.form} if self.form else {}
        found |= {"hidden": "true"} if self.hidden and declared else {}
        found |= {"semantic-role": self.place} if self.place else {}
        formula = {"class": "tableau", "formula": self.formula}
        made = element("calculation", formula, self.addressing()) if self.formula else None
        return element("column", found, made)

    def addressing(self) -> Element | None:
        """How a table calculation goes through a view; None for other fields."""
        return element("table-calc", {"ordering-type": self.across}) if self.across else None


@dataclass(frozen=True)
class Instance:
    """A field on a shelf: as it is, summed up to months, or, a calculated one, as its formula says."""

    field: Field
    derivation: str
    short: str
    type: str

    @property
    def ref(self) -> str:
        """Its name, as in [none:country:nk]."""
        return f"[{self.short}:{self.field.name.replace(']', ']]')}:{_KINDS[self.type]}]"

    def xml(self) -> Element:
        """Its `column-instance`."""
        return element(
            "column-instance",
            {
                "column": self.field.ref,
                "derivation": self.derivation,
                "name": self.ref,
                "pivot": "key",
                "type": self.type,
            },
            self.field.addressing(),
        )


def use_plain(field: Field, type: str = "") -> Instance:
    """The field itself."""
    return Instance(field, "None", "none", type or field.type)


def use_calculated(field: Field) -> Instance:
    """A field whose formula aggregates."""
    return Instance(field, "User", "usr", field.type)


def use_truncated(field: Field, grain: str) -> Instance:
    """A date cut to `day`, `week`, `month`, `quarter` or `year`, on a continuous axis."""
    short = {"day": "tdy", "week": "twk", "month": "tmn", "quarter": "tqr", "year": "tyr"}[grain]
    return Instance(field, f"{grain.capitalize()}-Trunc", short, "quantitative")


def make_columns(dataset: Dataset, types: Mapping[str, str]) -> dict[str, Field]:
    """The fields of a dataset's columns by name; measures are hidden, as only metrics are meant to be seen."""
    distinct = {measure.name for measure in dataset.measures if measure.function == "count_distinct"}
    balances = [measure.balance for measure in dataset.measures if measure.balance]
    unseen = {name for each in balances for name in (each.moment, *each.within, each.rows)}
    unseen |= {measure.percentile.rows for measure in dataset.measures if measure.percentile}
    measures = {measure.name for measure in dataset.measures} - distinct
    fields = {}
    for name, kind in types.items():
        datatype, *remote = _TYPES.get(kind.split("(")[0], _TEXT)
        ordinal = datatype in ("integer", "real", "date", "datetime")
        label = as_title(label_dimension(dataset, name))
        caption = label if name in (dataset.time, *dataset.dimensions) else f"{name} (column)"
        fields[name] = Field(
            name=name,
            caption=caption,
            datatype=datatype,
            remote=(remote[0], remote[1]),
            role="measure" if name in measures else "dimension",
            type="quantitative" if name in measures else "ordinal" if ordinal else "nominal",
            hidden=name in measures | distinct | unseen,
            place=COUNTRY if _is_country(name, caption, datatype) else "",
            label=label,
        )
    return fields


def _is_country(name: str, caption: str, datatype: str) -> bool:
    return datatype == "string" and any(_COUNTRIES.fullmatch(word) for word in (name, caption))


def make_metric_field(metric: Metric, dataset: Dataset, types: Mapping[str, str]) -> Field:
    """A metric as a calculated field that can be added to any view. types: Hyper's, of its dataset's columns."""
    return Field(
        name=f"Calculation_{metric.name}",
        caption=as_title(label_metric(metric)),
        datatype="real",
        role="measure",
        type="quantitative",
        form=_find_format(metric.form, parts=has_parts(metric, types)),
        formula=to_tableau(metric.formula, dataset.dimensions),
        label=as_title(label_metric(metric)),
    )


def has_parts(metric: Metric, types: Mapping[str, str]) -> bool:
    """True if a metric is shown with decimals, as its values may be fractions. types: Hyper's, of the columns.

    Of sums of money only whole units are told.
    """
    if has_division(metric.formula):
        return True
    money = bool(find_unit(metric.form))
    told = [
        each
        for each in metric.measures
        if each.function in (("min", "max") if money else ("sum", "min", "max"))
    ]
    return any(not _WHOLE.fullmatch(types.get(each.base.name, "BIGINT")) for each in told)


def make_check_field(time: Field | None) -> Field:
    """The calculated field of a check sheet. time: the date to give the newest of.

    It is made of text alone, since the server writes numbers and dates as the reader's locale has them.
    """
    text = '"Rows: " + STR(SUM(1))'
    if time:
        text += f' + IFNULL(", newest: " + {write_date_as_text(f"MAX({time.ref})")}, "")'
    return Field(
        name="Calculation_release_check",
        caption="Release check",
        datatype="string",
        role="measure",
        type="nominal",
        formula=text,
    )


def write_date_as_text(date: str) -> str:
    """The formula of a date as text, 2025-11-30 in every locale. date: its formula."""
    parts = [f"STR(YEAR({date}))"]
    parts += [f'RIGHT("0" + STR({part}({date})), 2)' for part in ("MONTH", "DAY")]
    return ' + "-" + '.join(parts)


def _find_format(form: str, parts: bool) -> str:
    """Tableau's code for how a number is shown; parts: with two decimals."""
    if form == "percent":
        return "p0.0%"
    digits, sign = "#,##0.00" if parts else "#,##0", find_unit(form)
    return f'c"{sign}"{digits};-"{sign}"{digits}' if sign else f"n{digits};-{digits}"
