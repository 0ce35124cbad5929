"""Columns that look like what a ticket asks for and no metric is, and a draft in dbt's semantic layer for the likest.

Names in a draft are dbt's own and the column's: no word of a ticket gets into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blocks.catalogue import Catalogue, DeclaredColumn
from tasks.elaboration.lexicon import FILLERS, GENERIC
from tasks.elaboration.proposal import Missing
from tasks.elaboration.text import find_keys, find_stems
from tasks.elaboration.vocabulary import read_words

MOST_COLUMNS, LIKE, NAME_LIKE = 5, 2, 86.0


@dataclass(frozen=True)
class LikelyColumn:
    """A column and how much it looks like what is missing: 2 for a word of its name, 1 for one of its description."""

    column: DeclaredColumn
    score: int


def find_likely_columns(missing: Missing, columns: Iterable[DeclaredColumn]) -> list[LikelyColumn]:
    """The columns that look like it, the likest first, those of marts before those of sources."""
    from rapidfuzz import fuzz

    words = [word for word in read_words(missing.words) if word not in FILLERS | GENERIC and len(word) > 2]
    found = []
    for column in columns:
        name = [find_stems(part) for part in column.name.lower().split("_")]
        described = [find_stems(part) for part in read_words(column.description) if len(part) > 3]
        score = sum(2 * any(find_keys(word) & part for part in name) for word in words)
        score += sum(any(find_keys(word) & part for part in described) for word in words)
        score += any(
            fuzz.ratio(word, part) >= NAME_LIKE for word in words for part in column.name.lower().split("_")
        )
        if score >= LIKE:
            found.append(LikelyColumn(column, score))
    return sorted(found, key=lambda each: (-each.score, not each.column.is_mart, each.column.place))[
        :MOST_COLUMNS
    ]


def write_draft(kind: str, column: DeclaredColumn, catalogue: Catalogue) -> str | None:
    """A metric, or a dimension, of a mart's column as YAML of dbt's semantic layer; None where it can't be written.

    It stands in a semantic model of its own, so that dbt parses it beside those that are there.
    """
    if not column.is_mart or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,60}", column.name):
        return None
    metric = next(
        (name for name in catalogue.metric_names() if catalogue.mart_of(name) == column.place), None
    )
    source = catalogue.source_of(metric) if metric else ""
    time = catalogue.time_of(source)
    if metric is None or time is None:
        return None
    name, label = column.name.lower(), column.name.replace("_", " ").capitalize()
    taken = {*catalogue.metric_names(), *catalogue.list_unusable()}
    if label in catalogue.metric_labels().values():  # dbt takes none twice
        label = f"{label} in total"
    metric_name = name if name not in taken else f"{name}_total"
    dimensions = [each for each in catalogue.categories_of(source) if re.fullmatch(r"\w+", each)]
    head = [
        "# A draft: see whether the column means what is asked for, whether it may be summed, and what to call it.",
        "semantic_models:",
        f"  - name: {column.place}_{name}_draft",
        f"    description: Draft of {label.lower()}; merge it into the semantic model of {column.place}.",
        f"    model: ref('{column.place}')",
        f"    primary_entity: {column.place}_{name}_row",
        "    defaults:",
        f"      agg_time_dimension: {time}",
        "    dimensions:",
        f"      - name: {time}",
        "        type: time",
        f"        type_params: {{time_granularity: {catalogue.grain_of(source)}}}",
        *(line for each in dimensions for line in (f"      - name: {each}", "        type: categorical")),
    ]
    if kind == "dimension":
        head += [f"      - name: {name}", f"        label: {label}", "        type: categorical"]
        return "\n".join([*head, ""])
    return "\n".join([*head, *_write_measure(name, metric_name, label)])


def _write_measure(name: str, metric: str, label: str) -> Sequence[str]:
    return (
        "    measures:",
        f"      - name: {name}_draft_sum",
        "        agg: sum",
        f"        expr: {name}",
        "",
        "metrics:",
        f"  - name: {metric}",
        f"    label: {label}",
        f"    description: Draft; the sum of {name}.",
        "    type: simple",
        f"    type_params: {{measure: {name}_draft_sum}}",
        "    config: {meta: {format: number, goal: none}}",
        "",
    )
