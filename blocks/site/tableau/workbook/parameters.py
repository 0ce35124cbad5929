"""What readers set for the whole workbook: lists of words, in the data source that Tableau keeps for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blocks.site.tableau.workbook.xml import Element, element

SOURCE = "Parameters"
_NO_QUOTES = str.maketrans({'"': "”", "\\": "∖"})


@dataclass(frozen=True)
class Parameter:
    """A choice among words. number: from 1, in its workbook; value: the word that is chosen at first."""

    number: int
    caption: str
    values: tuple[str, ...]
    value: str

    @property
    def name(self) -> str:
        """Its name in the data source of all parameters."""
        return f"[Parameter {self.number}]"

    @property
    def ref(self) -> str:
        """Itself as formulas and zones write it."""
        return f"[{SOURCE}].{self.name}"

    def xml(self) -> Element:
        """Its `column`."""
        attributes = {
            "caption": self.caption,
            "datatype": "string",
            "name": self.name,
            "param-domain-type": "list",
            "role": "measure",
            "type": "nominal",
            "value": quote_text(self.value),
        }
        members = [element("member", {"value": quote_text(value)}) for value in self.values]
        formula = {"class": "tableau", "formula": quote_text(self.value)}
        return element(
            "column", attributes, element("calculation", formula), element("members", {}, *members)
        )


def clean_text(text: str) -> str:
    """A text whose quotes end nothing."""
    return text.translate(_NO_QUOTES)


def quote_text(text: str) -> str:
    """A text as Tableau's formulas write it."""
    return f'"{clean_text(text)}"'


def make_parameters(parameters: Sequence[Parameter]) -> Element | None:
    """The data source of a workbook's parameters; None without any."""
    if not parameters:
        return None
    attributes = {"hasconnection": "false", "inline": "true", "name": SOURCE, "version": "18.1"}
    columns = [parameter.xml() for parameter in parameters]
    return element("datasource", attributes, element("aliases", {"enabled": "yes"}), *columns)


def point_at_parameters(parameters: Sequence[Parameter]) -> Element | None:
    """The element by which a sheet names that source."""
    return element("datasource", {"name": SOURCE}) if parameters else None


def need_parameters(parameters: Sequence[Parameter]) -> Element | None:
    """The `datasource-dependencies` of a sheet, dashboard or data source that uses some."""
    if not parameters:
        return None
    return element("datasource-dependencies", {"datasource": SOURCE}, *(each.xml() for each in parameters))
