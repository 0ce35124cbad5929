"""What a row source has of other semantic models: their dimensions, joined by an entity that both have.

As in dbt's semantic layer a row finds at most one row of the other model, by its primary or unique key, and none is no
fault: the dimension is null then. One join leads to a dimension; what is two joins away is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from blocks.dimensions import (
    Dimension,
    UnusableError,
    end_comment,
    read_dimension,
    read_entity,
    read_keys,
    read_mart,
)
from blocks.manifest import Node
from blocks.records import GRAINS, Record
from blocks.sql import quote_identifier

_KEYS = ("primary", "unique")


class Join(Record):
    """Another mart, of which a row source's rows find one row each by a key.

    on: SQL of the key in the row source, key: in the other mart; columns: names here → SQL over the other mart. No
    column of a project begins with the @ that all these names begin with, so neither side's SQL means the other's.
    grouped: the other mart's rows become one for each key, and columns are aggregates of them; where: of which rows.
    """

    entity: str
    mart: str
    on: str
    key: str
    columns: dict[str, str]
    grouped: bool = False
    where: str = ""

    def is_read_by(self, sql: str) -> bool:
        """True if an expression names one of the columns."""
        return any(quote_identifier(name) in sql for name in self.columns)

    def write(self, relation: str) -> str:
        """SQL that joins the other mart. relation: it, quoted."""
        what = ", ".join([self.mart, *(self.columns if self.grouped else ())])
        key = quote_identifier(f"@{self.entity} of {what}")
        columns = [f"{sql} as {quote_identifier(name)}" for name, sql in self.columns.items()]
        rows = f"select {', '.join([f'{self.key} as {key}', *columns])} from {relation}"
        rows += (f" where {self.where}" if self.where else "") + (" group by 1" if self.grouped else "")
        alias = quote_identifier(f"@{self.entity}, {what}")
        return f"left join ({rows}) as {alias} on ({self.on}) = {key}"


@dataclass(frozen=True)
class EntityJoins:
    """dimensions, joins: by the dimension's name, `entity__dimension`; faults: why one can't be had."""

    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    joins: tuple[Join, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)


def find_joins(model: Node, models: Iterable[Node], nodes: Mapping[str, Node]) -> EntityJoins:
    """What a semantic model has of the others. nodes: the manifest's, by id. One that can't be read adds nothing."""
    found: dict[str, Dimension] = {}
    joins: list[Join] = []
    faults: dict[str, str] = {}
    for other in models:
        try:
            parts = list(_join(model, other, nodes)) if other.get("name") != model.get("name") else []
        except (KeyError, TypeError, ValueError, AttributeError):  # which is said where it is read itself
            continue
        for join, dimensions, fault in parts:
            twice = dimensions.keys() & found.keys()
            faults |= {key: f"{key} is in several semantic models" for key in twice}
            faults |= dict.fromkeys(dimensions, fault) if fault else {}
            found |= dimensions
            joins += [join] if join else []
    usable = {
        key: each
        for key, each in found.items()
        if key not in faults and (not each.time or each.grain in GRAINS)
    }
    return EntityJoins(usable, tuple(joins), faults)


def _join(
    model: Node, other: Node, nodes: Mapping[str, Node]
) -> Iterator[tuple[Join | None, dict[str, Dimension], str]]:
    """How another semantic model is joined by each entity of both, and its dimensions; or why it can't be."""
    own, primary = read_keys(model), read_entity(model)
    local = {f"{primary}__{each['name']}" for each in model.get("dimensions") or ()}
    for entity in other.get("entities") or ():
        name = entity["name"]
        if name not in own or entity.get("type") not in (*_KEYS, "natural"):
            continue
        names = {f"{name}__{each['name']}": each for each in other.get("dimensions") or ()}
        names = {key: each for key, each in names.items() if key not in local}
        fault = _find_fault(other, entity, nodes)
        join = None if fault else _read_join(model, other, entity, nodes, names)
        yield join, {key: _read_joined(key, each) for key, each in names.items()}, fault


def _find_fault(other: Node, entity: Node, nodes: Mapping[str, Node]) -> str:
    """Why a semantic model's rows can't be found by its entity."""
    periods = [
        each
        for each in other.get("dimensions") or ()
        if (each.get("type_params") or {}).get("validity_params")
    ]
    if entity.get("type") == "natural" or periods:
        return f"{other.get('name')} has several rows of a {entity['name']}, each valid for a time"
    try:
        read_mart(_nodes_of(other, nodes), other)
    except UnusableError as reason:
        return str(reason)
    return ""


def _nodes_of(model: Node, nodes: Mapping[str, Node]) -> list[Node]:
    return [nodes[each] for each in model["depends_on"]["nodes"] if each in nodes]


def _read_join(
    model: Node, other: Node, entity: Node, nodes: Mapping[str, Node], names: Mapping[str, Node]
) -> Join:
    return Join(
        entity=entity["name"],
        mart=read_mart(_nodes_of(other, nodes), other),
        on=end_comment(read_keys(model)[entity["name"]]),
        key=end_comment(str(entity.get("expr") or entity["name"])),
        columns={f"@{key}": end_comment(read_dimension(each).expr) for key, each in names.items()},
    )


def _read_joined(name: str, declared: Node) -> Dimension:
    """Another model's dimension as this one's rows have it, labelled with what it is of."""
    plain = read_dimension(declared)
    entity = name.removesuffix(f"__{plain.name}").removesuffix("_id").replace("_", " ")
    small = plain.label[0].lower() + plain.label[1:] if plain.label[1:2].islower() else plain.label
    label = plain.label if plain.label.casefold().startswith(entity) else f"{entity.capitalize()} {small}"
    update = {"name": name, "expr": quote_identifier(f"@{name}"), "label": label, "joined": True}
    return plain.model_copy(update=update)
