"""What an administrator puts on a view in PostgreSQL: owner, rights, column rights, comments, options."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from blocks.errors import Misconfigured
from blocks.warehouse.settings import Session, WarehouseSettings
from blocks.warehouse.view_setting import Settings, ViewSetting

GRANTABLE = " with grant option"
CARRIED = ("owner", "grant", "comment", "option", "default")
READ = """
with v as (
    select c.oid, c.relname, c.relowner, c.relacl, c.reloptions from pg_class c
    join pg_namespace n on n.oid = c.relnamespace where n.nspname = ? and c.relkind = 'v'
),
rights as (
    select v.relname, '' as attname, a.* from v,
        lateral aclexplode(coalesce(v.relacl, acldefault('r', v.relowner))) as a
    union all
    select v.relname, t.attname, a.* from v join pg_attribute t on t.attrelid = v.oid and not t.attisdropped,
        lateral aclexplode(t.attacl) as a
)
select relname::text, 'owner', '', quote_ident(pg_get_userbyid(relowner)), '' from v
union all
select relname::text, 'grant', attname::text,
    case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
    privilege_type || case when is_grantable then ' with grant option' else '' end from rights
union all
select v.relname::text, 'comment', coalesce(t.attname::text, ''), '', d.description from v
    join pg_description d on d.objoid = v.oid and d.classoid = 'pg_class'::regclass
    left join pg_attribute t on t.attrelid = v.oid and t.attnum = d.objsubid and d.objsubid > 0
union all
select relname::text, 'option', '', split_part(each, '=', 1), substr(each, strpos(each, '=') + 1)
    from v, unnest(reloptions) as each
union all
select v.relname::text, 'trigger', '', g.tgname::text, '' from v join pg_trigger g on g.tgrelid = v.oid
    where not g.tgisinternal
union all
select v.relname::text, 'rule', '', r.rulename::text, '' from v join pg_rewrite r on r.ev_class = v.oid
    where r.rulename <> '_RETURN'
union all
select v.relname::text, 'security label', coalesce(t.attname::text, ''), l.provider, l.label from v
    join pg_seclabel l on l.objoid = v.oid and l.classoid = 'pg_class'::regclass
    left join pg_attribute t on t.attrelid = v.oid and t.attnum = l.objsubid and l.objsubid > 0
union all
select v.relname::text, 'default', t.attname::text, '', pg_get_expr(d.adbin, d.adrelid) from v
    join pg_attrdef d on d.adrelid = v.oid join pg_attribute t on t.attrelid = v.oid and t.attnum = d.adnum
"""
DEPENDENTS = (
    "select distinct v.relname::text, dn.nspname || '.' || dc.relname from pg_class v"
    " join pg_namespace n on n.oid = v.relnamespace and n.nspname = ?"
    " join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid"
    " and d.classid = 'pg_rewrite'::regclass"
    " join pg_rewrite r on r.oid = d.objid join pg_class dc on dc.oid = r.ev_class and dc.oid <> v.oid"
    " join pg_namespace dn on dn.oid = dc.relnamespace"
)


def read_view_settings(session: Session, schema: str) -> Settings:
    """View → what is on it, in one query."""
    found: dict[str, set[ViewSetting]] = defaultdict(set)
    for view, *setting in session.rows(READ, (schema,)):
        found[view].add(ViewSetting(*setting))
    return {view: frozenset(settings) for view, settings in found.items()}


def write_view_setting(
    settings: WarehouseSettings, view: str, setting: ViewSetting, remove: bool = False
) -> str:
    """The statement that puts a setting on a view (quoted), or takes it away."""
    kind, column, name, value = setting
    place = settings.quote(column) if column else ""
    match kind:
        case "owner":
            return f"alter view {view} owner to {name}"
        case "grant":
            right, given = value.removesuffix(GRANTABLE), GRANTABLE if value.endswith(GRANTABLE) else ""
            right = f"{right} ({place})" if column else right
            return (
                f"revoke {right} on {view} from {name}"
                if remove
                else f"grant {right} on {view} to {name}{given}"
            )
        case "comment":
            on = f"column {view}.{place}" if column else f"view {view}"
            return f"comment on {on} is {'null' if remove else settings.literal(value)}"
        case "option":
            option = settings.quote(name)
            return (
                f"alter view {view} reset ({option})"
                if remove
                else f"alter view {view} set ({option} = {settings.literal(value)})"
            )
        case "default":
            change = "drop default" if remove else f"set default {value}"
            return f"alter view {view} alter column {place} {change}"
    # what is not carried: only ever said to an administrator
    return f"drop {kind} {settings.quote(name)} on {view}"


def refuse_dropped_views(
    session: Session,
    schema: str,
    kept: Settings,
    columns: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]],
) -> None:
    """Raise Misconfigured if a view has to be dropped that bears what can't be put back, or that others stand on.

    columns: mart → column → type of its view now, and of the release. A view is replaced in place, without being
    dropped, if its columns stay and others only come after them.
    """
    dropped = {
        mart
        for mart, (old, new) in columns.items()
        if old and list(new.items())[: len(old)] != list(old.items())
    }
    standing = [f"{name} on {mart}" for mart, name in session.rows(DEPENDENTS, (schema,)) if mart in dropped]
    standing += [
        f"{each.kind} {each.name} on {mart}"
        for mart in dropped
        for each in kept.get(mart, ())
        if each.kind not in CARRIED
    ]
    if standing:
        raise Misconfigured(
            f"replace views of {schema}",
            f"their columns change, and others stand on them: {', '.join(sorted(standing))}",
            "Drop those, run again, and make them again. Readers keep what they have.",
        )
