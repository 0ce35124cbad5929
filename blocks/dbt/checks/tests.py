"""dbt's tests that will not run for the marts' releases, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from blocks.dbt.checks.nodes import get_config, get_place, list_nodes
from blocks.dbt.release_scope import WiderTest, find_wider_tests
from blocks.findings import Finding, make_error, suggest_column, suggest_name, warn
from blocks.manifest import Manifest, Node, list_disabled, name_model

_TESTS = {"test", "unit_test"}
MOST_ALIKE = 3  # tests of which each gets a finding of its own


def check_tests(manifest: Manifest, built: Collection[str]) -> Iterator[Finding]:
    """Tests that are switched off, that reach beyond the marts, or that are of models that no dashboard needs."""
    yield from _check_wider(manifest, built)
    yield from _check_disabled(manifest, built)
    yield from _check_stored(manifest, built)
    yield from _check_arguments(manifest, built)
    apart = [
        node
        for node in list_nodes(manifest.get("nodes"))
        if node.get("resource_type") == "test"
        and not set((node.get("depends_on") or {}).get("nodes") or ()) & set(built)
    ]
    if apart and built:
        yield warn(
            f"{len(apart)} tests",
            get_place(apart[0]),
            f"they are of models that no dashboard needs, so they never run: {apart[0].get('name')} and the like",
            "Name the models' marts in an exposure, or leave them to dbt itself.",
        )


def _check_wider(manifest: Manifest, built: Collection[str]) -> Iterator[Finding]:
    """A finding for each test that reads what no dashboard needs; one for all of many that read the same.

    It holds the release back where it is a test of what is built, as long as readers have not seen that.
    """
    nodes = manifest.get("nodes") or {}
    alike: dict[tuple[str, bool], list[WiderTest]] = {}
    for wider in find_wider_tests(manifest, built):
        if missing := ", ".join(node.name for node in wider.missing[:3]):
            alike.setdefault((missing, not wider.about), []).append(wider)
    for (missing, holds_back), tests in alike.items():
        say, until = (
            (make_error, "until readers have seen that, the release is held back")
            if holds_back
            else (warn, "not run before readers have seen that")
        )
        fix = (
            "Name it in depends_on of a dashboard's exposure, as `init` does if it has tests of its own, or move them "
            "to a model that both are made of."
        )
        if len(tests) > MOST_ALIKE:
            problem = (
                f"they also read {missing}, which no dashboard needs: {until}: {tests[0].name} and the like"
            )
            yield say(f"{len(tests)} tests", get_place(nodes[tests[0].unique_id]), problem, fix)
            continue
        for test in tests:
            problem = f"it also reads {missing}, which no dashboard needs: {until}"
            place = get_place(nodes[test.unique_id])
            yield say(f"test {test.name}", place, problem, fix.replace("them", "the test"))


def _check_disabled(manifest: Manifest, built: Collection[str]) -> Iterator[Finding]:
    names = {node_id.split(".")[2] for node_id in built if node_id.startswith("model.")}
    for node in list_disabled(manifest):
        about = {str(ref.get("name") if isinstance(ref, dict) else ref) for ref in node.get("refs") or ()}
        if node.get("resource_type") in _TESTS and about & names:
            yield warn(
                f"test {node.get('name')}",
                get_place(node),
                "it is switched off (enabled: false), so nothing is held to it",
                "Mend it or delete it.",
            )
        if node.get("resource_type") in {"exposure", "metric"}:
            yield warn(
                f"{node['resource_type']} {node.get('name')}",
                get_place(node),
                "it is switched off (enabled: false), so nobody gets to see it",
                "Delete it, or switch it on.",
            )


def _check_stored(manifest: Manifest, built: Collection[str]) -> Iterator[Finding]:
    """Tests that keep their failures in a database of another name than the release's."""
    for node in list_nodes(manifest.get("nodes")):
        config = get_config(node)
        about = set((node.get("depends_on") or {}).get("nodes") or ()) & set(built)
        if node.get("resource_type") == "test" and about and config.get("store_failures"):
            yield warn(
                f"test {node.get('name')}",
                get_place(node),
                f"it keeps the rows that fail in schema {node.get('schema')}, for whoever may look there",
                "Leave `store_failures` out: failing rows are shown with the check.",
            )


def _check_arguments(manifest: Manifest, built: Collection[str]) -> Iterator[Finding]:
    """Tests of what is built that nothing could meet, that ask for no column, or whose limit is never asked."""
    nodes = manifest.get("nodes") or {}
    for node in list_nodes(nodes):
        if node.get("resource_type") != "test" or node.get("attached_node") not in built:
            continue
        about, place, config = f"test {node.get('name')}", get_place(node), get_config(node)
        metadata = node.get("test_metadata") or {}
        asked, kind = metadata.get("kwargs") or {}, metadata.get("name")
        if kind == "accepted_values" and not asked.get("values"):
            yield make_error(
                about, place, "its values are none: no row could meet it", "Name the values, or delete it."
            )
        if kind == "relationships":
            field = str(asked.get("field") or "").lower()
            for key in (node.get("depends_on") or {}).get("nodes") or ():
                columns = {str(name).lower() for name in (nodes.get(key) or Node()).get("columns") or {}}
                named = f"'{(nodes.get(key) or Node()).get('name')}'" in str(asked.get("to")).replace(
                    '"', "'"
                )
                if named and field not in columns and (near := suggest_column(field, columns)):
                    yield make_error(
                        about, place, f"its field {field} is no column there{near}", "Correct it."
                    )
        if config.get("severity") == "warn" and config.get("error_if", "!= 0") != "!= 0":
            problem = "its error_if is never asked, as its severity is `warn`"
            yield warn(
                about, place, problem, "Write `severity: error`, with which warn_if and error_if both count."
            )


def check_ambiguous(manifest: Manifest, marts: Collection[str]) -> Iterator[Finding]:
    """Marts that readers would see under the name of another: of packages, of versions, of other letters' case."""
    places: dict[str, list[Node]] = {}
    for node in list_nodes(manifest.get("nodes")):
        if node.get("resource_type") == "model":
            places.setdefault(name_model(node).casefold(), []).append(node)
    hidden = find_hidden(manifest)
    for name in sorted(marts):
        found = places.get(name.casefold(), [])
        if found and name in hidden:
            yield make_error(
                f"model {name}",
                get_place(found[0]),
                f"a {hidden[name]} has its name, and `ref` may mean either",
                "Rename one of them.",
            )
        if len(found) > 1:
            yield make_error(
                f"model {name}",
                get_place(found[0]),
                f"there are several of this name: {', '.join(str(n['unique_id']) for n in found)}",
                "Rename one of them.",
            )


def find_hidden(manifest: Manifest) -> dict[str, str]:
    """Name of a model → `seed` or `snapshot`, of those whose name one of their package has as well."""
    kinds: dict[tuple[object, object], str] = {}
    nodes = list(list_nodes(manifest.get("nodes")))
    for node in nodes:
        if node.get("resource_type") in {"seed", "snapshot"}:
            kinds[node.get("package_name"), node.get("name")] = str(node["resource_type"])
    keys = {
        name_model(node): (node.get("package_name"), node.get("name"))
        for node in nodes
        if node.get("resource_type") == "model"
    }
    return {name: kinds[key] for name, key in keys.items() if key in kinds}


def say_unknown(kind: str, name: str, known: Collection[str]) -> str:
    """That a name is not known, and which one may be meant."""
    return f"{kind} {name} is unknown{suggest_name(name, known)}"
