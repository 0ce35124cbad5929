"""Readers change over by one statement: thin views in the upcoming schema, checked, then ALTER SCHEMA ... SWAP WITH.

The new views get what an administrator put on the old ones (view_settings.py) before the swap. A swap exchanges both
schemas with all their grants, so both must have the same; a second one would undo the first, so none is sent without
having read `_release`. Killed anywhere, `flip` again ends in the new release.

DDL can't be part of a transaction that asks for the lease. Instead the upcoming schema carries the fencing number
in its name, SERVING_NEXT_7: who takes the lease renames it (upcoming.py), and whatever a run that was overtaken
still sends to the schema of its own number, the swap too, is refused by Snowflake itself.
"""

from __future__ import annotations

from collections.abc import Collection

from blocks.errors import BadAnswer, Misconfigured, PlatformError, Transient
from blocks.records import Release
from blocks.warehouse.lease import fence, fence_writes
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
from blocks.warehouse.snowflake.view_settings import (
    read_schema_tags,
    read_view_settings,
    refuse_policies,
    write_view,
    write_view_setting,
)
from blocks.warehouse.view_setting import Settings
from blocks.warehouse.view_settings import (
    choose_settings,
    forget_settings,
    prepare_memory,
    put_settings,
    recall_settings,
    remember_settings,
)


def swap_serving(warehouse: SnowflakeConnection, release: Release) -> None:
    """Fill the upcoming schema, check it and its grants, swap; nothing if the release is served already.

    Raises LeaseLost if another run has claimed the upcoming schema since.
    """
    with warehouse.session() as session:
        if parse_marker(warehouse, session, warehouse.serving) == release:
            return
        upcoming = find_upcoming(warehouse, session)
        warehouse.make_schema(session, warehouse.serving)
        kept = read_view_settings(warehouse, session, warehouse.serving)
        refuse_policies(warehouse, kept)
        recalled = recall_settings(warehouse, session)
        remember_lost(warehouse, session, kept, recalled, release)
        try:
            fill(warehouse, session, upcoming, release, kept, recalled)
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
        forget(warehouse, session, recalled.keys() & release.marts.keys())


def check_flip(warehouse: SnowflakeConnection, session: SnowflakeSession, release: Release) -> None:
    """What a swap needs, before anything of it is done. Raises Misconfigured, LeaseLost."""
    refuse_self_refreshing(warehouse, session, release)
    if warehouse.serving in list_schemas(warehouse, session, warehouse.serving):
        compare_grants(warehouse, session, find_upcoming(warehouse, session))


def remember_lost(
    warehouse: SnowflakeConnection,
    session: SnowflakeSession,
    kept: Settings,
    recalled: Settings,
    release: Release,
) -> None:
    """Write down what is on views that the release does not have, until they come back."""
    gone = list_views(warehouse, session, warehouse.serving) - {*release.marts, MARKER}
    lost = {view: kept[view] for view in gone & kept.keys()}
    if lost:
        prepare_memory(warehouse, session)
        with fence_writes(warehouse, session):
            remember_settings(warehouse, session, lost)
    forget(warehouse, session, gone & recalled.keys() - lost.keys())


def forget(warehouse: SnowflakeConnection, session: SnowflakeSession, marts: Collection[str]) -> None:
    """Delete what is remembered of these views."""
    if marts:
        with fence_writes(warehouse, session):
            forget_settings(warehouse, session, marts)


def fill(
    warehouse: SnowflakeConnection,
    session: SnowflakeSession,
    schema: str,
    release: Release,
    kept: Settings,
    recalled: Settings,
) -> None:
    """A thin view for every mart in the upcoming schema, and no other; the marker last. Raises BadAnswer.

    kept: what is on serving's views, which the new ones get. recalled: what was on those that are gone.
    """
    for name in sorted(list_views(warehouse, session, schema) - {*release.marts, MARKER}):
        session.rows(f"drop view if exists {warehouse.quote(schema, name)}")
    columns = {
        mart: warehouse.columns(session, *relation.rsplit(".", 1)) for mart, relation in release.marts.items()
    }
    chosen = choose_settings(kept, recalled, columns)
    wanted = {mart: chosen.get(mart, frozenset()) for mart in (*release.marts, MARKER)}
    queries = {mart: f"select * from {warehouse.relation(name)}" for mart, name in release.marts.items()}
    for mart, query in (*sorted(queries.items()), (MARKER, write_marker_sql(warehouse, release))):
        view = warehouse.quote(schema, mart)
        names = list(columns.get(mart, ()))
        session.rows(write_view(warehouse, view, query, wanted[mart], names))
        for setting in sorted(each for each in wanted[mart] if each.kind == "tag"):
            session.rows(write_view_setting(warehouse, view, setting))
    put_settings(warehouse, session, release.run, schema, wanted)


def check(warehouse: SnowflakeConnection, session: SnowflakeSession, schema: str, release: Release) -> None:
    """Check that the upcoming schema shows the release, all of it and nothing else. Raises BadAnswer."""
    for mart in release.marts:
        session.rows(f"select count(*) from {warehouse.quote(schema, mart)}")
    found = list_views(warehouse, session, schema)
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
            name = to_plain(str(row["name"]))
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
    shared = list_views(warehouse, session, here) & list_views(warehouse, session, there)
    rights = {schema: _list_grants(warehouse, session, schema, shared) for schema in (here, there)}
    missing = [
        line.replace("{schema}", f"{warehouse.database}.{other}")
        for one, other in ((here, there), (there, here))
        for line in sorted(rights[one] - rights[other])
    ]
    if missing:
        raise Misconfigured(
            f"compare the grants of schemas {here} and {there}, and their tags",
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


def list_views(warehouse: SnowflakeConnection, session: SnowflakeSession, schema: str) -> set[str]:
    """Names of a schema's views, in lower case where they are plain."""
    rows = session.show(f"show views in schema {warehouse.quote(schema)}")
    return {to_plain(str(row["name"])) for row in rows}


def _list_grants(
    warehouse: SnowflakeConnection, session: SnowflakeSession, schema: str, shared: set[str]
) -> set[str]:
    """A schema's tags, and grants on it, on its future objects and on these views, as statements with a gap for it."""
    quoted, found = warehouse.quote(schema), set()
    for tag in read_schema_tags(warehouse, session, schema):
        found.add(f"alter schema {{schema}} set tag {tag.name} = {warehouse.literal(tag.value)}")
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
