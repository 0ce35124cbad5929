"""What a dbt project's own profiles.yml says that its warehouse here does not: extensions, attached files, threads.

Not here: where and as whom dbt connects, which is the warehouse block's own. `~/.dbt` is not read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from blocks.errors import Misconfigured, replace_vendor_errors
from blocks.loader.dlt.locations import has_secret_parameter
from blocks.yaml_content import read_yaml


def read_own_settings(
    folder: Path, profile: str, target: str | None, kind: str, wanted: Collection[str]
) -> dict[str, object]:
    """The wanted settings of an output of `folder`/profiles.yml; nothing where there is none for this warehouse.

    target: the output's name; None: the profile's own choice. kind: dbt's type of the warehouse. Jinja in a value is
    left to dbt. Raises Misconfigured for a file that is no profile, a named output that is not there, or a secret
    in what is attached.
    """
    path = folder / "profiles.yml"
    if not path.is_file():
        return {}
    outputs, default = _read_outputs(path, profile)
    if target and outputs and target not in outputs:
        raise Misconfigured(
            f"read {path}", f"it has no output {target}", f"There are {', '.join(sorted(outputs))}."
        )
    of_kind = [name for name, output in outputs.items() if output.get("type") == kind]
    chosen = target or (default if default in of_kind else next(iter(of_kind), None))
    if chosen not in of_kind:
        return {}
    found = {key: value for key, value in outputs[chosen].items() if key in wanted}
    if isinstance(attached := found.get("attach"), list):
        _check_attached(path, attached)
        found["attach"] = [_place(folder, each) for each in attached]
    return found


def list_kinds(folder: Path, profile: str) -> list[str]:
    """The types of warehouse that the outputs of `folder`/profiles.yml are for; none where there is no such file."""
    path = folder / "profiles.yml"
    outputs = _read_outputs(path, profile)[0] if path.is_file() else {}
    return sorted({str(output.get("type")) for output in outputs.values()})


def merge_settings(own: Mapping[str, object], target: Mapping[str, object]) -> dict[str, object]:
    """A profile's output: the warehouse's word stands, mappings are joined; dbt's threads are the project's."""
    merged: dict[str, object] = {**own, **target}
    for key, value in own.items():
        stronger = target.get(key)
        if isinstance(value, Mapping) and isinstance(stronger, Mapping):
            merged[key] = {**value, **stronger}
    return {**merged, "threads": own.get("threads", target.get("threads", 1))}


def _read_outputs(path: Path, profile: str) -> tuple[dict[str, dict[str, object]], str]:
    content = read_yaml(path, "Correct or delete it.")

    def translate(error: BaseException) -> Misconfigured:
        answer = f"{type(error).__name__}: it is no profile of dbt's"
        return Misconfigured(f"read {path}", answer, "Correct or delete it.")

    with replace_vendor_errors((ValueError, TypeError, AttributeError), translate):
        found = _require_mapping(content.get(profile))
        outputs = {
            str(name): _require_mapping(each) for name, each in _require_mapping(found.get("outputs")).items()
        }
    return outputs, str(found.get("target") or "")


def _require_mapping(value: object) -> dict[str, object]:
    """Names and values; none for nothing. Raises TypeError for anything else."""
    if value and not isinstance(value, Mapping):
        raise TypeError("no mapping")
    return dict(value) if isinstance(value, Mapping) else {}


def _check_attached(path: Path, attached: Collection[object]) -> None:
    """Raise Misconfigured for a secret in what is attached: errors of DuckDB and dbt repeat it, on tickets too."""
    for each in attached:
        place = each.get("path") if isinstance(each, Mapping) else each
        if isinstance(place, str) and has_secret_parameter(place):
            raise Misconfigured(
                f"read {path}",
                "`attach` names a password or token, which errors would show in clear",
                "Put it into `secrets:` of that output, and name that as `secret:` of what is attached.",
            )


def _place(folder: Path, attached: object) -> object:
    """An attached file by its path from the project's folder, in which dbt is run by hand."""
    if not isinstance(attached, Mapping):
        return attached
    path = attached.get("path")
    if not isinstance(path, str) or "{{" in path or ":" in path:
        return attached
    return {**attached, "path": str((folder / path).resolve())}
