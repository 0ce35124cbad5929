"""The macros of a project and its packages: what a text of Jinja may call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from blocks.manifest import Manifest

NAMES_SCHEMA = re.compile(r"\b(?:target|this)\s*(?:\.\s*schema\b|\[\s*['\"]schema)")
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_WORD = re.compile(r"\w+")


def find_jinja(text: str) -> str:
    """What of a text dbt renders; all of it where a brace or quote inside may hide where that ends."""
    found = JINJA.findall(text)
    if all(
        each.count("{") == each.count("}") and not each.count("'") % 2 | each.count('"') % 2 for each in found
    ):
        return "\n".join(found)
    return text


class Macros:
    """The project's and its packages' macros, and which of them a text may call: any whose name is a word of it.

    overrides: True where packages' macros may stand for dbt's own.
    """

    def __init__(self, manifest: Manifest, overrides: bool = False) -> None:
        metadata = manifest.get("metadata") or {}
        own = {"dbt", f"dbt_{metadata.get('adapter_type')}"}
        macros = (manifest.get("macros") or {}).values()
        others = {each["unique_id"]: each for each in macros if each["package_name"] not in own}
        inside = {
            word for each in macros if each["package_name"] in own for word in _list_names(each["name"])
        }
        self._texts: dict[str, str] = {key: str(each["macro_sql"]) for key, each in others.items()}
        self._words = {key: set(_WORD.findall(text)) for key, text in self._texts.items()}
        self._named: dict[str, set[str]] = {}
        for key, each in others.items():
            for name in _list_names(each["name"]):
                self._named.setdefault(name, set()).add(key)
        # what stands for a macro of dbt's own may be called by anything; a materialization by its name alone
        self._always = {
            key
            for key, each in others.items()
            if not each["name"].startswith("materialization_")
            and (overrides or each["package_name"] == metadata.get("project_name"))
            and inside & _list_names(each["name"])
        }

    def reach(self, text: str) -> dict[str, str]:
        """Id → text of the macros that a text may call, and of those that they may."""
        found: dict[str, str] = {}
        todo = [*self._always, *self._find(set(_WORD.findall(text)))]
        while todo:
            key = todo.pop()
            if key not in found:
                found[key] = self._texts[key]
                todo += self._find(self._words[key])
        return dict(sorted(found.items()))

    def names_schema(self, text: str) -> bool:
        """True if a text may call a macro that says the release's schema, other than those that make names of it."""
        if not any(NAMES_SCHEMA.search(macro) for macro in self._texts.values()):
            return False
        reached = self.reach(text).items()
        return any(
            NAMES_SCHEMA.search(macro)
            for key, macro in reached
            if not key.rsplit(".", 1)[1].startswith("generate_")
        )

    def _find(self, words: Iterable[str]) -> Iterator[str]:
        for word in words:
            yield from self._named.get(word, ())


def _list_names(name: str) -> set[str]:
    """A macro's name, and what it is dispatched or materialized by: `default__x` is called as `x`."""
    names = {name, name.split("__", 1)[-1]}
    if name.startswith("materialization_"):
        names.add(name.removeprefix("materialization_").rsplit("_", 1)[0])
    return names
