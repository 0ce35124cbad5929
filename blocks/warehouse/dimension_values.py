"""The values that dimensions have in what readers see, read once, as far as there are few enough of them."""

from __future__ import annotations

from blocks.catalogue import Catalogue
from blocks.records import Release
from blocks.warehouse.base import Session, Warehouse

MOST_VALUES, LONGEST_VALUE, MOST_DIMENSIONS = 500, 100, 40


def read_dimension_values(
    warehouse: Warehouse, catalogue: Catalogue, release: Release | None
) -> dict[str, tuple[str, ...]]:
    """Dimension → its values in the served release, in their order, whatever mart they are on.

    A dimension with more than 500 values is left out, and so is one of a mart that is not served.
    """
    if release is None:
        return {}
    found: dict[str, set[str]] = {}
    many: set[str] = set()
    with warehouse.open_readers() as session:
        for source, metric in {catalogue.source_of(name): name for name in catalogue.metric_names()}.items():
            names = catalogue.categories_of(source)[:MOST_DIMENSIONS]
            (dataset,) = catalogue.datasets((metric,), names)
            if not names or not set(dataset.marts) <= set(release.marts):
                continue
            serving = {mart: warehouse.quote(warehouse.serving, mart) for mart in dataset.marts}
            warehouse.use_time_zone(session, dataset.time_zone)
            for name, values in _read(
                warehouse, session, dataset.sql(serving[dataset.mart], serving), names
            ).items():
                found.setdefault(name, set()).update(values)
                many |= {name} if len(values) > MOST_VALUES else set()
    return {name: tuple(sorted(values)) for name, values in found.items() if name not in many}


def _read(warehouse: Warehouse, session: Session, query: str, names: tuple[str, ...]) -> dict[str, list[str]]:
    """Name → the distinct values of a query's columns, one more than is taken at most; one statement for all."""
    parts = [
        f"select {place} as place, cast({warehouse.quote(name)} as varchar) as value from"
        f" (select distinct {warehouse.quote(name)} from ({query}) as q{place}"
        f" where {warehouse.quote(name)} is not null limit {MOST_VALUES + 1}) as d{place}"
        for place, name in enumerate(names)
    ]
    found: dict[str, list[str]] = {name: [] for name in names}
    for place, value in session.rows(" union all ".join(parts)):
        text = " ".join(str(value).split())
        if 0 < len(text) <= LONGEST_VALUE:
            found[names[int(place)]].append(str(value))
    return found
