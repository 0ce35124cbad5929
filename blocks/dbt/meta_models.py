"""What a dbt project may write into `config.meta` for this workflow, as pydantic models, and as one JSON Schema.

dbt itself judges nothing of meta. Other tools keep their own keys there, so an unknown key is a mistake only where it
is nearly one of ours. A new key is added to the model of its node and to the page that explains it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError

from blocks.findings import suggest_name
from blocks.records import Analysis

OFF = {"no", "off", "false", "never", "none", "n"}
_LONGEST = 300


def _read_names(value: object) -> object:
    """One name as a list of it; text is never split, so that one with commas is refused."""
    if not isinstance(value, str):
        return value
    if "," in value or not value.strip():
        raise ValueError(f"is one text: write a list, [{value.strip()}]")
    return [value]


def _read_schedule(value: object) -> object:
    if isinstance(value, str) and value.strip().lower() in OFF:
        raise ValueError(f"is the text {value!r}, which counts as yes: write false, or leave it out")
    return value


def _read_ticket(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Wish: TypeAlias = str | list[str] | dict[str, str | list[str]] | None
"""A field of a ticket, in an exposure."""
Names: TypeAlias = Annotated[list[str], BeforeValidator(_read_names)]
Share: TypeAlias = Annotated[float, Field(strict=True, ge=0, le=1)]


Synonyms: TypeAlias = Annotated[
    Names, Field(description="what else people call it, in any language, to read their requests by")
]


class Meta(BaseModel):
    """Base: keys of other tools may stand beside ours."""

    model_config = ConfigDict(extra="ignore", strict=False)


class ExposureMeta(Meta):
    """The dashboard that an exposure declares."""

    ticket: Annotated[str, BeforeValidator(_read_ticket)] | None = Field(
        None, description="key of its ticket"
    )
    analysis: Analysis | None = Field(None, description="what is asked of the data")
    metrics: Names = Field([], description="metrics of the semantic layer that it shows")
    dimensions: Names = Field([], description="dimensions that it splits them by")
    schedule: Annotated[StrictBool | str, BeforeValidator(_read_schedule)] | None = Field(
        None,
        description="anything but false: refreshed by every run without --tickets; or `weekly on Monday`, "
        "`monthly on day 1`: by runs of that day, and later ones until it was",
    )
    approval: Literal["requester", "owner", "none"] = Field(
        "none", description="who accepts a new or changed definition before readers see it"
    )
    filters: Wish = Field(None, description="values that it opens with: `country = Germany, France`")
    period: Wish = Field(None, description="time that it opens with: `last 12 months`")
    comparison: Wish = Field(None, description="`previous period` or `same period last year`")
    grain: Wish = Field(None, description="grain of time that it opens with: `month`")
    target: Wish = Field(None, description="what metrics should reach: `net_revenue = 120000 per month`")
    audience: Wish = Field(None, description="groups that may read it, and no others")
    chart: Wish = Field(None, description="kinds of charts that come first: `bars`")
    subscribers: Wish = Field(
        None, description="addresses and channels told of new figures: `dana@example.com, sales`"
    )
    alerts: Wish = Field(
        None, description="lines that they hear of when crossed: `net_revenue < 5000 per day`"
    )
    live: StrictBool | None = Field(
        None, description="true: it reads what is served itself, at every look, where a BI server can"
    )


class DiffBudget(Meta):
    """The share of live keys that a release may remove or change."""

    removed: Share | None = None
    changed: Share | None = None


class MartMeta(Meta):
    """What the gate holds a mart to, and who answers for it."""

    owner: Names = Field([], description="who takes tickets that need it, in turn by their load")
    primary_key: Names = Field([], description="columns that tell its rows apart")
    diff_budget: DiffBudget | None = Field(None, description="most keys to go or change in one release")
    may_be_empty: StrictBool | None = Field(None, description="without rows it is right, too")


class Expect(Meta):
    """How a metric's new days are held to its history."""

    sensitivity: Annotated[float, Field(strict=True, ge=0.1, le=10)] | None = Field(
        None, description="2: the usual range is half as wide; 0.5: twice"
    )
    block: StrictBool | Literal["never", "gross", "unusual"] | None = Field(
        None,
        description="what holds a release back: never (false, the default of minima and maxima), gross (that of"
        " others), unusual (true)",
    )
    min_history: Annotated[int, Field(strict=True, ge=3, le=400)] | None = Field(
        None, description="alike days, weeks or months before anything is said"
    )
    restated: Share | None = Field(None, description="the share of the past that may change in one release")


class Event(Meta):
    """Days of a metric that are not held to its history: on one day, from one to another, or those of a dbt seed."""

    name: str | None = None
    seed: str | None = Field(
        None, description="a dbt seed that lists such days in its columns name, first_day and last_day"
    )
    on: date | None = None
    first: date | None = Field(None, alias="from")
    to: date | None = None


class MetricMeta(Meta):
    """How a metric is shown, what else it is called, and what its new days are held to."""

    synonyms: Synonyms = []
    owner: Names = Field([], description="who takes tickets that need it, in turn by their load")
    expect: Expect | None = Field(None, description="how its new days are held to its history")
    events: list[Event] = Field([], description="days that are not")

    format: Annotated[str, Field(pattern=r"^(number|percent|currency:[A-Z]{3})$")] | None = Field(
        None, description="number, percent, or a currency as currency:GBP"
    )
    goal: Literal["up", "down", "none"] | None = Field(None, description="which direction is good")
    maturity: Annotated[int, Field(strict=True, ge=0, le=3660)] | Literal["grows"] | None = Field(
        None, description="days until its figure for a time is final; grows: it never is, as of cohorts"
    )
    target: Annotated[float, Field(strict=True)] | None = Field(
        None, description="what it should reach, drawn as a line: a figure for each time that is drawn"
    )


class DimensionMeta(Meta):
    """What else a dimension of a semantic model is called."""

    synonyms: Synonyms = []


class SourceMeta(Meta):
    """How a loader reads a source; a table may say it for itself."""

    kind: Literal["files", "sql", "rest"] | None = Field(None, description="what the dlt loader reads")
    connection: str | None = Field(None, description="the Fivetran connection's id")
    source_id: int | str | None = Field(None, description="the Stitch source's number")
    owner: Names = Field([], description="who takes tickets that need it, in turn by their load")


class SourceTableMeta(SourceMeta):
    """How a loader reads one table."""

    load: Literal["append", "merge", "replace"] | None = None
    key: Names = Field([], description="merge: the columns of the primary key")
    cursor: str | None = Field(None, description="a column that grows with every change")
    lookback: Annotated[float, Field(strict=True, ge=0)] | None = None
    soft_delete: str | None = None
    compare_keys: StrictBool | None = None
    path: str | None = None
    format: Literal["csv", "jsonl", "json", "parquet"] | None = None
    delimiter: str | None = None
    final_newline: StrictBool | None = None
    null_values: Annotated[list[str], BeforeValidator(_read_names)] = []
    table: str | None = None
    endpoint: str | None = None
    records: str | None = None
    cursor_param: str | None = None
    paginator: (
        Literal["single_page", "next_url", "header_link", "cursor", "header_cursor", "page_number", "offset"]
        | None
    ) = None
    repeated_records: Literal["accept"] | None = None
    next: str | None = None
    page_param: str | None = None
    first_page: int | None = None
    page_size: Annotated[int, Field(gt=0)] | None = None
    quarantine_budget: Share | None = None
    quarantine_of: str | None = None


class SourceColumnMeta(Meta):
    """How one column of a source is read."""

    origin: str | None = Field(None, description="its name at the source")
    required: StrictBool | None = None
    format: Annotated[list[str], BeforeValidator(_read_names)] = []
    decimal: str | None = None
    thousands: str | None = None
    round: StrictBool | None = None
    epoch: Literal["seconds", "milliseconds", "microseconds", "nanoseconds", False] | None = None
    null_values: Annotated[list[str], BeforeValidator(_read_names)] = []


class ProjectVars(Meta):
    """`vars: {ticket_to_dashboard: ...}` of dbt_project.yml."""

    build: Literal["changed", "all"] | None = None
    not_run: Literal["fail", "warn"] | None = None
    time_zone: str | None = None
    holidays: Names = []


def find_meta_faults(model: type[Meta], meta: object) -> list[tuple[str, str]]:
    """(key, what is wrong with it) for a node's meta; the key is empty where the whole is no mapping."""
    if not isinstance(meta, Mapping):
        return [("", f"is no mapping, but {_show(meta)}")]
    return [*_find_misspelt(model, meta), *_find_wrong(model, meta)]


def find_unknown_keys(model: type[Meta], meta: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) for each that the model does not have, where all of the keys are ours."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    for key in meta:
        if key not in known:
            yield str(key), f"is no key that is read{suggest_name(str(key), known)}"


def _find_misspelt(model: type[Meta], meta: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    known = set(model.model_fields)
    for key in meta:
        near = suggest_name(str(key), known)
        if model is ExposureMeta and key == "cadence":
            near = " (did you mean schedule?)"  # as a ticket calls it
        if key not in known and near:
            yield str(key), f"is no key that is read{near}"
    for name, field in model.model_fields.items():
        inner, value = _INNER.get(field.annotation), meta.get(name)
        for each in value if isinstance(value, list) else [value]:
            if inner and isinstance(each, Mapping):
                yield from ((f"{name}.{key}", message) for key, message in find_unknown_keys(inner, each))


_INNER: dict[object, type[Meta]] = {DiffBudget | None: DiffBudget, Expect | None: Expect, list[Event]: Event}
"""Type of a key → the model of the mapping, or of each of the mappings, that it holds."""


def _find_wrong(model: type[Meta], meta: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    try:
        model.model_validate({key: value for key, value in meta.items() if value is not None})
    except ValidationError as wrong:
        seen = set()
        for each in wrong.errors(include_url=False, include_context=False):
            nested = model in (MartMeta, MetricMeta)
            parts = [str(part) for part in each["loc"] if nested or part == each["loc"][0]]
            if each["loc"][0] not in seen:  # a union says it once for each of its parts
                seen.add(each["loc"][0])
                given = "" if each["type"] == "value_error" else f", not {_show(each['input'])}"
                yield ".".join(parts[:2]), f"{each['msg'].removeprefix('Value error, ')}{given}"[:_LONGEST]


def _show(value: object) -> str:
    return repr(value)[:80]


def build_schema() -> dict[str, object]:
    """A JSON Schema of dbt's properties files as far as they are read here, for an editor to check YAML against."""
    models = (
        ExposureMeta,
        MartMeta,
        MetricMeta,
        DimensionMeta,
        SourceMeta,
        SourceTableMeta,
        SourceColumnMeta,
    )
    defs: dict[str, object] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/$defs/{model}")
        defs |= schema.pop("$defs", {})
        defs[model.__name__] = {**schema, "additionalProperties": True}

    def node(model: type[Meta], **more: object) -> dict[str, object]:
        meta = {"$ref": f"#/$defs/{model.__name__}"}
        config = {"type": "object", "properties": {"meta": meta}}
        return {"type": "object", "properties": {"config": config, "meta": meta, **more}}

    def each(items: dict[str, object]) -> dict[str, object]:
        return {"type": "array", "items": items}

    table = node(SourceTableMeta, columns=each(node(SourceColumnMeta)))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What ticket-to-dashboard reads of a dbt properties file",
        "type": "object",
        "properties": {
            "sources": each(node(SourceMeta, tables=each(table))),
            "models": each(node(MartMeta)),
            "metrics": each(node(MetricMeta)),
            "semantic_models": each(
                {"type": "object", "properties": {"dimensions": each(node(DimensionMeta))}}
            ),
            "exposures": each(node(ExposureMeta)),
        },
        "$defs": defs,
    }
