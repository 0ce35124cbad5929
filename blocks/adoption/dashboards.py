"""What turns a mart into a dashboard: a semantic model with metrics, an exposure, a suite, a ticket; as text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

from blocks.adoption.names import to_snake_case
from blocks.adoption.new_project import PROPOSED
from blocks.adoption.profile import ColumnProfile, TableProfile
from blocks.adoption.yaml_files import write_yaml
from blocks.manifest import Node
from blocks.records import Analysis, Record
from blocks.sql import quote_identifier

MOST_MEASURES, MOST_METRICS, MOST_DIMENSIONS, MOST_SET = 6, 6, 3, 20
_GRAINS = {"day", "week", "month", "quarter", "year", "hour", "minute", "second", "metric_time"}
_PLAIN = re.compile(r"[a-z][a-z0-9_]*")


class ProposedDashboard(Record):
    """A dashboard as it is proposed. ref: dbt's call for its mart, where the name alone is not enough."""

    mart: str
    exposure: str
    analysis: Analysis
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    ticket: str | None = None
    ref: str = ""
    beside: tuple[str, ...] = ()

    @property
    def meta(self) -> dict[str, object]:
        """The exposure's meta: made for its ticket, or with every run."""
        asked: dict[str, object] = {"ticket": self.ticket} if self.ticket else {"schedule": "daily"}
        shown = {"metrics": list(self.metrics), "dimensions": list(self.dimensions)}
        return {**asked, "analysis": self.analysis.value, **shown}


def propose_semantic_model(
    mart: TableProfile, taken: Collection[str], ref: str = ""
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """A semantic model of a mart and its metrics: a count, sums of what can be added up, and one by the count.

    taken: names of measures and metrics that the project has. ref: dbt's call for it, where its name is not enough.
    """
    prefix, time = to_snake_case(mart.name), mart.find_time()
    added = mart.list_measures()[:MOST_MEASURES]
    dimensions: list[dict[str, object]] = []
    if time:
        grain = {"type_params": {"time_granularity": time.grain or "day"}}
        dimensions.append({**_name_dimension(time, prefix), "type": "time", **grain})
    dimensions += [{**_name_dimension(each, prefix), "type": "categorical"} for each in mart.list_parts()]
    key = mart.key[0] if len(mart.key) == 1 else None
    entity = {
        "name": f"{prefix}_row",
        "type": "primary",
        "expr": quote_plain(key) if key else _join_key(mart),
    }
    count = _pick(f"{prefix}_count", taken)
    measures: list[dict[str, object]] = [{"name": f"{count}_rows", "agg": "sum", "expr": "1"}]
    metrics = [_make_metric(count, f"Number of {_make_title(prefix).lower()}", f"{count}_rows")]
    for each in added:
        name = _pick(f"{prefix}_{to_snake_case(each.name)}", taken)
        measures.append({"name": f"{name}_sum", "agg": "sum", "expr": quote_plain(each.name)})
        of, what = _make_title(prefix), _make_title(to_snake_case(each.name))
        label = of if of == what else f"{of}: {what.lower()}"
        metrics.append(_make_metric(name, label, f"{name}_sum"))
        average = _pick(f"{name}_average", taken)
        params: dict[str, object] = {"numerator": name, "denominator": count}
        metrics.append({**_make_head(average, f"{label}, average"), "type": "ratio", "type_params": params})
    model: dict[str, object] = {"name": _pick(prefix, taken), "model": ref or f"ref('{mart.name}')"}
    if time:
        model["defaults"] = {"agg_time_dimension": dimensions[0]["name"]}
    return {**model, "entities": [entity], "dimensions": dimensions, "measures": measures}, metrics


def quote_plain(name: str) -> str:
    """A column in an expression: as it is if every warehouse folds it alike, else quoted."""
    return name if _PLAIN.fullmatch(name) else quote_identifier(name)


def _join_key(mart: TableProfile) -> str:
    parts = [f"cast({quote_plain(name)} as varchar)" for name in mart.key]
    return " || '-' || ".join(parts) if parts else "1"


def _name_dimension(column: ColumnProfile, prefix: str) -> dict[str, object]:
    """A dimension's name and expression; words that dbt keeps for grains get the mart's name before them."""
    name = re.sub("_+", "_", to_snake_case(column.name))
    name = f"{prefix}_{name}" if name in _GRAINS or len(name) < 2 else name
    return {"name": name, **({} if name == column.name else {"expr": quote_plain(column.name)})}


def _pick(name: str, taken: Collection[str]) -> str:
    plain = re.sub("_+", "_", name)
    return plain if plain not in taken else f"{plain}_of_init"


def _make_head(name: str, label: str) -> dict[str, object]:
    return {"name": name, "label": label, "description": f"{label}."}


def _make_metric(name: str, label: str, measure: str) -> dict[str, object]:
    return {**_make_head(name, label), "type": "simple", "type_params": {"measure": measure}}


def _make_title(name: str) -> str:
    return re.sub(r"^(fct|fact|dim|mart|rpt|agg)_", "", name).replace("_", " ").capitalize()


def write_dashboard(
    proposed: ProposedDashboard,
    model: Mapping[str, object] | None,
    metrics: Sequence[Mapping[str, object]],
    exposed: bool,
) -> str:
    """The YAML beside a mart: its semantic model and metrics if it has none yet, and the exposure unless `exposed`."""
    content: dict[str, object] = {}
    if model:
        content |= {"semantic_models": [dict(model)], "metrics": [dict(each) for each in metrics]}
    if not exposed:
        exposure: dict[str, object] = {
            "name": proposed.exposure,
            "label": _make_title(proposed.mart),
            "type": "dashboard",
            "description": f"{_make_title(proposed.mart)}, proposed from the data.",
            "owner": {"name": "Analytics"},
            "depends_on": [proposed.ref or f"ref('{proposed.mart}')", *proposed.beside],
            "config": {"meta": proposed.meta},
        }
        content["exposures"] = [exposure]
    return write_yaml(content, PROPOSED)


def write_ticket(proposed: ProposedDashboard, sources: Sequence[str], today: date) -> str:
    """A ticket that asks for a dashboard, complete."""
    content: dict[str, object] = {
        "key": str(proposed.ticket),
        "title": f"{_make_title(proposed.mart)}: a first dashboard",
        "status": "open",
        "requester": "Analytics",
        "priority": "Medium",
        "deadline": (today + timedelta(days=30)).isoformat(),
        "analysis": proposed.analysis.value,
        "metrics": list(proposed.metrics),
        "dimensions": list(proposed.dimensions),
    }
    if sources:
        content["data_sources"] = list(sources)
    return write_yaml(content)


def propose_suite(mart: TableProfile, tests: Sequence[Node], today: date) -> list[dict[str, object]]:
    """Expectations of a mart: its dbt tests in the same words, then what the rows show, marked as unreviewed.

    tests: dbt's, of this mart, from the manifest. `relationships` stay dbt's: they read another relation.
    """
    found = [each for test in tests for each in _translate(test)]
    drawn = f" drawn from {mart.of:,}" if mart.of else ""
    seen = f"seen in {mart.rows:,} rows{drawn} on {today.isoformat()}"
    proposed: list[dict[str, object]] = [
        _expect(
            "table_row_count_to_be_between",
            {"min_value": 1, "max_value": max(1000, (mart.of or mart.rows) * 10)},
            seen,
        )
    ]
    for column in [each for each in mart.columns if not each.is_of_the_load]:
        named: dict[str, object] = {"column": column.name}
        if not column.nulls and mart.rows:
            proposed.append(_expect("column_values_to_not_be_null", named, f"no null {seen}"))
        if mart.key == (column.name,):
            proposed.append(_expect("column_values_to_be_unique", named, f"each once, {seen}"))
        if column.values and len(column.values) <= MOST_SET:
            values = {**named, "value_set": list(column.values)}
            proposed.append(_expect("column_values_to_be_in_set", values, f"all values {seen}", lenient=True))
        ranged = column.is_number and not column.is_identifier and column.name not in mart.key
        if ranged and column.smallest is not None and float(column.smallest) >= 0:
            evidence = f"{column.smallest} to {column.largest}, {seen}"
            proposed.append(_expect("column_values_to_be_between", {**named, "min_value": 0}, evidence))
    if len(mart.key) > 1:
        together = {"column_list": list(mart.key)}
        proposed.append(_expect("compound_columns_to_be_unique", together, f"each pair once, {seen}"))
    known = {_identify(each) for each in found}
    return found + [each for each in proposed if _identify(each) not in known]


def write_suite(mart: str, expectations: Sequence[Mapping[str, object]]) -> str:
    """A suite's file."""
    content = {"name": mart, "expectations": list(expectations)}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _expect(
    kind: str, kwargs: Mapping[str, object], evidence: str, lenient: bool = False
) -> dict[str, object]:
    given: dict[str, object] = {"type": f"expect_{kind}", "kwargs": dict(kwargs)}
    if lenient:
        given["severity"] = "warning"
    return {**given, "meta": {"unreviewed": True, "evidence": evidence}, "notes": f"Unreviewed: {evidence}."}


def _identify(expectation: Mapping[str, object]) -> tuple[object, object]:
    kwargs = expectation["kwargs"]
    column = kwargs.get("column", "") if isinstance(kwargs, Mapping) else ""
    return expectation["type"], column


def _translate(test: Node) -> list[dict[str, object]]:
    """A dbt test in Great Expectations' words; nothing for one that says more, or other things."""
    metadata, config = test.get("test_metadata") or {}, test.get("config") or {}
    arguments = {**(metadata.get("kwargs") or {})}
    column = arguments.get("column_name") or test.get("column_name")
    plain = not config.get("where") and not config.get("limit") and config.get("error_if") in (None, "!= 0")
    if not column or not plain or metadata.get("namespace") or config.get("enabled") is False:
        return []
    named: dict[str, object] = {"column": str(column).strip('"`')}
    kinds: dict[str, tuple[str, dict[str, object]]] = {
        "not_null": ("column_values_to_not_be_null", named),
        "unique": ("column_values_to_be_unique", named),
    }
    values = arguments.get("values")
    if isinstance(values, list) and arguments.get("quote", True) is True:
        kinds["accepted_values"] = ("column_values_to_be_in_set", {**named, "value_set": values})
    kind = kinds.get(str(metadata.get("name")))
    if kind is None:
        return []
    lenient = str(config.get("severity", "error")).lower() == "warn"
    meta: dict[str, object] = {"dbt_test": str(test.get("name"))}
    given: dict[str, object] = {"type": f"expect_{kind[0]}", "kwargs": kind[1], "meta": meta}
    return [{**given, **({"severity": "warning"} if lenient else {})}]
