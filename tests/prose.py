"""Hand-labelled tickets in people's own words, and how well they are read: precision and recall of proposed fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from blocks.records import Ticket
from blocks.tracker.description_template import read_request
from tasks.elaboration.elaborate import propose
from tasks.elaboration.proposal import Proposal
from tasks.elaboration.vocabulary import Vocabulary
from tasks.requirements import check_ticket
from tests.conftest import ROOT

CASES = ROOT / "tests" / "cases" / "prose"
ASKED_ON = date(2026, 11, 26)  # a Thursday
SHOP_VALUES = {
    "country": [
        "Australia",
        "Belgium",
        "EIRE",
        "France",
        "Germany",
        "Norway",
        "Portugal",
        "Spain",
        "Sweden",
        "Switzerland",
        "United Kingdom",
        "USA",
        "Channel Islands",
    ],
    "segment": ["chain", "guest", "hospitality", "independent", "online"],
    "stage": ["lost", "negotiation", "proposal", "qualification", "won"],
    "outcome": ["open", "won", "lost"],
    "account_owner": ["Elena Rossi", "Grace Lin", "Ines Duarte", "Marta Nowak", "Priya Shah", "Tom Okafor"],
    "product_line": [
        "Bags",
        "Christmas",
        "Fashion",
        "Garden",
        "Home decoration",
        "Kitchen & table",
        "Lights & candles",
        "Stationery & wrap",
        "Storage",
        "Toys & games",
    ],
    "value_band": ["key", "large", "medium", "small"],
    "activity": ["active", "lapsed"],
    "customer_type": ["one order", "repeat"],
}


def read_yaml(path: Path) -> Any:
    """The content of a YAML file."""
    with path.open(encoding="utf-8") as stream:
        return YAML(typ="safe", pure=True).load(stream)


class YamlCatalogue:
    """What semantic models declare, read from their files without dbt: names, labels and words alone."""

    def __init__(
        self,
        documents: Iterable[Mapping[str, Any]],
        feeds: Mapping[str, Sequence[str]],
        sources: Sequence[str],
    ) -> None:
        self._metrics: dict[str, Mapping[str, Any]] = {}
        self._source_of: dict[str, str] = {}
        self._dimensions: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._time: dict[str, str] = {}
        self._feeds, self._sources = feeds, sources
        for document in documents:
            models = document.get("semantic_models", [])
            for model in models:
                self._dimensions[model["name"]] = {each["name"]: each for each in model["dimensions"]}
                self._time[model["name"]] = model["defaults"]["agg_time_dimension"]
            for metric in document.get("metrics", []):
                self._metrics[metric["name"]] = metric
                self._source_of[metric["name"]] = metric.get("mart") or models[0]["name"]

    def metric_names(self) -> list[str]:
        return sorted(self._metrics)

    def metric_labels(self) -> dict[str, str]:
        return {name: each.get("label", name) for name, each in self._metrics.items()}

    def metric_descriptions(self) -> dict[str, str]:
        return {name: each.get("description", "") for name, each in self._metrics.items()}

    def metric_synonyms(self) -> dict[str, list[str]]:
        return {name: _read_meta(each).get("synonyms", []) for name, each in self._metrics.items()}

    def dimension_synonyms(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for known in self._dimensions.values():
            for name, each in known.items():
                found.setdefault(name, []).extend(_read_meta(each).get("synonyms", []))
        return found

    def dimension_labels(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for known in self._dimensions.values():
            for name, each in known.items():
                found[name] = (*found.get(name, ()), each.get("label", name.replace("_", " ").capitalize()))
        return found

    def list_unusable(self) -> dict[str, str]:
        return {}

    def unusable_labels(self) -> dict[str, str]:
        return {}

    def source_of(self, metric: str) -> str:
        return self._source_of[metric]

    def dimensions_of(self, source: str) -> list[str]:
        return list(self._dimensions[source])

    def time_of(self, source: str) -> str | None:
        return self._time[source]

    def grain_of(self, source: str) -> str:
        return str(self._dimensions[source][self._time[source]]["type_params"]["time_granularity"])

    def adds_up(self, metric: str) -> bool:
        return "format: percent" not in str(self._metrics[metric])

    def form_of(self, metric: str) -> str:
        return str(_read_meta(self._metrics[metric]).get("format", "number"))

    def list_source_names(self) -> list[str]:
        return list(self._sources)

    def sources_feeding(self, metric: str) -> list[str]:
        return list(self._feeds.get(self._source_of[metric], self._sources))


def _read_meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = (node.get("config") or {}).get("meta") or {}
    return meta


@cache
def make_vocabularies() -> dict[str, Vocabulary]:
    """The three catalogues that tickets are read against, with values as their releases have them."""
    marts = [read_yaml(path) for path in sorted((ROOT / "dbt" / "models" / "marts").glob("*.yml"))]
    feeds = {
        "daily_revenue": ["crm", "erp"],
        "product_performance": ["erp"],
        "customer_value": ["crm", "erp"],
    }
    shop = YamlCatalogue(marts, {**feeds, "sales_pipeline": ["crm", "fx"]}, ["crm", "erp", "fx"])
    rides = YamlCatalogue([read_yaml(ROOT / "tests" / "tiny" / "dbt" / "models" / "tiny.yml")], {}, ["bikes"])
    document = read_yaml(CASES / "clinic.yml")
    clinic = YamlCatalogue([document], document["feeds"], document["sources"])
    stations = {"station": ["Harbour", "Old Town", "University", "1st Avenue"]}
    return {
        "shop": Vocabulary(shop, SHOP_VALUES),
        "rides": Vocabulary(rides, stations),
        "clinic": Vocabulary(clinic, document["values"]),
    }


class Case(NamedTuple):
    """A labelled ticket. want: field → the right values, each as alternatives."""

    on: str
    kind: str
    title: str
    text: str
    want: dict[str, list[set[str]]]


def read_cases(part: str) -> list[Case]:
    """The labelled tickets of a file."""
    return [
        Case(each["on"], each["kind"], each["title"], each["text"], _read_labels(each["want"]))
        for each in read_yaml(CASES / f"{part}.yml")
    ]


def _read_labels(want: Mapping[str, Any]) -> dict[str, list[set[str]]]:
    found = {}
    for name, value in want.items():
        values = value if isinstance(value, list) else [str(value)]
        found[name] = [set(each.split("|")) for each in values]
    return found


def read_case(case: Case) -> Proposal:
    """What is proposed for a labelled ticket, as for one of a tracker that reads fields out of descriptions."""
    words = make_vocabularies()[case.on]
    fields = {**read_request(case.text).fields, "description": case.text, "requester": "Dana"}
    ticket = Ticket(key="AN-1", title=case.title, status="open", fields=fields)
    check = partial(check_ticket, catalogue=words.catalogue, find_values=words.values.get)
    return propose(ticket, words, check, ASKED_ON)


def list_values(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """Field and value of all that is proposed, names and filter values one by one.

    Not where the data come from and the usual deadline, which follow from the rest.
    """
    for item in proposal.items:
        name, text = item.field, item.value
        if not item.read and name != "analysis":
            continue
        if name in ("metrics", "dimensions", "chart"):
            yield from ((name, each) for each in text.split(", "))
        elif name == "filters":
            for entry in text.split("; "):
                dimension, sign, values = re.split(r"( !?= )", entry, maxsplit=1)
                yield from ((name, f"{dimension}{sign}{value}") for value in values.split(", "))
        else:
            yield name, text


@dataclass
class Score:
    """proposed, right, wanted: values of fields; asked: wanted ones that a question offers. wrong, lost: which."""

    proposed: int = 0
    right: int = 0
    wanted: int = 0
    asked: int = 0
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """The share of proposed values that are right."""
        return self.right / self.proposed if self.proposed else 1.0

    @property
    def recall(self) -> float:
        """The share of wanted values that are proposed."""
        return self.right / self.wanted if self.wanted else 1.0

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f} ({self.right} of {self.proposed}), "
            f"recall {self.recall:.3f} ({self.right} of {self.wanted}; {self.asked} more are asked about)"
        )


def score_cases(cases: Iterable[Case]) -> Score:
    """Proposals held against labels, value by value."""
    score = Score()
    for case in cases:
        proposal = read_case(case)
        left = {name: list(values) for name, values in case.want.items()}
        score.wanted += sum(map(len, left.values()))
        for name, value in list_values(proposal):
            score.proposed += 1
            if match := next((each for each in left.get(name, []) if value in each), None):
                left[name].remove(match)
                score.right += 1
            else:
                score.wrong.append(f"{case.title!r}: {name} {value}")
        offered = {(each.field, option) for each in proposal.questions for option in each.options}
        for name, values in left.items():
            for each in values:
                score.asked += any((name, value) in offered for value in each)
                score.lost.append(f"{case.title!r}: {name} {'|'.join(sorted(each))}")
    return score
