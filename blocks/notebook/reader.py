"""Reading what is served: marts and metrics, each with the release and how fresh it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from blocks.adoption.profile import profile_table
from blocks.catalogue import Catalogue, Dataset
from blocks.errors import Busy, Misconfigured, NotFound
from blocks.findings import suggest_name
from blocks.notebook.frames import make_frame, make_records_frame, read_query
from blocks.notebook.metric_query import find_incomplete, query_metric
from blocks.records import Release
from blocks.site.extract import Extract
from blocks.site.periods import list_coarser_grains
from blocks.warehouse.base import Session, Warehouse
from blocks.warehouse.reads import read_newest_value
from blocks.warehouse.release_marker import parse_marker

if TYPE_CHECKING:
    import pandas as pd

PROFILE = (
    ("name", "string"),
    ("data_type", "string"),
    ("rows", "int64"),
    ("nulls", "int64"),
    ("distinct", "int64"),
    ("smallest", "string"),
    ("largest", "string"),
    ("is_key", "bool"),
)
TRIES = 3  # of reading, where readers are led to another release meanwhile


class ServedReader:
    """What readers see of a warehouse, in the words of a catalogue."""

    def __init__(self, warehouse: Warehouse, catalogue: Catalogue) -> None:
        self._warehouse, self._catalogue = warehouse, catalogue

    def read_mart(self, name: str) -> pd.DataFrame:
        """All rows of a mart. Raises NotFound for one that readers do not see."""
        for _ in range(TRIES):
            with self._warehouse.open_readers() as session:
                release = self._read_release(session)
                _check_served(release, name)
                query = f"select * from {self._warehouse.quote(self._warehouse.serving, name)}"
                frame = read_query(session, query, self._catalogue.time_zone)
                freshness = self._read_freshness(session, name)
                if self._read_release(session) == release:
                    return describe_frame(frame, release, freshness)
        raise _say_changed(f"read mart {name}")

    def read_profile(self, name: str) -> pd.DataFrame:
        """What a mart's rows say of each of its columns. Raises NotFound for one that readers do not see."""
        for _ in range(TRIES):
            with self._warehouse.open_readers() as session:
                release = self._read_release(session)
                _check_served(release, name)
                relation = self._warehouse.quote(self._warehouse.serving, name)
                types = self._warehouse.columns(session, self._warehouse.serving, name)
                profile = profile_table(session.rows, name, relation, types)
                freshness = self._read_freshness(session, name)
                if self._read_release(session) == release:
                    return describe_frame(make_records_frame(profile.columns, PROFILE), release, freshness)
        raise _say_changed(f"read profile of {name}")

    def read_metric(
        self, name: str, by: Sequence[str], grain: str | None, where: Mapping[str, object]
    ) -> pd.DataFrame:
        """A metric's values. Raises NotFound or Misconfigured, and why, for what can't be asked of it."""
        dataset = self._choose_dataset(name, by, grain, where)
        for _ in range(TRIES):
            with TemporaryDirectory() as folder, self._warehouse.open_readers() as session:
                release = self._read_release(session)
                for mart in dataset.marts:
                    _check_served(release, mart)
                self._warehouse.use_time_zone(session, dataset.time_zone)
                path = Path(folder) / "rows.parquet"
                session.export(self._write_query(dataset), path)
                if self._read_release(session) == release:
                    return _answer(dataset, path, release, by, grain, where)
        raise _say_changed(f"read metric {name}")

    def _choose_dataset(
        self, name: str, by: Sequence[str], grain: str | None, where: Mapping[str, object]
    ) -> Dataset:
        """What the question is asked of."""
        asked = f"read metric {name}"
        unusable = self._catalogue.list_unusable()
        if name in unusable:
            raise Misconfigured(
                asked, f"no dashboard can show it: {unusable[name]}", "Change it in the dbt project."
            )
        if name not in self._catalogue.metric_names():
            raise NotFound(
                asked, f"dbt declares no such metric{suggest_name(name, self._catalogue.metric_names())}"
            )
        source = self._catalogue.source_of(name)
        time, known = self._catalogue.time_of(source), self._catalogue.dimensions_of(source)
        for dimension in (*by, *where):
            if dimension not in known:
                listed = f"It has: {', '.join(known) or 'none'}."
                raise NotFound(
                    asked, f"it has no dimension {dimension}{suggest_name(dimension, known)}", listed
                )
        if time in by:
            raise Misconfigured(asked, f"{time} is its time", f"Leave it out of by, and say grain={'day'!r}.")
        if name in (*by, *([time] if grain else [])):
            raise Misconfigured(asked, "a dimension has the metric's name", "Rename one of the two.")
        if len(set(by)) < len(by):
            raise Misconfigured(asked, "by names a dimension twice", "Name each once.")
        (dataset,) = self._catalogue.datasets((name,), tuple(dict.fromkeys([*by, *where])))
        offered = list_coarser_grains(dataset.grain) if time else []
        if grain is not None and grain not in offered:
            why = (
                f"its time is by {dataset.grain}; grain can be {', '.join(offered)}"
                if time
                else "it has no time"
            )
            raise Misconfigured(asked, f"grain {grain} can't be: {why}{suggest_name(grain, offered)}")
        return dataset

    def _read_freshness(self, session: Session, mart: str) -> str | None:
        """The newest day of a mart's time, as its dashboards say it; None where it has no metric, or no time."""
        for name in self._catalogue.metric_names():
            source = self._catalogue.source_of(name)
            if self._catalogue.mart_of(name) == mart and self._catalogue.time_of(source):
                (dataset,) = self._catalogue.datasets((name,), ())
                self._warehouse.use_time_zone(session, dataset.time_zone)
                newest = read_newest_value(
                    self._warehouse, session, self._write_query(dataset), str(dataset.time)
                )
                return newest[:10] if newest else None
        return None

    def _write_query(self, dataset: Dataset) -> str:
        serving = {mart: self._warehouse.quote(self._warehouse.serving, mart) for mart in dataset.marts}
        return dataset.sql(serving[dataset.mart], serving)

    def _read_release(self, session: Session) -> Release:
        release = parse_marker(self._warehouse, session, self._warehouse.serving)
        if release is None:
            raise NotFound("read what readers see", "nothing is published yet", "Run `python flows/main.py`.")
        return release


def describe_frame(frame: pd.DataFrame, release: Release, freshness: str | None) -> pd.DataFrame:
    """The frame with its release and freshness in `attrs`, as text, so that files can keep them."""
    at = f"{release.published_at.isoformat(timespec='milliseconds')}Z" if release.published_at else None
    frame.attrs["release"] = {"run": release.run, "published_at": at}
    frame.attrs["freshness"] = freshness
    return frame


def _answer(
    dataset: Dataset,
    path: Path,
    release: Release,
    by: Sequence[str],
    grain: str | None,
    where: Mapping[str, object],
) -> pd.DataFrame:
    """The question, asked of the exported rows."""
    with Extract(dataset, path) as extract:
        frame = make_frame(query_metric(extract, by, grain, where), dataset.time_zone)
        bounds, undated = extract.find_bounds(), extract.sum_undated()
        frame = describe_frame(frame, release, bounds[1].isoformat() if bounds else None)
        frame.attrs["incomplete"] = [day.isoformat() for day in find_incomplete(extract, grain, where)]
        frame.attrs["undated"] = None if undated is None else undated.get(dataset.metrics[0].name)
        frame.attrs["has_undated"] = undated is not None
    return frame


def _check_served(release: Release, mart: str) -> None:
    if mart not in release.marts:
        listed = f"They see: {', '.join(sorted(release.marts))}."
        raise NotFound(
            f"read mart {mart}", f"readers see no such mart{suggest_name(mart, release.marts)}", listed
        )


def _say_changed(asked: str) -> Busy:
    return Busy(asked, "readers were led to another release meanwhile, again and again", "Ask again.")
