"""Which marts `init` takes up first: what people look at already comes before what happens to stand at the end."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from blocks.adoption.dashboards import propose_semantic_model
from blocks.adoption.profile import TableProfile
from blocks.adoption.workbench import FoundTable
from blocks.dbt.checks.tests import check_ambiguous
from blocks.errors import ContractBroken, NotFound
from blocks.records import Column, SourceTable
from tasks.adoption import (
    Adopter,
    Adoption,
    _list_tested_with,
    choose_marts,
    find_seed_schemas,
    match_tables,
    write_ref,
)


def test_marts_of_metrics_and_exposures_come_first() -> None:
    def node(name: str, kind: str = "table") -> dict[str, object]:
        about = {"unique_id": f"model.p.{name}", "name": name, "package_name": "p", "resource_type": "model"}
        return {**about, "config": {"materialized": kind}}

    names = ["a_end", "b_drawn", "c_measured", "d_inlined", "e_between"]
    kinds = {"d_inlined": "ephemeral"}
    manifest = {
        "metadata": {"project_name": "p"},
        "nodes": {f"model.p.{name}": node(name, kinds.get(name, "table")) for name in names},
        "child_map": {"model.p.e_between": ["model.p.a_end"], "model.p.b_drawn": ["model.p.a_end"]},
    }
    catalogue = SimpleNamespace(
        metric_names=lambda: ("m",),
        mart_of=lambda _: "c_measured",
        exposures=[SimpleNamespace(marts=("b_drawn", "d_inlined", "gone"))],
        models={name: SimpleNamespace(materialized=kinds.get(name, "table")) for name in names},
    )
    assert choose_marts(manifest, catalogue) == ["c_measured", "b_drawn", "a_end"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declared", "found", "places"),
    [
        ({"Orders": []}, {"orders": ["id"]}, {"Orders": "orders"}),
        ({"orders": []}, {"shop": ["id"]}, {"orders": "shop"}),  # files that are called by their days
        ({"orders": ["id", "Sold On"]}, {"shop": ["ID", "sold_on"]}, {"orders": "shop"}),
        ({"orders": ["id", "price"]}, {"shop": ["id"]}, {}),
        ({"orders": [], "items": []}, {"items": [], "x": []}, {"items": "items", "orders": "x"}),
        ({"orders": [], "items": []}, {"x": []}, {}),
        ({"orders": []}, {"x": [], "y": []}, {}),
    ],
)
def test_a_source_is_found_by_its_tables_names_or_as_the_only_one_that_is_left(
    declared: dict[str, list[str]], found: dict[str, list[str]], places: dict[str, str]
) -> None:
    def columns(names: list[str]) -> tuple[Column, ...]:
        return tuple(Column(name=name, origin=name) for name in names)

    about = {"source": "shop", "schema_name": "raw", "loader": "", "meta": {}}
    tables = [
        SourceTable(name=name, identifier=name, columns=columns(names), **about)
        for name, names in declared.items()
    ]
    profile = TableProfile(name="", rows=0, columns=())
    files = [
        FoundTable(source="shop", name=name, meta={}, columns=columns(names), profile=profile)
        for name, names in found.items()
    ]
    assert match_tables(tables, files) == places


def test_twelve_marts_at_a_time_and_then_the_next(tmp_path: Path) -> None:
    """What dashboards show already does not stand before what waits; what is named is taken however many it is."""
    names = [f"mart_{at:02}" for at in range(20)]
    nodes = {
        f"model.p.{name}": {
            "unique_id": f"model.p.{name}",
            "name": name,
            "package_name": "p",
            "resource_type": "model",
            "config": {"materialized": "table"},
        }
        for name in names
    }
    manifest = {"metadata": {"project_name": "p"}, "nodes": nodes, "child_map": {}}

    def choose(shown: list[str], wanted: list[str]) -> tuple[list[str], list[str]]:
        catalogue = SimpleNamespace(
            metric_names=lambda: (),
            exposures=[SimpleNamespace(marts=tuple(shown), metrics=("m",))],
            models={name: SimpleNamespace(materialized="table") for name in names},
        )
        found = Adoption(tmp_path, tmp_path, tmp_path)
        (scratch := tmp_path / str(len(list(tmp_path.iterdir())))).mkdir()
        adopter = Adopter(found, scratch, None, date(2026, 1, 1), marts=wanted)
        return adopter._choose_marts(manifest, catalogue), found.notes  # type: ignore[arg-type]

    first, (note,) = choose([], [])
    assert first == names[:12]
    assert note.endswith(f"with --marts NAME,NAME: {', '.join(names[12:])}")
    assert choose(first, []) == (names[12:], [])
    assert choose([], names) == (names, [])
    with pytest.raises(NotFound, match="no such model"):
        choose([], ["mart_1"])


@pytest.mark.parametrize(
    ("version", "call"), [(None, "ref('kinds')"), (2, "ref('kinds', v=2)"), ("b", "ref('kinds', v=\"b\")")]
)
def test_a_version_is_called_as_dbt_calls_it(version: object, call: str) -> None:
    """All versions of a model have its name: `ref('kinds_v2')` is nothing to dbt, which refused the whole proposal."""
    assert write_ref({"name": "kinds", "version": version}) == call
    model, _ = propose_semantic_model(TableProfile(name="kinds_v2", rows=0, columns=()), (), call)
    assert model["model"] == call


def test_what_tests_of_a_mart_read_as_well_is_built_and_shown_with_it(tmp_path: Path) -> None:
    """Of a chain of references, too; not what has no tests of its own, nor what only others' tests read."""

    def refer(child: str, parent: str) -> dict[str, object]:
        about = {
            "unique_id": f"test.p.{child}_{parent}",
            "name": f"{child}_{parent}",
            "resource_type": "test",
        }
        nodes = [f"model.p.{child}", f"model.p.{parent}"]
        return {**about, "fqn": ["p"], "attached_node": nodes[0], "depends_on": {"nodes": nodes}}

    names = ["sales", "products", "makers", "bare", "visits"]
    models = {
        f"model.p.{name}": {
            **{"unique_id": f"model.p.{name}", "name": name, "resource_type": "model", "schema": "s"},
            **{"alias": name, "config": {}, "depends_on": {"nodes": []}, "package_name": "p"},
        }
        for name in names
    }
    pairs = [("sales", "products"), ("products", "makers"), ("sales", "bare"), ("visits", "sales")]
    tests = {f"test.p.{'_'.join(pair)}": refer(*pair) for pair in pairs}
    catalogue = SimpleNamespace(
        models=names,
        mart=lambda name: SimpleNamespace(unique_id=f"model.p.{name}"),
        find_lineage=lambda name: {f"model.p.{name}"},
        find_suite_tests=lambda found: {each: ("unique",) for each in found if each != "bare"},
    )
    found = _list_tested_with({"nodes": {**models, **tests}}, catalogue, "sales")  # type: ignore[arg-type]
    assert found == {"ref('products')": "products", "ref('makers')": "makers"}
    catalogue.exposures = [
        SimpleNamespace(name="board", marts=("sales",), metrics=("m",)),
        SimpleNamespace(name="makers", marts=("makers", "sales"), metrics=("m",)),  # a package's
        SimpleNamespace(name="sheet", marts=("makers",), metrics=()),  # another tool's
    ]
    file = tmp_path / "scratch" / "dbt" / "board.yml"
    file.parent.mkdir(parents=True)
    file.write_text("exposures:\n- name: board\n  depends_on:\n  - ref('sales')\n")
    adopter = Adopter(Adoption(tmp_path, tmp_path, tmp_path), tmp_path / "scratch", None, date(2026, 1, 1))
    board = {"name": "board", "type": "dashboard", "package_name": "p", "original_file_path": "board.yml"}
    foreign = {**board, "name": "makers", "package_name": "other"}
    manifest = {
        "metadata": {"project_name": "p"},
        "nodes": {**models, **tests},
        "exposures": {"e": board, "f": foreign},
    }
    adopter._name_models_of_tests(manifest, catalogue)  # type: ignore[arg-type]
    (text,) = adopter.found.files.values()
    assert text.endswith("- ref('sales')\n  - ref('products')\n  - ref('makers')\n")


def test_tests_that_do_not_hold_are_said_before_a_run_is_held_back(tmp_path: Path) -> None:
    failed = [
        {"name": f"t{at}", "kind": "test", "status": "fail", "message": "Got 2\nresults"} for at in range(7)
    ]
    stale = {"scope": "till.sales", "kind": "source", "status": "error", "age_seconds": 360_000}
    failed.append(stale)  # type: ignore[arg-type]
    results = [{"name": "w", "status": "warn", "message": ""}, *failed]
    adopter = Adopter(Adoption(tmp_path, tmp_path, tmp_path), tmp_path / "scratch", None, date(2026, 1, 1))
    adopter._try_tests(SimpleNamespace(test=lambda marts, seconds: results), ["sales"])  # type: ignore[arg-type]
    assert [note[:60] for note in adopter.found.notes[:2]] == [
        f"dbt's test t{at} does not hold, and holds back what it is about unti"[:60] for at in range(2)
    ]
    assert "Got 2 results. Correct the data" in adopter.found.notes[0]
    assert adopter.found.notes[5] == "so do not 2 other tests of dbt's"
    assert "till.sales is older than the project lets it be" in adopter.found.notes[6]
    assert "100.0 hours" in adopter.found.notes[6]


def test_one_table_that_cannot_be_loaded_leaves_the_others_alone(tmp_path: Path) -> None:
    """A source declares a column that its file does not have: a note, and no end of `init`."""

    def load(tables: list[SourceTable], warehouse: object, run: str) -> list[str]:
        if any(each.name == "sales" for each in tables):
            raise ContractBroken("load till.sales", "column saleid is missing", "Take it out.")
        return [each.name for each in tables]

    adopter = Adopter(Adoption(tmp_path, tmp_path, tmp_path), tmp_path / "scratch", None, date(2026, 1, 1))
    adopter._loader = SimpleNamespace(load_source=load)  # type: ignore[assignment]
    names = ("days", "sales", "stands")
    about = {"source": "till", "schema_name": "raw", "loader": "dlt", "meta": {}}
    tables = [SourceTable(name=name, identifier=name, **about) for name in names]
    assert adopter._load(tables) == ["days", "stands"]
    (note,) = adopter.found.notes
    assert note.startswith("till.sales could not be loaded here: load till.sales: column saleid is missing")


@pytest.mark.parametrize(
    ("wanted", "schemas"),
    [
        (["names", "CODES"], {"{{ target.schema }}_raw"}),
        (["names", "kept"], {"{{ target.schema }}_raw", "landing"}),
        (["names", "gone"], set()),  # not all of them are seeds
        (["days"], set()),  # a model
    ],
)
def test_a_schema_that_seeds_land_in_is_said_as_yaml_says_it(wanted: list[str], schemas: set[str]) -> None:
    def node(name: str, kind: str = "seed", **more: str) -> dict[str, str]:
        return {"alias": name, "resource_type": kind, "schema": "REL_INIT_raw", **more}

    nodes = [node("Names"), node("codes"), node("kept", outside="landing"), node("days", "model")]
    about = {"source": "lists", "schema_name": "raw", "loader": "fivetran", "meta": {}}
    declared = [SourceTable(name=f"t{at}", identifier=name, **about) for at, name in enumerate(wanted)]
    manifest = {"nodes": {str(at): each for at, each in enumerate(nodes)}}
    found = find_seed_schemas(manifest, declared, "rel_init")  # type: ignore[arg-type]
    assert {each.replace("}}_RAW", "}}_raw") for each in found} == schemas


def test_marts_that_speak_of_a_time_come_before_those_that_do_not() -> None:
    """Nothing is proposed for a mart without a time: twelve of these would keep all others waiting for ever."""

    def node(name: str, code: str, *columns: str) -> dict[str, object]:
        about = {"unique_id": f"model.p.{name}", "name": name, "package_name": "p", "resource_type": "model"}
        return {**about, "config": {}, "raw_code": code, "columns": dict.fromkeys(columns)}

    nodes = [
        node("a_ranks", "select a from b join c on b.k = c.k"),
        node("b_days", "select * from x", "day"),
        node("c_sales", "select sold_on, amount from x"),
        node("d_updated", "select updated, that, position from x"),
    ]
    manifest = {
        "metadata": {"project_name": "p"},
        "nodes": {str(each["unique_id"]): each for each in nodes},
        "child_map": {},
    }
    catalogue = SimpleNamespace(metric_names=lambda: (), exposures=[], models={})
    assert choose_marts(manifest, catalogue) == ["b_days", "c_sales", "a_ranks", "d_updated"]  # type: ignore[arg-type]


def test_a_mart_whose_name_a_seed_has_as_well_is_left_out(tmp_path: Path) -> None:
    """Its proposal would say `ref('sales')`, which is the seed to dbt: metrics of it could not be shown."""
    about = {"name": "sales", "package_name": "p", "config": {}}
    nodes = {
        kind: {**about, "unique_id": f"{kind}.p.sales", "resource_type": kind} for kind in ("model", "seed")
    }
    catalogue = SimpleNamespace(metric_names=lambda: (), exposures=[], models={"sales": None})
    adopter = Adopter(Adoption(tmp_path, tmp_path, tmp_path), tmp_path / "s", None, date(2026, 1, 1))
    manifest = {"metadata": {"project_name": "p"}, "nodes": nodes, "child_map": {}}
    assert adopter._choose_marts(manifest, catalogue) == []  # type: ignore[arg-type]
    assert adopter.found.notes[0].startswith("mart sales is left out: a seed has its name")
    (finding,) = check_ambiguous(manifest, ["sales"])  # type: ignore[arg-type]
    assert "a seed has its name" in finding.problem
