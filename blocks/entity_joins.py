"""What a row source has of other semantic models: their dimensions, joined by an entity that both have.

As in dbt's semantic layer a row finds at most one row of the other model, by its primary or unique key, and none is no
fault: the dimension is null then. One join leads to a dimension, or two; what is farther away is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
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
from blocks.hashing import hash_value
from blocks.manifest import DimensionNode, EntityNode, Node, SemanticModelNode
from blocks.records import GRAINS, Record
from blocks.sql import quote_identifier

_FOUND = ("primary", "unique", "natural")


class Join(Record):
    """Another mart, of which a row source's rows find one row each by a key.

    on: SQL of the key in the row source, key: in the other mart; columns: names here → SQL over the other mart. No
    column of a project begins with the @ that all these names begin with, so neither side's SQL means the other's.
    grouped: the other mart's rows become one for each key, and columns are aggregates of them; where: of which rows.
    beyond: how the other mart's rows are joined with a third one's, and which columns come from there.
    """

    entity: str
    mart: str
    on: str
    key: str
    columns: dict[str, str]
    grouped: bool = False
    where: str = ""
    beyond: Join | None = None

    @property
    def steps(self) -> tuple[Join, ...]:
        """This join and those behind it, the nearest first."""
        return (self, *(self.beyond.steps if self.beyond else ()))

    @property
    def names(self) -> list[str]:
        """The names of all columns that it brings."""
        return [name for step in self.steps for name in step.columns]

    def is_read_by(self, sql: str) -> bool:
        """True if an expression names one of the columns."""
        return any(quote_identifier(name) in sql for name in self.names)

    def write(self, relations: Mapping[str, str]) -> str:
        """SQL that joins the other mart. relations: quoted, by the marts' names."""
        # what tells several joins of one mart apart comes first: some warehouses cut long names
        mark = f"{hash_value(self.names)[:8]} " if self.grouped or self.beyond else ""
        key = quote_identifier(f"@{mark}{self.entity} of {self.mart}")
        columns = [f"{sql} as {quote_identifier(name)}" for name, sql in self.columns.items()]
        columns += map(quote_identifier, self.beyond.names if self.beyond else ())
        rows = f"select {', '.join([f'{self.key} as {key}', *columns])} from {relations[self.mart]}"
        rows += f" {self.beyond.write(relations)}" if self.beyond else ""
        rows += (f" where {self.where}" if self.where else "") + (" group by 1" if self.grouped else "")
        alias = quote_identifier(f"@{mark}{self.entity}, {self.mart}")
        return f"left join ({rows}) as {alias} on ({self.on}) = {key}"


@dataclass(frozen=True)
class EntityJoins:
    """dimensions, joins: by the dimension's name, `entity__dimension`; faults: why one can't be had."""

    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    joins: tuple[Join, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)


def find_joins(
    model: SemanticModelNode, models: Iterable[SemanticModelNode], nodes: Mapping[str, Node]
) -> EntityJoins:
    """What a semantic model has of the others. nodes: the manifest's, by id. One that can't be read adds nothing."""
    found: dict[str, Dimension] = {}
    joins: list[Join] = []
    faults: dict[str, str] = {}
    every = list(models)
    by_key = _index_by_key(every)
    for other in every:
        try:
            parts = list(_join_all(model, other, by_key, nodes))
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


def _index_by_key(models: Iterable[SemanticModelNode]) -> dict[str, list[SemanticModelNode]]:
    """Entity → the semantic models whose rows it may find."""
    found: dict[str, list[SemanticModelNode]] = {}
    for model in models:
        with suppress(KeyError, TypeError, ValueError, AttributeError):  # said where it is read itself
            for entity in model.get("entities") or ():
                if entity.get("type") in _FOUND:
                    found.setdefault(entity["name"], []).append(model)
    return found


def _join_all(
    model: SemanticModelNode,
    other: SemanticModelNode,
    by_key: Mapping[str, list[SemanticModelNode]],
    nodes: Mapping[str, Node],
) -> Iterator[tuple[Join | None, dict[str, Dimension], str]]:
    """What a semantic model has of another one, and through that one of a third."""
    if other.get("name") == model.get("name"):
        return
    for join, dimensions, fault in _join(model, other, nodes):
        yield join, dimensions, fault
        if join is None:
            continue
        thirds = {each["name"]: each for key in read_keys(other) for each in by_key.get(key, ())}
        for name, third in thirds.items():
            if name in (model.get("name"), other.get("name")):
                continue
            with suppress(KeyError, TypeError, ValueError, AttributeError):  # said where it is read itself
                yield from _go_through(join, list(_join(other, third, nodes)))


def _go_through(
    join: Join, parts: Iterable[tuple[Join | None, dict[str, Dimension], str]]
) -> Iterator[tuple[Join | None, dict[str, Dimension], str]]:
    """The same of a third model as the first one has it, by the entity that leads to the second."""
    for beyond, dimensions, fault in parts:
        if any(name.startswith(f"{join.entity}__") for name in dimensions):
            continue  # back by the entity that it came by
        named = {_prefix(name, join): _rename(each, join) for name, each in dimensions.items()}
        if beyond is None:
            yield None, named, fault
            continue
        columns = {f"@{join.entity}__{name[1:]}": sql for name, sql in beyond.columns.items()}
        moved = beyond.model_copy(update={"columns": columns})
        yield join.model_copy(update={"columns": {}, "beyond": moved}), named, fault


def _prefix(name: str, join: Join) -> str:
    return f"{join.entity}__{name}"


def _rename(dimension: Dimension, join: Join) -> Dimension:
    name, label = _prefix(dimension.name, join), dimension.label
    entity = join.entity.removesuffix("_id").replace("_", " ").capitalize()
    update = {"name": name, "expr": quote_identifier(f"@{name}"), "label": f"{entity} {_lower_first(label)}"}
    return dimension.model_copy(update=update)


def _lower_first(label: str) -> str:
    """A label within a longer one; one that begins with capitals stays."""
    return label[0].lower() + label[1:] if label[1:2].islower() else label


def _join(
    model: SemanticModelNode, other: SemanticModelNode, nodes: Mapping[str, Node]
) -> Iterator[tuple[Join | None, dict[str, Dimension], str]]:
    """How another semantic model is joined by each entity of both, and its dimensions; or why it can't be."""
    own, primary = read_keys(model), read_entity(model)
    local = {f"{primary}__{each['name']}" for each in model.get("dimensions") or ()}
    for entity in other.get("entities") or ():
        name = entity["name"]
        if name not in own or entity.get("type") not in _FOUND:
            continue
        names = {f"{name}__{each['name']}": each for each in other.get("dimensions") or ()}
        names = {key: each for key, each in names.items() if key not in local}
        fault = _find_fault(other, entity, nodes)
        join = None if fault else _read_join(model, other, entity, nodes, names)
        yield join, {key: _read_joined(key, each) for key, each in names.items()}, fault


def _find_fault(other: SemanticModelNode, entity: EntityNode, nodes: Mapping[str, Node]) -> str:
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


def _nodes_of(model: SemanticModelNode, nodes: Mapping[str, Node]) -> list[Node]:
    return [nodes[each] for each in model["depends_on"]["nodes"] if each in nodes]


def _read_join(
    model: SemanticModelNode,
    other: SemanticModelNode,
    entity: EntityNode,
    nodes: Mapping[str, Node],
    names: Mapping[str, DimensionNode],
) -> Join:
    return Join(
        entity=entity["name"],
        mart=read_mart(_nodes_of(other, nodes), other),
        on=end_comment(read_keys(model)[entity["name"]]),
        key=end_comment(str(entity.get("expr") or entity["name"])),
        columns={f"@{key}": end_comment(read_dimension(each).expr) for key, each in names.items()},
    )


def _read_joined(name: str, declared: DimensionNode) -> Dimension:
    """Another model's dimension as this one's rows have it, labelled with what it is of."""
    plain = read_dimension(declared)
    entity = name.removesuffix(f"__{plain.name}").removesuffix("_id").replace("_", " ")
    is_named = plain.label.casefold().startswith(entity)
    label = plain.label if is_named else f"{entity.capitalize()} {_lower_first(plain.label)}"
    update = {"name": name, "expr": quote_identifier(f"@{name}"), "label": label, "joined": True}
    return plain.model_copy(update=update)
