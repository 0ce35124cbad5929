"""What times, metrics and dimensions are called on every site, each of a dashboard by a label of its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from blocks.catalogue import Dataset
from blocks.metrics import Metric
from blocks.site.text import one_line

LABEL = 60  # letters of a label
_UNSEEN = frozenset(" '\"”\\∖<>‹›[](){}")  # or nearly so; some sites can't write them all


def label_metric(metric: Metric) -> str:
    """What a metric is called, on every site."""
    return one_line(metric.label, LABEL) or metric.name


def label_dimension(dataset: Dataset, name: str) -> str:
    """What a dimension of a dataset is called, on every site; in titles in small letters."""
    return one_line(dataset.labels.get(name, ""), LABEL) or name


class _Named(NamedTuple):
    """A time, dimension or metric, whichever datasets have it. All times are one: each dataset is seen by its own."""

    kind: str
    name: str
    label: str

    @property
    def owner(self) -> tuple[str, str]:
        return self.kind, "" if self.kind == "time" else self.name


def tell_fields_apart(datasets: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """A dashboard's datasets, of whose labels no two are read alike: those that were have their names behind them.

    As in Country (customer_country). What differs in case, quotes, brackets, blanks or unseen letters alone is alike.
    """
    fields = list(dict.fromkeys(each for dataset in datasets for each in _list_named(dataset)))
    owners: dict[str, set[tuple[str, str]]] = {}
    for each in fields:
        owners.setdefault(_reduce(each.label), set()).add(each.owner)
    told = {each: each.label for each in fields if len(owners[_reduce(each.label)]) == 1}
    taken = set(map(_reduce, told.values()))
    for each in fields:
        if each not in told:
            told[each] = _add_name(each, taken)
            taken.add(_reduce(told[each]))
    return tuple(_relabel(dataset, told) for dataset in datasets)


def _list_named(dataset: Dataset) -> Iterator[_Named]:
    if dataset.time:
        yield _Named("time", dataset.time, label_dimension(dataset, dataset.time))
    for name in dataset.dimensions:
        yield _Named("dimension", name, label_dimension(dataset, name))
    for metric in dataset.metrics:
        yield _Named("metric", metric.name, label_metric(metric))


def _reduce(label: str) -> str:
    """What a reader, and every site, tells labels apart by."""
    text = unicodedata.normalize("NFKC", label).casefold()
    return "".join(each for each in text if each.isprintable() and each not in _UNSEEN)


def _add_name(field: _Named, taken: set[str]) -> str:
    """A label with the field's name behind it, but where it is the name already; with a number where that is taken."""
    name = one_line(field.name, LABEL // 2)
    end, number = "" if _reduce(field.label) == _reduce(name) else f" ({name})", 1
    while _reduce(found := one_line(field.label, LABEL - len(end)) + end) in taken:
        number += 1
        end = f" ({name} {number})"
    return found


def _relabel(dataset: Dataset, told: Mapping[_Named, str]) -> Dataset:
    labels, names = dict(dataset.labels), dict[str, str]()
    for each in _list_named(dataset):
        if told[each] != each.label:
            (names if each.kind == "metric" else labels)[each.name] = told[each]
    metrics = tuple(
        metric.model_copy(update={"label": names[metric.name]}) if metric.name in names else metric
        for metric in dataset.metrics
    )
    return dataset.model_copy(update={"labels": labels, "metrics": metrics})
