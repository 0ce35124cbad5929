"""Which features of Tableau's format a file declares for the elements that it uses.

Tableau's own schema is a template that is switched by the flags in `document-format-change-manifest`: Desktop refuses a
file that uses an element (or attribute) without its flag, whatever the published schema says. An element that is new
here gets its flags in `GATES`, and its line in tests/blocks/site/tableau/elements.json: the file that people saved in
which it was seen.
"""

from __future__ import annotations

from blocks.site.tableau.workbook.xml import Element, element

VERSION = "18.1"
OLDEST = "2025.1"
"""The oldest Tableau whose files have each element that needs a flag in the form in which it is written here."""
OLDEST_API = (3, 25)
"""The REST API of that version."""
_OBJECT_MODEL = ("ObjectModelEncapsulateLegacy", "ObjectModelTableType", "SchemaViewerObjectModel")
GATES = {
    "computed-sort": ("SortTagCleanup",),
    "dashboard@enable-sort-zone-taborder": ("AccessibleZoneTabOrder",),
    "devicelayout": ("AutoCreateAndUpdateDSDPhoneLayouts",),
    "geometry": ("MapboxVectorStylesAndLayers",),
    "object-graph": _OBJECT_MODEL,
    "object-id": _OBJECT_MODEL,
    "relation@type": _OBJECT_MODEL,
    "simple-id": ("SheetIdentifierTracking", "WindowsPersistSimpleIdentifiers"),
}
"""Element, or element@attribute → the flags without which Tableau does not know it."""
ALWAYS = ("AnimationOnByDefault", "MarkAnimation")  # how marks move; every workbook since 2020 declares them


def declare_features(root: Element, *more: str) -> Element:
    """The `document-format-change-manifest` of a file: the flags of all that is in it, and more."""
    flags = set(more)
    for each in root.iter():
        flags |= {flag for name in _list_names(each) for flag in GATES.get(name, ())}
    return element("document-format-change-manifest", {}, *(element(flag) for flag in sorted(flags)))


def _list_names(each: Element) -> list[str]:
    return [each.tag, *(f"{each.tag}@{name}" for name in each.keys())]  # noqa: SIM118  # an lxml element, no dict
