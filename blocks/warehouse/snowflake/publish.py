"""Readers change over by one statement: thin views in the upcoming schema, checked, then ALTER SCHEMA ... SWAP WITH.

A swap exchanges both schemas with all their grants, so both must have the same; a second one would undo the
first, so none is sent without having read `_release`. Killed anywhere, `flip` again ends in the new release.

DDL can't be part of a transaction that asks for the lease. Instead the upcoming schema carries the fencing number
in its name, SERVING_NEXT_7: who takes the lease renames it (upcoming.py), and whatever a run that was overtaken
still sends to the schema of its own number, the swap too, is refused by Snowflake itself.
"""

from __future__ import annotations

from blocks.errors import BadAnswer, Misconfigured, PlatformError, Transient
from blocks.records import Release
from blocks.warehouse.lease import fence
from blocks.warehouse.release_marker import (
    MARKER,
    find_wrong_views,
    parse_marker,
    read_marker,
    write_marker_sql,
)
from blocks.warehouse.snowflake.names import to_plain
from blocks.warehouse.snowflake.session import SnowflakeSession
from blocks.warehouse.snowflake.upcoming import SnowflakeConnection, find_upcoming, list_schemas
from blocks.warehouse.snowflake.view_settings import refuse_policies, write_view_options


def swap_serving(warehouse: SnowflakeConnection, release: Release) -> None:
    """Fill the upcoming schema, check it and its grants, swap; nothing if the release is served already.

    Raises LeaseLost if another run has claimed the upcoming schema since.
    """
    with warehouse.session() as session:
        if parse_marker(warehouse, session, warehouse.serving) == release:
            return
        upcoming = find_upcoming(warehouse, session)
        warehouse.make_schema(session, warehouse.serving)
        refuse_policies(warehouse, session, views(warehouse, session, warehouse.serving))
        try:
            fill(warehouse, session, upcoming, release)
            check(warehouse, session, upcoming, release)
            compare_grants(warehouse, session, upcoming)
            fence(warehouse, session)
            if (
                parse_marker(warehouse, session, warehouse.serving) != release
            ):  # an earlier try's swap may have come late
                swap(warehouse, session, upcoming, release)
        except PlatformError:
            fence(warehouse, session)  # the schema of a run that was overtaken is gone: say that
            raise


def check_flip(warehouse: SnowflakeConnection, session: SnowflakeSession, release: Release) -> None:
    """What a swap needs, before anything of it is done. Raises Misconfigured, LeaseLost."""
    refuse_self_refreshing(warehouse, session, release)
    if warehouse.serving in list_schemas(warehouse, session, warehouse.serving):
        refuse_policies(warehouse, session, views(warehouse, session, warehouse.serving))
        compare_grants(warehouse, session, find_upcoming(warehouse, session))


def fill(warehouse: SnowflakeConnection, session: SnowflakeSession, schema: str, release: Release) -> None:
    """A thin view for every mart in the upcoming schema, as serving has it, and no other; the marker last."""
    wanted = {*release.marts, MARKER}
    for name in sorted(views(warehouse, session, schema) - wanted):
        session.rows(f"drop view if exists {warehouse.quote(schema, name)}")
    shown = session.show(f"show views in schema {warehouse.quote(warehouse.serving)}")
    now = {to_plain(row["name"]): row for row in shown}
    for mart, relation in sorted(release.marts.items()):
        source = f"select * from {warehouse.relation(relation)}"
        secure, comment = write_view_options(now.get(mart), warehouse)
        view = warehouse.quote(schema, mart)
        session.rows(f"create or replace {secure}view {view} copy grants{comment} as {source}")
    marker = warehouse.quote(schema, MARKER)
    session.rows(f"create or replace view {marker} copy grants as {write_marker_sql(warehouse, release)}")


def check(warehouse: SnowflakeConnection, session: SnowflakeSession, schema: str, release: Release) -> None:
    """The upcoming schema shows the release, all of it and nothing else. Raises BadAnswer."""
    for mart in release.marts:
        session.rows(f"select count(*) from {warehouse.quote(schema, mart)}")
    found = views(warehouse, session, schema)
    wrong = find_wrong_views(release, warehouse.read_views(session, schema))
    if wrong or found != {*release.marts, MARKER} or parse_marker(warehouse, session, schema) != release:
        raise BadAnswer(
            f"check schema {schema}",
            "it does not hold what was put into it",
            "Another program writes there: find it. Readers keep the previous release.",
        )


def refuse_self_refreshing(
    warehouse: SnowflakeConnection, session: SnowflakeSession, release: Release
) -> None:
    """Raise Misconfigured if a mart's dynamic table refreshes by itself: it would pass by the checks."""
    shown = set(release.marts.values())
    for schema in sorted({relation.rsplit(".", 1)[0] for relation in shown}):
        for row in session.show(f"show dynamic tables in schema {warehouse.quote(schema)}"):
            name = to_plain(row["name"])
            if f"{schema}.{name}" in shown and row.get("target_lag") not in (None, "", "null"):
                raise Misconfigured(
                    f"promote {release.run}",
                    f"dynamic table {schema}.{name} refreshes by itself",
                    "Give the model `scheduler: DISABLE` and no target_lag, and build it again; or take its mart"
                    " from readers by `retire --marts`. Readers keep what they have.",
                )


def compare_grants(warehouse: SnowflakeConnection, session: SnowflakeSession, there: str) -> None:
    """Raise Misconfigured if readers would lose or gain a right by the swap; say which statements mend it.

    there: the upcoming schema.
    """
    here = warehouse.serving
    shared = views(warehouse, session, here) & views(warehouse, session, there)
    rights = {schema: _grants(warehouse, session, schema, shared) for schema in (here, there)}
    missing = [
        line.replace("{schema}", f"{warehouse.database}.{other}")
        for one, other in ((here, there), (there, here))
        for line in sorted(rights[one] - rights[other])
    ]
    if missing:
        raise Misconfigured(
            f"compare the grants of schemas {here} and {there}",
            f"{len(missing)} differ",
            f"Have an administrator run: {'; '.join(missing[:10])}.",
        )


def swap(warehouse: SnowflakeConnection, session: SnowflakeSession, schema: str, release: Release) -> None:
    """The one statement; if its answer is lost, look what readers see before saying so."""
    try:
        session.rows(f"alter schema {warehouse.quote(warehouse.serving)} swap with {warehouse.quote(schema)}")
    except Transient:
        if read_marker(warehouse, warehouse.serving) != release:
            raise


def views(warehouse: SnowflakeConnection, session: SnowflakeSession, schema: str) -> set[str]:
    """Names of a schema's views, in lower case where they are plain."""
    rows = session.show(f"show views in schema {warehouse.quote(schema)}")
    return {to_plain(row["name"]) for row in rows}


def _grants(
    warehouse: SnowflakeConnection, session: SnowflakeSession, schema: str, shared: set[str]
) -> set[str]:
    """Grants on a schema, on its future objects and on these views, as statements with a gap for the schema."""
    quoted, found = warehouse.quote(schema), set()
    for row in session.show(f"show future grants in schema {quoted}"):
        what = f"future {row['grant_on']}s in schema {{schema}}"
        found.add(f"grant {row['privilege']} on {what} to {row['grant_to']} {row['grantee_name']}")
    targets = {f"schema {quoted}": "schema {schema}"}
    targets |= {f"view {warehouse.quote(schema, view)}": f"view {{schema}}.{view}" for view in sorted(shared)}
    for target, what in targets.items():
        for row in session.show(f"show grants on {target}"):
            if row["privilege"] != "OWNERSHIP":
                found.add(f"grant {row['privilege']} on {what} to {row['granted_to']} {row['grantee_name']}")
    return found
