"""What every mart has to be, whatever its suite says: not empty, and unique by its declared key and those of joins."""

from __future__ import annotations

from blocks.catalogue import Mart
from blocks.entity_joins import Join
from blocks.foreign_keys import ForeignKey
from blocks.records import Check
from blocks.warehouse.base import Session, Warehouse
from blocks.warehouse.reads import read_first_rows

META_READ = "meta can be read"
SHOWN = 5


def check_mart(warehouse: Warehouse, mart: Mart, relation: str, rows: int) -> list[Check]:
    """A built mart's checks. relation: its `schema.table`; rows: how many it has."""
    checks = [check_rows(mart, rows)]
    if mart.fault:
        checks.append(Check(scope=mart.name, name=META_READ, passed=False, kind="mart", observed=mart.fault))
    if mart.primary_key:
        with warehouse.session() as session:
            checks += _check_key(warehouse, session, mart, relation)
    return checks


def check_join(warehouse: Warehouse, mart: Mart, relation: str, join: Join) -> Check:
    """A mart that metrics join has one row for each key: with more of them their rows would count more than once."""
    table = warehouse.relation(relation)
    repeated = (
        f"select {join.key} as key_, count(*) as times_ from {table}"
        f" where {join.key} is not null group by {join.key} having count(*) > 1"
    )
    with warehouse.session() as session:
        return _find_none(session, mart, f"one row for each {join.entity}", repeated, "keys more than once")


def check_foreign_key(warehouse: Warehouse, mart: Mart, relation: str, key: ForeignKey, parent: str) -> Check:
    """Every value of a contract's foreign key is there; a copy that a model goes on from does not hold it itself.

    relation, parent: `schema.table` of the model and of the one that has the values.
    """
    own, others = (list(map(warehouse.quote, names)) for names in (key.columns, key.to_columns))
    both = " and ".join(f"p_.{other} = c_.{name}" for name, other in zip(own, others, strict=True))
    given = " and ".join(f"c_.{name} is not null" for name in own)
    missing = (
        f"select {', '.join(f'c_.{name}' for name in own)} from {warehouse.relation(relation)} as c_"
        f" left join (select distinct {', '.join(others)} from {warehouse.relation(parent)}) as p_ on {both}"
        f" where {given} and p_.{others[0]} is null"
    )
    name = f"foreign key ({', '.join(key.columns)}) is in {key.parent.split('.')[2]}"
    with warehouse.session() as session:
        return _find_none(session, mart, name, missing, "rows without one")


def check_rows(mart: Mart, rows: int) -> Check:
    """No rows fail, unless `meta.may_be_empty` says that they may."""
    empty = rows == 0
    hint = "; may_be_empty in its meta allows that" if empty and not mart.may_be_empty else ""
    return Check(
        scope=mart.name,
        name="has rows",
        kind="mart",
        passed=not empty or mart.may_be_empty,
        warned=empty and mart.may_be_empty,
        observed=f"{rows:,} rows{hint}",
    )


def _check_key(warehouse: Warehouse, session: Session, mart: Mart, relation: str) -> list[Check]:
    """The declared key is unique, and no part of it is NULL."""
    shown = ", ".join(mart.primary_key)
    columns = warehouse.columns(session, *relation.rsplit(".", 1))
    if absent := [name for name in mart.primary_key if name not in columns]:
        return [
            Check(
                scope=mart.name,
                name=f"key ({shown}) is unique",
                passed=False,
                kind="mart",
                observed=f"it has no column {', '.join(absent)}",
            )
        ]
    quoted = [warehouse.quote(name) for name in mart.primary_key]
    keys, table = ", ".join(quoted), warehouse.relation(relation)
    repeated = f"select {keys}, count(*) as times_ from {table} group by {keys} having count(*) > 1"
    missing = f"select {keys} from {table} where {' or '.join(f'{name} is null' for name in quoted)}"
    return [
        _find_none(session, mart, f"key ({shown}) is unique", repeated, "keys more than once"),
        _find_none(session, mart, f"key ({shown}) is not null", missing, "rows with NULL in it"),
    ]


def _find_none(session: Session, mart: Mart, name: str, query: str, what: str) -> Check:
    """A check that a query finds nothing; a few of what it finds are the evidence."""
    count = int(session.rows(f"select count(*) from ({query}) as q")[0][0])
    found = read_first_rows(session, query, SHOWN) if count else []
    return Check(
        scope=mart.name,
        name=name,
        passed=not count,
        kind="mart",
        observed=f"{count:,} {what}",
        evidence=tuple(", ".join(str(value) for value in row)[:200] for row in found),
    )
