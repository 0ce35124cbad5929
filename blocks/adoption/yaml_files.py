"""YAML as people keep it: new files written plainly, files that are there edited in place with their comments."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.adoption.workbench import FoundTable
from blocks.dbt.checks.sources import OWN_READING
from blocks.errors import Misconfigured, replace_vendor_errors
from blocks.loader.dlt.values import MOST_DIGITS, TYPES
from blocks.records import Column

if TYPE_CHECKING:
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

_WIDTH = 110
_TYPES_ELSEWHERE = (
    (r"n?(var)?char|character|bpchar|string|text|uuid|json|variant|time(?!stamp)", "varchar"),
    (r"tinyint|int2\b", "smallint"),
    (r"int4\b|int32\b|mediumint", "integer"),
    (r"int8\b|int64\b|long\b|byteint", "bigint"),
    (r"float|real\b|double", "double"),
    (r"timestamp|datetime", "timestamp"),
    (r"bool", "boolean"),
)
"""Types as other warehouses spell them → as the loader does."""
_OF_THE_RELEASE = re.compile(r"\btarget\s*(\.|\[)\s*['\"]?schema\b")
_INDENTED = re.compile(r"^\w[\w-]*:[^\S\n]*(?:#.*)?\n(?:[^\S\n]*(?:#.*)?\n)*  +- ", re.MULTILINE)


def write_yaml(content: Mapping[str, object], comment: str = "") -> str:
    """A new file's text, in dbt's usual indentation."""
    stream = io.StringIO()
    _open_yaml(indented=True).dump(_inline_short_lists(content), stream)
    lead = "".join(f"# {line}\n" for line in comment.splitlines())
    return lead + stream.getvalue()


def edit_source(
    text: str, source: str, kind: str, tables: Sequence[FoundTable], places: Mapping[str, str]
) -> str:
    """A properties file's text in which a source is loaded by dlt: its loader, kind, settings and columns' types.

    What has dbt read the data elsewhere is taken out, another `database` too: it would go past what is loaded. A schema
    that follows `target.schema`, another one in each run, is replaced.
    places: table of the file → the found table's name. Raises Misconfigured for a file in which the source is not.
    """
    found = {table.name: table for table in tables}

    def change(root: CommentedMap) -> None:
        node = _find_source(root, source)
        node["loader"] = "dlt"
        node.pop("database", None)
        if _OF_THE_RELEASE.search(str(node.get("schema"))):
            node["schema"] = f"raw_{source}"
        _drop_own_reading(node)
        _find_meta(node).setdefault("kind", kind)
        for table in node.get("tables") or ():
            if (name := places.get(str(table.get("name")))) in found:
                _drop_own_reading(table)
                _edit_table(table, found[str(name)], node)

    return _edit(text, change)


def override_source(
    text: str, source: str, package: str, kind: str, tables: Sequence[FoundTable], places: Mapping[str, str]
) -> str:
    """A new file's text, in which a project has dlt load a source that one of its packages declares.

    text: the package's properties file; its columns, with their tests, are repeated, as dbt takes the new ones for all.
    Otherwise as `edit_source`.
    """
    from ruamel.yaml.comments import CommentedMap

    found = {table.name: table for table in tables}
    node = _find_source(_open_yaml(indented=True).load(_drop_unread(text)), source)
    listed = []
    for table in node.get("tables") or ():
        if (name := str(places.get(str(table.get("name"))))) in found:
            given = CommentedMap(name=table["name"], columns=table.get("columns") or [])
            for key in ("loaded_at_field", "freshness"):  # an override of a source takes away what that has
                inherits = key == "freshness" or _knows_age(node, found[name])
                if value := _read_own(table, key) or (_read_own(node, key) if inherits else None):
                    given[key] = value
            _edit_table(given, found[name], node)
            config, columns = given.pop("config"), given.pop("columns")
            listed.append({**given, **config, "columns": columns})  # an override knows no `config` of a table
    own = {"schema": f"raw_{source}"} if _OF_THE_RELEASE.search(str(node.get("schema"))) else {}
    content = {"name": source, "overrides": package, "loader": "dlt", **own, "meta": {"kind": kind}}
    return write_yaml(
        {"sources": [{**content, "tables": listed}]}, f"What package {package} declares, loaded here."
    )


def override_schema(source: str, package: str, schema: str) -> str:
    """A new file's text, in which a project reads a package's source in the schema that seeds make its tables in."""
    return write_yaml({"sources": [{"name": source, "overrides": package, "schema": schema}]})


def edit_schema(text: str, source: str, schema: str) -> str:
    """A properties file's text in which a source is read in the schema that seeds make its tables in.

    A `database` is taken out. Raises Misconfigured for a file in which the source is not.
    """

    def change(root: CommentedMap) -> None:
        node = _find_source(root, source)
        node["schema"] = schema
        node.pop("database", None)

    return _edit(text, change)


def _find_source(root: CommentedMap, source: str) -> CommentedMap:
    node = _find(root.get("sources"), source)
    if node is None:
        raise Misconfigured(f"edit source {source}", "its YAML is not where dbt says it is")
    return node


def edit_exposure(text: str, exposure: str, meta: Mapping[str, object], beside: Sequence[str] = ()) -> str:
    """A properties file's text with our meta on an exposure; what it says already stays.

    beside: dbt's calls for models that it depends on as well; those that stand there already are left out.
    """

    def change(root: CommentedMap) -> None:
        node = _find(root.get("exposures"), exposure)
        if node is None:
            raise Misconfigured(f"edit exposure {exposure}", "its YAML is not where dbt says it is")
        given = _find_meta(node) if meta else {}
        for key, value in meta.items():
            given.setdefault(key, _make_inline(value))
        named = node.setdefault("depends_on", []) if beside else []
        there = {_spell_ref(each) for each in named}
        named.extend(each for each in beside if _spell_ref(each) not in there)

    return _edit(text, change)


def _spell_ref(call: object) -> str:
    return re.sub(r"\s", "", str(call)).replace('"', "'")


def describe_source(source: str, kind: str, tables: Sequence[FoundTable]) -> dict[str, object]:
    """A new source, to be written as YAML."""
    listed = []
    for table in tables:
        node: dict[str, object] = {
            "name": table.name,
            "description": f"{table.profile.rows:,} rows {'sampled' if table.profile.sampled else 'seen'}.",
            "config": {"loaded_at_field": "_loaded_at", "meta": dict(table.meta)},
            "columns": [_describe_column(column) for column in table.columns],
        }
        listed.append(node)
    config = {"freshness": {"warn_after": {"count": 7, "period": "day"}}, "meta": {"kind": kind}}
    return {"name": source, "schema": f"raw_{source}", "loader": "dlt", "config": config, "tables": listed}


def _drop_own_reading(node: CommentedMap) -> None:
    config = node.get("config")
    configs = [config] if isinstance(config, dict) else []
    metas = [place["meta"] for place in (node, *configs) if isinstance(place.get("meta"), dict)]
    for place in (*configs, *metas):
        for key in OWN_READING & set(place):
            del place[key]
    for place in (node, *configs):
        if place.get("meta") == {}:
            del place["meta"]


def _read_own(node: CommentedMap, key: str) -> object:
    """What a source or table says under a key, in its config or beside it; None for nothing."""
    config = node.get("config")
    return node.get(key) or (config.get(key) if isinstance(config, dict) else None)


def _knows_age(source: CommentedMap, found: FoundTable) -> bool:
    """True if a source's `loaded_at_field` is SQL, or a column of what was found: not a service's own."""
    named = str(_read_own(source, "loaded_at_field") or "")
    return bool(named) and (
        not named.isidentifier() or named.lower() in {each.name for each in found.columns}
    )


def _edit_table(table: CommentedMap, found: FoundTable, source: CommentedMap) -> None:
    """source: the one that the table is of; what that says of its tables' age stays, where they have such a column."""
    meta = _find_meta(table)
    for key, value in found.meta.items():
        meta.setdefault(key, _make_inline(value))
    config = table["config"]
    if not _read_own(table, "loaded_at_field") and not _knows_age(source, found):
        config["loaded_at_field"] = "_loaded_at"
        if not _read_own(table, "freshness") and not _read_own(source, "freshness"):
            config["freshness"] = _make_inline({"warn_after": {"count": 7, "period": "day"}})
    columns = table.setdefault("columns", [])
    known = {str(column.get("name")).lower(): column for column in columns}
    for column in found.columns:
        if column.name.lower() not in known:
            columns.append(_make_inline(_describe_column(column)))
        else:
            node = known[column.name.lower()]
            declared = node.get("data_type")
            if (chosen := choose_type(declared, column.data_type)) != declared:
                node["data_type"] = chosen


def choose_type(declared: object, seen: str | None) -> str | None:
    """What a column is loaded as: the declared type in the loader's words; where none fits, the one that was seen."""
    if not declared:
        return seen
    word = str(declared).lower().strip()
    known = TYPES.fullmatch(word)
    if known and int((known["digits"] or "0").partition(",")[0]) <= MOST_DIGITS:
        return str(declared)
    exact = re.fullmatch(r"(?:number|numeric|decimal|bignumeric)\s*\((\d+)(?:\s*,\s*(\d+))?\)", word)
    if exact and int(exact[1]) <= MOST_DIGITS and int(exact[2] or 0) <= int(exact[1]):
        return f"decimal({exact[1]},{exact[2] or 0})"
    return next((ours for theirs, ours in _TYPES_ELSEWHERE if re.match(theirs, word)), seen)


def _describe_column(column: Column) -> dict[str, object]:
    meta: dict[str, object] = dict(column.meta)
    if column.origin != column.name:
        meta["origin"] = column.origin
    if column.required:
        meta["required"] = True
    return {
        "name": column.name,
        "data_type": column.data_type,
        **({"config": {"meta": meta}} if meta else {}),
    }


def _edit(text: str, change: Callable[[CommentedMap], None]) -> str:
    from ruamel.yaml.error import YAMLError

    def translate(error: BaseException) -> Misconfigured:
        problem = " ".join(str(getattr(error, "problem", "")).split()) or type(error).__name__
        return Misconfigured("edit the project's YAML", problem, "`check` names the file and line.")

    yaml = _open_yaml(bool(_INDENTED.search(text)))
    with replace_vendor_errors(YAMLError, translate):
        root = yaml.load(_drop_unread(text))
    change(root)
    stream = io.StringIO()
    yaml.dump(root, stream)
    return _keep_blanks(text, stream.getvalue())


def _drop_unread(text: str) -> str:
    """A text without what dbt does not read as its key stands again below in the same mapping: the last one counts."""
    from ruamel.yaml import YAML

    lines = text.splitlines(keepends=True)
    while span := _find_unread(YAML().compose(text), lines):
        del lines[span[0] : span[1]]
        text = "".join(lines)
    return text


def _find_unread(node: object, lines: Sequence[str]) -> tuple[int, int] | None:
    """The first and the next line of an entry whose key stands again below; None where there is none, or none alone."""
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, SequenceNode):
        return next((found for each in node.value if (found := _find_unread(each, lines))), None)
    if not isinstance(node, MappingNode):
        return None
    keys = [key for key, _ in node.value]
    for at, key in enumerate(keys):
        again = any(each.value == key.value for each in keys[at + 1 :])
        mark = key.start_mark
        if again and not node.flow_style and not lines[mark.line][: mark.column].strip():
            return mark.line, keys[at + 1].start_mark.line
    return next((found for _, each in node.value if (found := _find_unread(each, lines))), None)


def _keep_blanks(text: str, edited: str) -> str:
    """The edited text with the lines of blanks, and blanks at lines' ends, that its writer has left out."""
    before, after = text.splitlines(), edited.splitlines()
    kept: list[str] = []
    pairs = SequenceMatcher(None, [each.rstrip() for each in before], after, autojunk=False)
    for change, first, last, start, end in pairs.get_opcodes():
        dropped = before[first:last]
        is_kept = change == "equal" or (change == "delete" and not any(each.strip() for each in dropped))
        kept += dropped if is_kept else after[start:end]
    return "\n".join(kept) + "\n"


def _open_yaml(indented: bool) -> YAML:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4 if indented else 2, offset=2 if indented else 0)
    return yaml


def _find(nodes: object, name: str) -> CommentedMap | None:
    return (
        next((node for node in nodes if node.get("name") == name), None) if isinstance(nodes, list) else None
    )


def _find_meta(node: CommentedMap) -> CommentedMap:
    """A node's config.meta, made where it is missing."""
    from ruamel.yaml.comments import CommentedMap

    for place, key in ((node, "config"), (None, "meta")):
        here = place if place is not None else node["config"]
        if not isinstance(here.get(key), dict):
            here[key] = CommentedMap()
    found: CommentedMap = node["config"]["meta"]
    return found


def _make_inline(value: object) -> object:
    """A list or mapping on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    inline: CommentedMap | CommentedSeq
    if isinstance(value, Mapping):
        inline = CommentedMap({key: _make_inline(each) for key, each in value.items()})
    elif isinstance(value, list | tuple):
        inline = CommentedSeq([_make_inline(each) for each in value])
    else:
        return value
    inline.fa.set_flow_style()
    return inline


def _inline_short_lists(value: object) -> object:
    """Short lists and mappings without further ones on one line, the others in blocks."""
    if isinstance(value, Mapping | list | tuple) and _is_short(value):
        return _make_inline(value)
    if isinstance(value, Mapping):
        return {key: _inline_short_lists(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_inline_short_lists(each) for each in value]
    return value


def _is_short(value: object) -> bool:
    return len(str(value)) <= _WIDTH and "\n" not in str(value)


def locate_file(folder: Path, relative: str) -> Path:
    """A project's file by its path in the manifest. Raises Misconfigured for one that leads out of the project."""
    path = (folder / relative).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Misconfigured(f"edit {relative}", "it is outside of the project")
    return path
