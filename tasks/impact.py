"""What depends on a column of a source: models, marts, metrics, dashboards and tickets that its loss would touch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from blocks.catalogue import Catalogue, Exposure
from blocks.column_lineage import ALL, ColumnLineage, ColumnRef
from blocks.dbt.run import DbtRun
from blocks.errors import PlatformError
from blocks.records import Dashboard, LoadReport, Record

MOST_NAMES = 12


class Impact(Record):
    """What a change of columns touches, by name. unread: models whose SQL could not be read: all of them is counted."""

    columns: tuple[str, ...]
    models: tuple[str, ...] = ()
    marts: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    dashboards: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Touched:
    """Marts, by name, and the columns of them; None: all."""

    marts: frozenset[str]
    columns: frozenset[tuple[str, str]] | None

    def is_used_by(
        self,
        catalogue: Catalogue,
        marts: Sequence[str],
        metrics: tuple[str, ...],
        dimensions: tuple[str, ...],
    ) -> bool:
        """True if what is shown of these marts is touched."""
        mine = self.marts & set(marts)
        if (
            not mine
            or self.columns is None
            or not metrics
            or any((mart, ALL) in self.columns for mart in mine)
        ):
            return bool(mine)
        try:
            return bool(catalogue.list_columns_read(metrics, dimensions) & self.columns)
        except PlatformError:  # what can't be computed is not shown either, but it may be meant
            return True


def find_impact(
    catalogue: Catalogue,
    lineage: ColumnLineage,
    columns: Iterable[str],
    retyped: bool = False,
    dashboards: Sequence[Dashboard] = (),
) -> Impact:
    """What is touched if these columns of sources, `source.table.column`, are gone.

    A model that names one can't be built then, nor what is made of it. retyped: they are there, but of another type,
    and only what their values are in is touched. dashboards: beside those that the project's exposures declare.
    """
    named = list(columns)
    changed = [_read_ref(catalogue, name) for name in named]
    values = lineage.list_affected(changed)
    readers = lineage.list_readers(changed)
    made = (
        tuple(dict.fromkeys(key for key, _ in values if key.startswith(("model.", "snapshot."))))
        if retyped
        else catalogue.list_dependents(readers)
    )
    ids = {mart.unique_id: name for name, mart in catalogue.models.items()}
    touched = _Touched(
        marts=frozenset(ids[key] for key in made if key in ids),
        columns=frozenset((ids[key], column) for key, column in values if key in ids) if retyped else None,
    )
    metrics = [
        name
        for name in catalogue.metric_names()
        if touched.is_used_by(catalogue, catalogue.marts_of((name,), ()), (name,), ())
    ]
    every: list[Exposure | Dashboard] = [*catalogue.exposures, *dashboards]
    shown = [
        each for each in every if touched.is_used_by(catalogue, each.marts, each.metrics, each.dimensions)
    ]
    return Impact(
        columns=tuple(named),
        models=tuple(_name(key) for key in made),
        marts=tuple(sorted(touched.marts & {mart for each in every for mart in each.marts})),
        metrics=tuple(metrics),
        dashboards=tuple(sorted({each.name for each in shown})),
        tickets=tuple(sorted({each.ticket for each in shown if each.ticket})),
        unread=tuple(_name(key) for key in made if (model := lineage.model(key)) and not model.understood),
    )


def describe_impact(impact: Impact) -> str:
    """One line: who depends on the columns."""
    parts = {
        "models": impact.models,
        "metrics": impact.metrics,
        "dashboards": impact.dashboards,
        "tickets": impact.tickets,
    }
    dependants = [f"{what} {_list(names)}" for what, names in parts.items() if names]
    if not dependants:
        return "No model reads it."
    more = (
        f" ({_list(impact.unread)}: not SQL that can be read, so all of it is counted)"
        if impact.unread
        else ""
    )
    return f"On it depend {'; '.join(dependants)}{more}."


def say_impact(
    loads: Sequence[LoadReport], catalogue: Catalogue, dbt: DbtRun, dashboards: Sequence[Dashboard]
) -> list[LoadReport]:
    """The reports, with who depends on the columns that a source has broken. Nothing else in them changes."""
    if not any(report.broken for report in loads):
        return list(loads)
    try:
        lineage = dbt.trace_columns()
    except PlatformError:  # what was not loaded is said without it
        return list(loads)
    return [_say(report, catalogue, lineage, dashboards) for report in loads]


def _say(
    report: LoadReport, catalogue: Catalogue, lineage: ColumnLineage, dashboards: Sequence[Dashboard]
) -> LoadReport:
    if not report.broken:
        return report
    named = [f"{report.source}.{report.table}.{column}" for column in report.broken]
    impact = find_impact(catalogue, lineage, named, report.retyped, dashboards)
    return report.model_copy(update={"impact": describe_impact(impact)})


def _read_ref(catalogue: Catalogue, name: str) -> ColumnRef:
    table, _, column = name.rpartition(".")
    return catalogue.source_id(table), column.lower()


def _name(key: str) -> str:
    return ".".join(key.split(".")[2:])


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
