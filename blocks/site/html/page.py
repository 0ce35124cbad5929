"""HTML pages out of the templates, styles and scripts in folder assets/. What they show is made elsewhere.

A page fetches nothing: library, program, style and rows are in it, and its Content-Security-Policy allows
exactly those scripts and no request. What people wrote reaches it escaped, as text or inside JSON.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

PARTS = Path(__file__).parent / "assets"
PROGRAM = ("figures", "data", "charts", "filters", "table", "section", "dashboard")


def render(template: str, scripts: tuple[str, ...] = (), **values: Any) -> str:
    """A page from a template: autoescaped, with the styles and a policy that allows only these scripts."""
    import jinja2

    loader = jinja2.FileSystemLoader(PARTS)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    theme = _script(_read("theme.js"))
    # Vega turns its expressions into functions, which 'unsafe-eval' is for; a page without it goes without.
    allowed = [_fingerprint(text) for text in (theme, *scripts)] + (["'unsafe-eval'"] if scripts else [])
    shared = {"style": _safe(_read("style.css")), "theme": theme, "allowed": _safe(" ".join(allowed))}
    return environment.get_template(template).render(**shared, **values)


def as_json(value: Any) -> Any:
    """JSON that is safe inside a script element, whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return _safe(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def library() -> Any:
    """Vega-Lite, Vega and their embedding as one script, from the installed package."""
    import vl_convert

    return _script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


@cache
def program() -> Any:
    """The dashboard's own script, its files in one scope."""
    parts = "\n".join(_read(f"{name}.js") for name in PROGRAM)
    return _script(f'(() => {{\n"use strict";\n{parts}}})();')


def _read(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _safe(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704


def _script(text: str) -> Any:
    return _safe(text.replace("</script", "<\\/script").replace("<!--", "<\\!--"))


def _fingerprint(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
