// The rows that charts and the table are fed with, from what is chosen. No elements here.
//
// view, in every function: {selection, dataset, metric}.

import { addUp, evaluate, rank, totalsOfNothing } from "./data.js";
import { bucketText, change, estimateMark, exact, NONE, shareText, short } from "./number_format.js";
import { DAY, start } from "./periods.js";

/** Groups that are drawn one by one, all others in one more. */
export const MOST = { bars: 10, series: 6 };

/** The place of a group's colour; the others have one of their own. */
export function slotOf({ others, place }) {
  return others ? MOST.series : place;
}

/** A dataset's totals in the chosen range, and in the one before: null if the data does not reach over it. */
export function totalsOf(selection, dataset) {
  const totals = (range) =>
    addUp(dataset, range, selection.where(dataset)).get("") ?? totalsOfNothing(dataset);
  const before = selection.hasBefore && dataset.timed ? totals(selection.before) : null;
  return { now: totals(selection.range), before };
}

/** The groups of a dimension under the chosen filters, as `rank` has them. */
export function groupsOf({ selection, dataset, metric }, dimension, most) {
  return rank(dataset, dimension, metric, selection.range, selection.where(dataset), most);
}

/** Each group with its value `v` and the `previous` one, in the order of the groups. */
export function compareGroups({ selection, dataset, metric }, { groups, placeOf }) {
  const values = (range) => {
    const found = addUp(dataset, range, selection.where(dataset), placeOf);
    return (place) => (found.has(place) ? evaluate(metric.formula, found.get(place)) : null);
  };
  const now = values(selection.range);
  const then = selection.hasBefore && dataset.timed ? values(selection.before) : () => null;
  return groups.map((group, place) => ({ ...group, place, v: now(place), previous: then(place) }));
}

/** A tooltip's text: lines, a tab between a name and its value. */
export function tipText(metric, title, now, then = null, share = null) {
  const lines = [title, `${metric.label}\t${estimateMark(metric)}${exact(now, metric)}`];
  if (share !== null) lines.push(`Share\t${shareText(share)}`);
  if (then !== null) {
    lines.push(`Previous period\t${exact(then, metric)}`);
    lines.push(`Change\t${change(now, then, metric)?.text ?? NONE}`);
  }
  return lines.join("\n");
}

/** The rows of the bars. */
export function barRows(view, ranking) {
  const { metric } = view;
  return compareGroups(view, ranking).map((group) => ({
    ...group,
    codes: null,
    text: estimateMark(metric) + short(group.v, metric),
    tip: tipText(metric, group.label, group.v, group.previous),
  }));
}

/** The rows of the ring, their total, and how many groups can't be drawn: those at or below zero. */
export function shareRows(view, ranking) {
  const { metric } = view;
  const all = compareGroups(view, ranking);
  const parts = metric.adds ? all.filter(({ v }) => v > 0) : [];
  const total = parts.reduce((sum, { v }) => sum + v, 0);
  const rows = parts.map((part) => ({
    ...part,
    codes: null,
    slot: slotOf(part),
    tip: tipText(metric, part.label, part.v, part.previous, part.v / total),
  }));
  return { rows, total, left: all.length - parts.length };
}

// Bucket and place as one key of a group.
const PLACES = 16;

/** The groups of a dimension over time: [{bucket, place, v}], in order. */
export function overTime({ selection, dataset, metric }, grain, placeOf) {
  const bucketOf = (table, row) => selection.coarse(table.buckets[row], grain);
  const keyOf = (table, row) => {
    const place = placeOf(table, row);
    return place === undefined ? undefined : bucketOf(table, row) * PLACES + place;
  };
  const found = addUp(dataset, selection.range, selection.where(dataset), keyOf, bucketOf);
  return [...found]
    .map(([key, totals]) => {
      const bucket = Math.floor(key / PLACES);
      return { bucket, place: key - bucket * PLACES, v: evaluate(metric.formula, totals) };
    })
    .filter(({ v }) => v !== null)
    .sort((a, b) => a.bucket - b.bucket || a.place - b.place);
}

/** The rows of the stacked bars. */
export function stackedRows(view, ranking, grain) {
  const { metric } = view;
  if (!metric.adds) return [];
  return overTime(view, grain, ranking.placeOf).map(({ bucket, place, v }) => {
    const group = ranking.groups[place];
    const tip = tipText(metric, `${group.label}\n${bucketText(bucket, grain)}`, v);
    return { when: start(bucket, grain) * DAY, place, v, slot: slotOf({ ...group, place }), tip };
  });
}

/** The metric per whole bucket of the period before, moved onto the chosen one: [{bucket, v}]. */
export function earlierPoints({ selection, dataset, metric }, grain) {
  const keyOf = (table, row) => selection.coarse(table.buckets[row], grain);
  const found = addUp(dataset, selection.before, selection.where(dataset), keyOf, keyOf);
  return selection.besides(grain).flatMap(([number, beside]) => {
    const v = found.has(number) ? evaluate(metric.formula, found.get(number)) : null;
    return v === null ? [] : [{ bucket: beside, v }];
  });
}

/** The rows of the line of the period before. */
export function earlierRows(points, grain) {
  return points.map(({ bucket, v }) => ({
    t: start(bucket, grain) * DAY,
    v,
    slot: MOST.series,
    kind: "previous",
    part: "previous",
    fill: false,
    tip: "",
  }));
}

/**
 * Points as the rows of lines: whole buckets in one piece, an incomplete end as a dotted piece of its own.
 * @param {object} view
 * @param {object[]} points as `overTime` returns them
 * @param {string} grain
 * @param {object[]} groups
 * @param {?object[]} earlier points of the period before; null where the line is split into groups
 */
export function trendRows(view, points, grain, groups, earlier) {
  const titles = trendTitles(view, points, grain, groups, earlier);
  const isWhole = (point) => view.selection.isWhole(point.bucket, grain);
  return groups.flatMap((group, place) => {
    const own = points.filter((point) => point.place === place);
    const row = ({ bucket, v }, kind, part) => ({
      t: start(bucket, grain) * DAY,
      v,
      slot: slotOf({ ...group, place }),
      kind,
      part: `${place}${part}`,
      fill: earlier !== null && kind === "now",
      tip: titles.get(bucket).join("\n"),
    });
    const ends = own.flatMap((point, i) => {
      if (isWhole(point)) return [];
      const other = i === 0 ? own[1] : own[i - 1];
      return [point, ...(other ? [other] : [])].map((end) => row(end, "partial", `-${i}`));
    });
    return [...own.filter(isWhole).map((point) => row(point, "now", "")), ...ends];
  });
}

// The tooltip of each bucket, a line a group.
function trendTitles({ selection, metric }, points, grain, groups, earlier) {
  const titles = new Map();
  for (const { bucket, place, v } of points) {
    const note = selection.isWhole(bucket, grain) ? "" : " (not complete)";
    const title = bucketText(bucket, grain) + note;
    if (!titles.has(bucket)) titles.set(bucket, [title]);
    if (earlier === null) titles.get(bucket).push(`${groups[place].label}\t${exact(v, metric)}`);
    else {
      const then = earlier.find((point) => point.bucket === bucket)?.v ?? null;
      titles.set(bucket, [tipText(metric, title, v, then)]);
    }
  }
  return titles;
}

/** The points of a tile's line: [[bucket, value]], only whole buckets where there are enough. */
export function sparkPoints({ selection, dataset, metric }) {
  const grain = selection.drawnGrain();
  const keyOf = (table, row) => selection.coarse(table.buckets[row], grain);
  const found = addUp(dataset, selection.range, selection.where(dataset), keyOf, keyOf);
  return selection.wholeBuckets(grain).flatMap((number) => {
    const v = found.has(number) ? evaluate(metric.formula, found.get(number)) : null;
    return v === null ? [] : [[number, v]];
  });
}

/**
 * The table's columns and rows: every combination of the dimensions, per bucket of a grain if one is given.
 * @param {object} view
 * @param {object[]} metrics a column each
 * @param {string} grain or "" for the whole period
 * @param {function(number, object)} onpick called with a dimension and a group when a cell is clicked
 */
export function tableOf({ selection, dataset }, metrics, grain, onpick) {
  const bucketOf = (table, row) => (grain ? selection.coarse(table.buckets[row], grain) : "");
  const keyOf = (table, row) => [bucketOf(table, row), ...table.codes.map((codes) => codes[row])].join(",");
  const groups = addUp(dataset, selection.range, selection.where(dataset), keyOf, bucketOf);
  const rows = [...groups].map(([key, totals]) => {
    const [when, ...codes] = key.split(",").map(Number);
    const time = grain ? [{ text: bucketText(when, grain), value: when }] : [];
    const keys = codes.map((code, i) => {
      const text = dataset.dimensions[i].values[code];
      const pick = () => onpick(i, { label: text, codes: [code], others: false });
      return { text, value: text, pick };
    });
    const figures = metrics.map((metric) => {
      const value = evaluate(metric.formula, totals);
      return { text: estimateMark(metric) + exact(value, metric), value };
    });
    return { cells: [...time, ...keys, ...figures] };
  });
  const labels = [...(grain ? [grain[0].toUpperCase() + grain.slice(1)] : []), ...labelsOf(dataset)];
  const columns = labels.map((label) => ({ label, figure: false }));
  return { columns: [...columns, ...metrics.map(({ label }) => ({ label, figure: true }))], rows };
}

const labelsOf = (dataset) => dataset.dimensions.map(({ label }) => label);
