"""Publishing one dashboard: its rows out of serving, then the site. Only what readers may see is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from time import monotonic

from prefect import get_run_logger, task

from blocks.catalogue import Catalogue, Dataset
from blocks.errors import NotFound, PlatformError
from blocks.records import Comment, Dashboard, GateReport, Plan, Publication, Release
from blocks.site.base import BiSite, Card, DataAsk, DataChoice
from blocks.site.opening import apply_targets
from blocks.site.readback import DatasetSummary
from blocks.site.sizes import MOST_RANKED, list_size_columns
from blocks.tracker.base import Tracker
from blocks.warehouse.arrivals import measure_arrivals
from blocks.warehouse.base import Session, Warehouse
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.data_end import find_data_end
from blocks.warehouse.reads import (
    export_columns,
    export_largest_values,
    export_rows,
    export_values,
    read_newest_value,
)
from blocks.wishes import Every
from tasks.policy import RETRY

REFRESH_DAYS: dict[Every, float | None] = {"run": 0.0, "day": 1.0, "week": 7.0, "month": 30.0, "once": None}


def find_ticket_page(tracker: Tracker, key: str | None) -> str | None:
    """Where a person opens a dashboard's ticket; None for one that this tracker does not have."""
    try:
        return tracker.make_url(key) if key else None
    except NotFound:  # an exposure may name any ticket, of another tracker or gone
        return None


@task(task_run_name="extract {dashboard.name}", **RETRY)
def make_card(  # noqa: PLR0913, PLR0917
    site: BiSite,
    warehouse: Warehouse,
    catalogue: Catalogue,
    dashboard: Dashboard,
    release: Release,
    gate: GateReport | None,
    folder: Path,
    ticket_url: str | None,
    feedback: Sequence[Comment],
    live: LiveSource | None = None,
    built: Mapping[str, datetime] | None = None,
    candidates: Mapping[str, str] | None = None,
) -> Card:
    """Export the dashboard's datasets from serving to Parquet files in `folder`.

    live: where the site can read serving itself; of the datasets that it chooses to, only the columns are exported.
    built: when each mart was, in UTC, so that its data's end is that of then. candidates: marts → relations that are
    read instead of what is served.
    """
    read = partial(_export, site, warehouse, catalogue, dashboard=dashboard, live=live)
    card = export_card(warehouse, catalogue, dashboard, release.run, folder, read, built, candidates)
    return card.model_copy(
        update={"gate": gate, "ticket_url": ticket_url, "feedback": tuple(feedback), "live": live}
    )


def export_card(
    warehouse: Warehouse,
    catalogue: Catalogue,
    dashboard: Dashboard,
    run: str,
    folder: Path,
    export: Callable[[Session, Dataset, str, Path], tuple[int, DataChoice]],
    built: Mapping[str, datetime] | None = None,
    candidates: Mapping[str, str] | None = None,
) -> Card:
    """A dashboard's card with its rows in `folder`, and what is known of them.

    export: writes the rows of a dataset's query to a file. built, candidates: as `make_card` takes them.
    """
    datasets = catalogue.datasets(dashboard.metrics, dashboard.dimensions)
    datasets = apply_targets(datasets, dashboard.wishes.targets)
    serving = {mart: warehouse.quote(warehouse.serving, mart) for each in datasets for mart in each.marts}
    serving |= {
        mart: warehouse.relation(name) for mart, name in (candidates or {}).items() if mart in serving
    }
    queries = [dataset.sql(serving[dataset.mart], serving) for dataset in datasets]
    extracts, summaries, ends, choices, values, sizes = [], [], [], [], [], []
    with warehouse.session() as session:
        for dataset, query in zip(datasets, queries, strict=True):
            warehouse.use_time_zone(session, dataset.time_zone)
            path = folder / f"{dashboard.name}.{dataset.name}.parquet"
            rows, choice = export(session, dataset, query, path)
            choices.append(choice)
            asked = [each.dimension for each in dashboard.wishes.filters] if choice.live else []
            files = {name: path.with_suffix(f".{place}.parquet") for place, name in enumerate(asked)}
            values.append({name: file for name, file in files.items() if name in dataset.dimensions})
            for name, file in values[-1].items():
                export_values(warehouse, session, query, name, file)
            sizes.append(export_sizes(warehouse, session, dataset, query, path) if choice.live else {})
            newest = read_newest_value(warehouse, session, query, dataset.time) if dataset.time else None
            tables = catalogue.tables_beneath(dataset.mart) if newest else ()
            day = date.fromisoformat(newest[:10]) if newest else None
            ends.append(find_data_end(warehouse, session, tables, (built or {}).get(dataset.mart), day))
            extracts.append(path)
            summaries.append(DatasetSummary(rows=rows, newest=newest))
    return Card(
        dashboard=dashboard,
        run=run,
        datasets=datasets,
        extracts=tuple(extracts),
        gate=None,
        as_of=max(
            (str(end or each.newest) for end, each in zip(ends, summaries, strict=True) if each.newest),
            default=None,
        ),
        ends=tuple(ends),
        sources=tuple(
            tuple(
                sorted(
                    {table.full_name for mart in dataset.marts for table in catalogue.tables_beneath(mart)}
                )
            )
            for dataset in datasets
        ),
        owner=catalogue.owner_of(dashboard.name),
        summaries=tuple(summaries),
        queries=tuple(queries),
        choices=tuple(choices),
        values=tuple(values),
        sizes=tuple(sizes),
    )


def export_sizes(
    warehouse: Warehouse, session: Session, dataset: Dataset, query: str, path: Path
) -> dict[str, Path]:
    """Write what the largest values of a dataset's dimensions, and of its time, come to, a file each.

    By it they have the colours that they have on every site, and charts their axes.
    """
    sums = list_size_columns(dataset)
    names = (*dataset.dimensions, *([dataset.time] if dataset.time else []))
    files = {name: path.with_suffix(f".size{at}.parquet") for at, name in enumerate(names)}
    for name, file in files.items():
        export_largest_values(warehouse, session, query, name, sums, MOST_RANKED, file)
    return files


def _export(  # noqa: PLR0913
    site: BiSite,
    warehouse: Warehouse,
    catalogue: Catalogue,
    session: Session,
    dataset: Dataset,
    query: str,
    path: Path,
    *,
    dashboard: Dashboard,
    live: LiveSource | None,
) -> tuple[int, DataChoice]:
    """Write a dataset's rows, or, where the site reads them itself, their columns; how many there are."""
    rows = export_rows(session, query, path) if live is None else export_columns(session, query, path)
    tables = [table for mart in dataset.marts for table in catalogue.tables_beneath(mart)]
    asked = DataAsk(
        rows=rows,
        live_wanted=dashboard.live,
        arrives=measure_arrivals(warehouse, session, tables) if site.weighs_arrivals else None,
        refreshed=find_refresh_days(dashboard, catalogue),
    )
    choice = site.choose_data(asked, live)
    return (rows if live is None or choice.live else export_rows(session, query, path)), choice


def find_refresh_days(dashboard: Dashboard, catalogue: Catalogue) -> float | None:
    """The days between two refreshes of a dashboard; 0: each run refreshes it; None: it is not refreshed by itself."""
    if cadence := dashboard.wishes.cadence:
        return REFRESH_DAYS[cadence.every]
    scheduled = {each.name for each in catalogue.exposures if each.scheduled}
    return 0.0 if dashboard.name in scheduled else None


@task(task_run_name="publish {card.dashboard.name}", **RETRY)
def publish_card(site: BiSite, card: Card) -> Publication:
    """Publish one dashboard on the site."""
    start = monotonic()
    publication = site.publish(card)
    for note in publication.notes:
        get_run_logger().warning(note)
    data_notes = publication.data_notes or tuple(
        f"Data of {dataset.name}: {choice.reason}."
        for dataset, choice in zip(card.datasets, card.choices, strict=False)
        if choice.reason
    )
    return publication.model_copy(
        update={"seconds": monotonic() - start, "as_of": card.as_of, "data_notes": data_notes}
    )


def report_failure(dashboard: Dashboard, release: Release, error: PlatformError) -> Publication:
    """A dashboard that could not be published; the others go on."""
    return Publication(
        dashboard=dashboard.name, ticket=dashboard.ticket, run=release.run, url="", rows=0, error=str(error)
    )


def mark_held(site: BiSite, plan: Plan, gate: GateReport) -> None:
    """Have the site say on the plan's dashboards that newer data is held back, and why. A fault of it ends nothing."""
    first = next(iter(gate.failures), None)
    more = f", and {len(gate.failures) - 1} more" if len(gate.failures) > 1 else ""
    found = f" ({first.observed})" if first and first.observed else ""
    reason = (
        f"a check of {first.scope} did not pass: {first.name}{found}{more}" if first else "it was not checked"
    )
    try:
        site.mark_held([dashboard.name for dashboard in plan.dashboards], reason)
    except PlatformError as error:
        get_run_logger().warning("the site does not say that newer data is held back: %s", error)
