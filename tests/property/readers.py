"""What readers may see, worked out in plain Python from the sequence alone: no schema, no journal, no SQL.

Rows are sorted tuples. It knows three rules: a run that passes adds what it built to what was seen before; going
back shows what was seen before; a model with history goes on from the rows it had in what readers see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.property.project import Model, Project

Rows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Sight:
    """What readers see at one time. models: the rows each model has there, for those that go on from them."""

    run: str
    marts: Mapping[str, Rows]
    models: Mapping[str, Rows]


@dataclass
class Readers:
    """seen: what they saw, the newest last, without what was gone back from. published: as it first was."""

    keep: int
    seen: list[Sight] = field(default_factory=list)
    published: list[Sight] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)  # runs that retention may have dropped

    @property
    def now(self) -> Sight | None:
        return self.seen[-1] if self.seen else None

    def build(
        self, project: Project, raw: Rows, marts: Sequence[str], run: str, whole: bool
    ) -> tuple[Sight, bool]:
        """What readers see if the run of these marts passes, and whether it does."""
        before = self.now or Sight(run, {}, {})
        rows: dict[str, Rows] = {}
        for model in project.lineage(marts):
            known = before.models.get(model.unique_id, ())
            if whole and model.kind != "snapshot" and not model.keep_rows:
                known = ()
            rows[model.name] = _rows_of(model, rows, raw, known, project.shift)
        built = {mart: rows[mart] for mart in marts}
        models = {
            project.models[name].unique_id: found
            for name, found in rows.items()
            if project.models[name].mart or project.models[name].kind not in {"view", "ephemeral"}
        }
        passes = all(found and all(row[1] >= project.least for row in found) for found in built.values())
        return Sight(run, {**before.marts, **built}, {**before.models, **models}), passes

    def publish(self, sight: Sight) -> None:
        self.seen.append(sight)
        self.published.append(sight)
        self.retain()

    def back(self) -> Sight | None:
        """What a rollback shows; None if there was nothing before."""
        return self.seen[-2] if len(self.seen) > 1 else None

    def go_back(self) -> None:
        self.seen.pop()

    def named(self, run: str) -> Sight | None:
        return next((sight for sight in self.published if sight.run == run), None)

    def go_to(self, sight: Sight) -> None:
        runs = [each.run for each in self.seen]
        if sight.run in runs:
            del self.seen[runs.index(sight.run) :]
        self.seen.append(sight)

    def retired(self, marts: Iterable[str]) -> Sight:
        sight = self.seen[-1]
        left = {mart: rows for mart, rows in sight.marts.items() if mart not in marts}
        return replace(sight, marts=left)

    def retain(self) -> None:
        kept = {sight.run for sight in (*self.seen[-self.keep :], *self.published[-self.keep :])}
        self.lost |= {sight.run for sight in (*self.seen, *self.published)} - kept


def _rows_of(model: Model, made: Mapping[str, Rows], raw: Rows, known: Rows, shift: int) -> Rows:
    if model.name == "both":
        keys = {row[0] for row in made["stage"]}
        return tuple(row for row in made["hist"] if row[0] in keys)
    if model.name in {"longest", "shots"}:
        return made[model.parents[0]]
    if model.kind == "snapshot":
        return _snapshot(raw, known)
    fresh = made[model.parents[0]] if model.parents else raw
    more = (model.add if "ADD" in model.sql else 0) + (shift if "shift" in model.sql else 0)
    rows = tuple((k, v + more) for k, v in fresh)
    if model.kind == "incremental" and known:
        highest = max(row[0] for row in known)
        return tuple(sorted((*known, *(row for row in rows if row[0] > highest))))
    return tuple(sorted(rows))


def _snapshot(raw: Rows, known: Rows) -> Rows:
    now = dict(raw)
    rows = {(k, v, 1 if closed or now.get(k, v) != v else 0): 0 for k, v, closed in known}
    kept = [(k, v, 1 if closed or now.get(k, v) != v else 0) for k, v, closed in known]
    assert len(rows) <= len(kept)
    still_open = {(k, v) for k, v, closed in kept if not closed}
    return tuple(sorted([*kept, *((k, v, 0) for k, v in raw if (k, v) not in still_open)]))
