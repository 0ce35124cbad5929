"""HTML pages out of the templates, styles and scripts in folder assets/. What they show is made elsewhere.

A page fetches nothing: program, style and rows are in it, and its Content-Security-Policy allows exactly that
script, no other, and no request. What people wrote reaches it escaped, as text or inside JSON.

The program is written as ES modules, so that tests can load each alone; a page gets them as one script.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PARTS = Path(__file__).parent / "assets"
PROGRAM = "dashboard.js"
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:function|class|const) (\w+))", re.MULTILINE)


def render(template: str, scripts: tuple[str, ...] = (), **values: object) -> str:
    """A page from a template: autoescaped, with the styles and a policy that allows only these scripts."""
    environment = _make_environment()
    theme = _make_script(_read("theme.js"))
    allowed = [compute_digest(text) for text in (theme, *scripts)]
    shared = {
        "style": _mark_safe(_read("style.css")),
        "theme": theme,
        "allowed": _mark_safe(" ".join(allowed)),
    }
    return environment.get_template(template).render(**shared, **values)


def render_part(name: str, value: object) -> str:
    """What a macro of the templates' parts makes of a value."""
    return str(getattr(_make_environment().get_template("parts.html.j2").module, name)(value))


def _make_environment() -> Environment:
    import jinja2

    loader = jinja2.FileSystemLoader(PARTS)
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)


def to_json_script(value: object) -> Markup:
    """JSON that is safe inside a script element, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return _mark_safe(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def build_index_program() -> Markup:
    """The script of the page over all dashboards."""
    return _make_script(f'(() => {{\n"use strict";\n{_read("index.js")}\n}})();')


@cache
def build_program() -> Markup:
    """The dashboard's own script: its modules, each in a scope of its own, after those that it imports."""
    names = list(dict.fromkeys(_list_modules(PROGRAM, ())))
    parts = "\n".join(wrap_module(name, _read(name)) for name in names)
    return _make_script(f'(() => {{\n"use strict";\n{parts}\n}})();')


def wrap_module(name: str, text: str) -> str:
    """A module as a function that returns what it exports, called at once.

    Names are imported as they are exported, and stand alone on their line's start; ValueError otherwise.
    """
    exports = ", ".join(_EXPORT.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub("", text))
    renamed = any(re.search(r"\sas\s", names) for names, _ in _IMPORT.findall(text))
    if renamed or re.search(r"^\s*(import|export)\b", body, re.MULTILINE):
        raise ValueError(f'{name}: only import {{ a, b }} from "./c.js" and export function, class or const')
    return f"const {{ {exports} }} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();"


def _list_modules(name: str, importers: tuple[str, ...]) -> Iterator[str]:
    """Yield the modules that a module imports, each after those that it needs itself, then the module."""
    if name in importers:
        raise ValueError(f"{name} imports itself, through {' and '.join(importers)}")
    for _, imported in _IMPORT.findall(_read(name)):
        yield from _list_modules(imported, (*importers, name))
    yield name


def _read(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _mark_safe(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # only called with our own files, digests and escaped JSON


def _make_script(text: str) -> Markup:
    return _mark_safe(text.replace("</script", "<\\/script").replace("<!--", "<\\!--"))


def compute_digest(text: str) -> str:
    """A script's hash, as a Content-Security-Policy names it."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
