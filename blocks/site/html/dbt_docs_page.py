"""dbt's own documentation of a project, as one page that fetches nothing: the page that dbt-core brings, with our data.

`dbt docs generate --static` makes the same of it, but asks the warehouse for every relation there is, and lets run
whatever script a description holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from blocks.dictionary import Dictionary
from blocks.manifest import Manifest, Node
from blocks.site.html.page import compute_digest, to_json_script

DOCS_FILE = "dbt_docs.html"
_SCRIPT = re.compile(r"(<script[^>]*>)(.*?)(</script>)", re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " base-uri 'none'; form-action 'none'"
)


def render_dbt_docs(manifest: Manifest, dictionary: Dictionary) -> str | None:
    """The HTML of it, with the columns of marts as readers see them; None if this dbt-core brings no such page."""
    page = _read_page()
    for name, content in (
        ("MANIFEST", _lighten(manifest)),
        ("CATALOG", _write_catalog(manifest, dictionary)),
    ):
        mark = f'"{name}.JSON INLINE DATA"'
        if page.count(mark) != 1:
            return None
        page = page.replace(mark, to_json_script(content))
    scripts = [text for _, text, _ in _SCRIPT.findall(page)]
    policy = _POLICY.format(allowed=" ".join(map(compute_digest, scripts)))
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return page.replace('<meta charset="utf-8">', f'<meta charset="utf-8">{tag}', 1)


def _read_page() -> str:
    try:
        from dbt.task.docs import DOCS_INDEX_FILE_PATH

        return Path(DOCS_INDEX_FILE_PATH).read_text(encoding="utf-8")
    except (ImportError, OSError):
        return ""


def _lighten(manifest: Manifest) -> dict[str, object]:
    """A manifest without the macros that come with dbt, which nobody looks up, and who ran it."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in ("user_id", "env")}
    own = {"dbt", f"dbt_{metadata.get('adapter_type')}"}
    macros = {
        key: macro
        for key, macro in manifest.get("macros", {}).items()
        if macro.get("package_name") not in own
    }
    return {**manifest, "metadata": metadata, "macros": macros}


def _write_catalog(manifest: Manifest, dictionary: Dictionary) -> dict[str, object]:
    """What dbt's catalog.json would say of the marts that readers see."""
    nodes = {
        mart.node: _describe_relation(
            manifest["nodes"][mart.node], {each.name: each.data_type for each in mart.columns}
        )
        for mart in dictionary.marts
        if mart.node in manifest["nodes"]
    }
    made = datetime.now(UTC).isoformat(timespec="seconds")
    return {"metadata": {"generated_at": made}, "nodes": nodes, "sources": {}, "errors": None}


def _describe_relation(node: Node, types: Mapping[str, str]) -> dict[str, object]:
    place = {"schema": node["schema"], "name": node["alias"], "database": node["database"]}
    return {
        "unique_id": node["unique_id"],
        "metadata": {**place, "type": "table", "comment": None, "owner": None},
        "columns": {
            name: {"name": name, "type": kind, "index": at, "comment": None}
            for at, (name, kind) in enumerate(types.items(), 1)
        },
        "stats": {},
    }
