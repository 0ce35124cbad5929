"""Which marts `init` takes up first: what people look at already comes before what happens to stand at the end."""

from __future__ import annotations

from types import SimpleNamespace

from tasks.adoption import choose_marts


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
