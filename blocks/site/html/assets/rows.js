// The rows that charts and the table are fed with, from what is chosen. No elements here.
//
// view, in every function: {selection, dataset, metric}. What is asked of the same rows twice is added up once.

import { addUp, canMerge, evaluate, hasRows, mergeTotals, rankGroups, totalsOfNothing } from "./data.js";
import {
  writeBucket,
  describeChange,
  estimateMark,
  writeExact,
  writeIsoDay,
  NONE,
  writeShare,
  writeCompact,
} from "./number_format.js";
import { DAY, isOfBuckets, firstDayOf } from "./periods.js";

/** Groups that are drawn one by one, all others in one more. */
export const MOST = { bars: 10, series: 6 };
const REMEMBERED = 40; // answers a dataset

/** The place of a group's colour; the others have one of their own. */
export function slotOf({ others, place }) {
  return others ? MOST.series : place;
}

// An answer of a dataset under the chosen filters, which is asked for once.
function askOnce({ selection, dataset }, question, range, find) {
  const filters = selection.filterKey(dataset);
  const key = `${question} ${range.first} ${range.last} ${filters}`;
  const { answers, kept } = dataset;
  if (!answers.has(key)) {
    if (answers.size >= REMEMBERED) answers.delete(answers.keys().next().value);
    if (kept.filters !== filters) Object.assign(kept, { filters, where: selection.where(dataset) });
    answers.set(key, find(kept.where));
  }
  return answers.get(key);
}

const totalIn = (view, range) =>
  askOnce(view, "all", range, (where) => addUp(view.dataset, range, where)).get("");

// Groups of a range; of a metric that compares buckets of time those of the bucket that stands for the range.
function groupIn(view, range, where, keyOf) {
  const { selection, dataset, metric } = view;
  if (!metric.needsBucket) return addUp(dataset, range, where, keyOf);
  const grain = selection.drawnGrain();
  const last = selection.lastBucket(grain, range);
  const lastOf = (table, row, number) => (number === last ? keyOf(table, row) : undefined);
  return addUp(dataset, range, where, lastOf, selection.time(grain, range));
}

/** The totals of each value of a dimension in a range: code → totals. */
export function totalsByCode(view, range, dimension) {
  const grain = view.metric.needsBucket ? view.selection.drawnGrain() : "";
  if (grain && !isKnown(view, grain)) return new Map();
  const question = `dimension ${dimension}${grain && ` of the last ${grain}`}`;
  return askOnce(view, question, range, (where) =>
    groupIn(view, range, where, (table, row) => table.codes[dimension][row]),
  );
}

const byBucket = (view, range, grain) =>
  askOnce(view, `per ${grain}`, range, (where) =>
    addUp(view.dataset, range, where, (_table, _row, number) => number, view.selection.time(grain, range)),
  );

// False where a metric compares the data's own buckets in longer ones, and the page's rows have but longer ones.
function isKnown({ dataset, metric }, grain) {
  return dataset.finest !== false || (metric.shifts ?? []).every((shift) => isOfBuckets(shift, grain));
}

/** A metric's value of totals; where there were no rows, 0 for a sum or a count and null for the rest. */
export function valueOf(metric, totals) {
  const counts = metric.elsewhere ? totals : hasRows(totals);
  return counts ? evaluate(metric.formula, totals) : (metric.empty ?? null);
}

/** The metric's value in a range, under the chosen filters; of one that compares buckets that of the last whole one. */
export function valueIn(view, range) {
  const { selection, metric } = view;
  if (!metric.needsBucket) return valueOf(metric, totalIn(view, range));
  const grain = selection.drawnGrain();
  return findValues(view, range, grain).values.get(selection.lastBucket(grain, range)) ?? null;
}

/** What stands beside the label of a metric that is of one bucket alone: ", October 2025"; else nothing. */
export function bucketNote({ selection, metric }) {
  if (!metric.needsBucket) return "";
  const grain = selection.drawnGrain();
  return `, ${writeBucket(selection.lastBucket(grain), grain)}`;
}

// The metric per bucket of a range, undivided: bucket → value. Time without rows is filled where the metric says so.
function findValues(view, range, grain) {
  if (!isKnown(view, grain)) return { values: new Map(), partial: new Set() };
  const { metric } = view;
  const found = [...byBucket(view, range, grain)].filter(([, totals]) => metric.elsewhere || hasRows(totals));
  const values = new Map(found.map(([number, totals]) => [number, evaluate(metric.formula, totals)]));
  const partial = new Set(found.filter(([, totals]) => isPartial(metric, totals)).map(([number]) => number));
  const nothing = metric.fillsBuckets ? evaluate(metric.formula, {}) : null;
  if (nothing !== null)
    for (const number of bucketsWithData(view, grain, range))
      if (!values.has(number)) values.set(number, nothing);
  return { values, partial };
}

// The same of any bucket: where nothing is known of it, 0 for a sum or a count and null for the rest.
function readBucket(view, range, grain) {
  const found = findValues(view, range, grain).values;
  const { empty = null } = view.metric;
  return (number) => (found.has(number) ? found.get(number) : empty);
}

/** A dataset's totals in the chosen range, and in the one before: null if the data does not reach over it. */
export function totalsOf(selection, dataset) {
  const totals = (range) => totalIn({ selection, dataset }, range) ?? totalsOfNothing(dataset);
  const before = selection.hasBefore && dataset.timed ? totals(selection.before) : null;
  return { now: totals(selection.range), before };
}

/** The groups of a dimension under the chosen filters, as `rank` has them, and the group of a row. */
export function groupsOf(view, dimension, most) {
  const { dataset, metric, selection } = view;
  const texts = dataset.dimensions[dimension].values;
  const totals = totalsByCode(view, selection.range, dimension);
  const { groups, places } = rankGroups(totals, texts, metric, most);
  return { groups, dimension, placeOf: (table, row) => places.get(table.codes[dimension][row]) };
}

/** True if groups are compared with the range before: all of the chosen range is finished. */
export function isCompared({ selection, dataset, metric }) {
  const lag = metric.lag ?? 0;
  return dataset.timed && !metric.grows && !selection.isCut(lag) && selection.compared(lag) !== null;
}

/** Each group with its value `v` and the `previous` one, in the order of the groups. */
export function compareGroups(view, ranking) {
  const { selection, metric } = view;
  const now = groupTotals(view, ranking, selection.range);
  const then = isCompared(view) ? groupTotals(view, ranking, selection.before) : null;
  return ranking.groups.map((group, place) => ({
    ...group,
    place,
    v: valueOf(metric, now[place]),
    previous: then && valueOf(metric, then[place]),
  }));
}

// The totals of each group; undefined without rows.
function groupTotals(view, { groups, placeOf, dimension }, range) {
  const { dataset, selection } = view;
  if (dimension === undefined || (!canMerge(dataset) && groups.some(({ others }) => others))) {
    const found = groupIn(view, range, selection.where(dataset), placeOf);
    return groups.map((_group, place) => found.get(place));
  }
  const found = totalsByCode(view, range, dimension);
  return groups.map(({ codes }) => {
    const parts = codes.flatMap((code) => found.get(code) ?? []);
    return parts.length > 1 ? mergeTotals(dataset, parts) : parts[0];
  });
}

/** A tooltip's text: lines, a tab between a name and its value. */
export function writeTip(metric, title, now, then = null, share = null) {
  const lines = [title, `${metric.label}\t${estimateMark(metric)}${writeExact(now, metric)}`];
  if (share !== null) lines.push(`Share\t${writeShare(share)}`);
  if (then !== null) {
    lines.push(`Previous period\t${writeExact(then, metric)}`);
    lines.push(`Change\t${describeChange(now, then, metric)?.text ?? NONE}`);
  }
  return lines.join("\n");
}

/** The rows of the bars. */
export function barRows(view, ranking) {
  const { metric } = view;
  return compareGroups(view, ranking).map((group) => ({
    ...group,
    codes: null,
    text: estimateMark(metric) + writeCompact(group.v, metric),
    tip: writeTip(metric, group.label, group.v, group.previous),
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
    tip: writeTip(metric, part.label, part.v, part.previous, part.v / total),
  }));
  return { rows, total, left: all.length - parts.length, negative: all.some(({ v }) => v < 0) };
}

// Bucket and place as one key of a group.
const PLACES = 16;

/** The groups of a dimension over time: [{bucket, place, v}], in order. */
export function findGroupsOverTime(view, grain, placeOf) {
  if (!isKnown(view, grain)) return [];
  const { selection, dataset, metric } = view;
  const keyOf = (table, row, number) => {
    const place = placeOf(table, row);
    return place === undefined ? undefined : number * PLACES + place;
  };
  const found = addUp(dataset, selection.range, selection.where(dataset), keyOf, selection.time(grain));
  return [...found]
    .flatMap(([key, totals]) => {
      const bucket = Math.floor(key / PLACES);
      const v = evaluate(metric.formula, totals);
      return v === null && !isPartial(metric, totals) ? [] : [{ bucket, place: key - bucket * PLACES, v }];
    })
    .sort((a, b) => a.bucket - b.bucket || a.place - b.place);
}

/** The names of the measures that a formula is made of. */
export function measuresIn([head, ...parts]) {
  if (head === "measure") return [parts[0]];
  return parts.filter((part) => Array.isArray(part)).flatMap(measuresIn);
}

// True if a metric has no value though some of what it is made of has: `sales - refunds` without a refund.
function isPartial({ formula }, totals) {
  if (evaluate(formula, totals) !== null) return false;
  return measuresIn(formula).some((name) => (totals[name] ?? null) !== null);
}

/** The metric over time, undivided: [{bucket, place, v}], in order. */
export function findPoints(view, grain) {
  const { values, partial } = findValues(view, view.selection.range, grain);
  return [...values]
    .filter(([bucket, v]) => v !== null || partial.has(bucket))
    .map(([bucket, v]) => ({ bucket, place: 0, v }))
    .sort((a, b) => a.bucket - b.bucket);
}

/** The buckets of a range in which the dataset may have rows: from its first to the end of the data. */
export function bucketsWithData({ selection, dataset }, grain, range = selection.range) {
  const { extent } = dataset;
  if (!extent) return [];
  const { end } = selection.model;
  const last =
    end === undefined || end === null ? extent.last : Math.max(extent.last, selection.lastFinished());
  const [from, to] = [selection.coarse(extent.first, grain), selection.coarse(last, grain)];
  return selection.bucketsOf(range, grain).filter((number) => number >= from && number <= to);
}

/**
 * Points with one for every bucket and group in which nothing is counted: of a sum or a count, which is 0 then.
 * Where a part of a formula is missing and another is not, there is a gap.
 */
export function fillGaps(view, points, grain, groups) {
  const { metric } = view;
  const drawn = points.filter(({ v }) => v !== null);
  if ((metric.empty ?? null) === null) return drawn;
  const known = new Set(points.map(({ bucket, place }) => bucket * PLACES + place));
  const missing = bucketsWithData(view, grain).flatMap((bucket) =>
    groups.flatMap((_group, place) =>
      known.has(bucket * PLACES + place) ? [] : [{ bucket, place, v: metric.empty }],
    ),
  );
  return [...drawn, ...missing].sort((a, b) => a.bucket - b.bucket || a.place - b.place);
}

/** The rows of the stacked bars. */
export function stackedRows(view, ranking, grain) {
  const { metric } = view;
  if (!metric.adds) return [];
  const points = findGroupsOverTime(view, grain, ranking.placeOf).filter(({ v }) => v !== null);
  return points.map(({ bucket, place, v }) => {
    const group = ranking.groups[place];
    const partial = !isSettled(view, bucket, grain);
    const title = `${group.label}\n${writeBucket(bucket, grain)}${partial ? " (not complete)" : ""}`;
    const when = firstDayOf(bucket, grain) * DAY;
    return { when, place, v, slot: slotOf({ ...group, place }), tip: writeTip(metric, title, v), partial };
  });
}

/** True if a bucket lies inside the chosen range and its figures don't change any more. */
export function isSettled({ selection, metric }, bucket, grain) {
  return selection.isWhole(bucket, grain) && selection.isFinished(bucket, grain, metric.lag ?? 0);
}

/** The metric per whole bucket of the period before, moved onto the chosen one: [{bucket, v}]. */
export function earlierPoints(view, grain) {
  const { selection, dataset } = view;
  const read = readBucket(view, selection.before, grain);
  const first = selection.coarse(dataset.extent.first, grain); // before it there is nothing, not even 0
  return selection.besides(grain).flatMap(([number, beside]) => {
    const v = number < first ? null : read(number);
    return v === null ? [] : [{ bucket: beside, v }];
  });
}

/** The rows of the line of the period before. */
export function earlierRows(points, grain) {
  return splitAtGaps(points).flatMap((piece, i) =>
    piece.map(({ bucket, v }) => ({
      t: firstDayOf(bucket, grain) * DAY,
      v,
      slot: MOST.series,
      kind: "previous",
      part: i ? `previous/${i}` : "previous",
      fill: false,
      lone: piece.length === 1,
      tip: "",
    })),
  );
}

// Points in pieces without a gap between their buckets.
function splitAtGaps(points) {
  const found = [];
  points.forEach((point, i) => {
    if (i === 0 || point.bucket !== points[i - 1].bucket + 1) found.push([]);
    found.at(-1).push(point);
  });
  return found;
}

/**
 * Points as the rows of lines: whole buckets in one piece up to a gap, an incomplete end as a dotted piece of its own.
 * @param {object} view
 * @param {object[]} points as `overTime` returns them
 * @param {string} grain
 * @param {object[]} groups
 * @param {?object[]} earlier points of the period before; null where the line is split into groups
 */
export function trendRows(view, points, grain, groups, earlier) {
  const titles = writeTrendTitles(view, points, grain, groups, earlier);
  const isWhole = (point) => isSettled(view, point.bucket, grain);
  return groups.flatMap((group, place) => {
    const own = points.filter((point) => point.place === place);
    const row = ({ bucket, v }, kind, part, lone = false) => ({
      t: firstDayOf(bucket, grain) * DAY,
      v,
      place,
      slot: slotOf({ ...group, place }),
      kind,
      part: `${place}${part}`,
      fill: earlier !== null && kind === "now" && !lone,
      lone,
      tip: titles.get(bucket).join("\n"),
    });
    const ends = own.flatMap((point, i) => {
      if (isWhole(point)) return [];
      const other = [own[i - 1], own[i + 1]].find(
        (each) => each && Math.abs(each.bucket - point.bucket) === 1,
      );
      return [point, ...(other ? [other] : [])].map((end) => row(end, "partial", `-${i}`, !other));
    });
    const solid = splitAtGaps(own.filter(isWhole)).flatMap((piece, i) =>
      piece.map((point) => row(point, "now", i ? `/${i}` : "", piece.length === 1)),
    );
    return [...solid, ...ends];
  });
}

// The tooltip of each bucket, a line a group.
function writeTrendTitles(view, points, grain, groups, earlier) {
  const { metric } = view;
  const titles = new Map();
  for (const { bucket, place, v } of points) {
    const note = isSettled(view, bucket, grain) ? "" : " (not complete)";
    const title = writeBucket(bucket, grain) + note;
    if (!titles.has(bucket)) titles.set(bucket, [title]);
    if (earlier === null) titles.get(bucket).push(`${groups[place].label}\t${writeExact(v, metric)}`);
    else {
      const then = earlier.find((point) => point.bucket === bucket)?.v ?? null;
      titles.set(bucket, [writeTip(metric, title, v, note ? null : then)]);
    }
  }
  return titles;
}

/** The points of a tile's line: [[bucket, value]], only whole buckets where there are enough. */
export function findSparkPoints(view) {
  const { selection } = view;
  const grain = selection.drawnGrain();
  const read = readBucket(view, selection.range, grain);
  const known = new Set(bucketsWithData(view, grain));
  return selection.wholeBuckets(grain).flatMap((number) => {
    const v = known.has(number) ? read(number) : null;
    return v === null ? [] : [[number, v]];
  });
}

// A row of the table; its cells are made once they are asked for.
class LazyRow {
  constructor(make, figureAt) {
    Object.assign(this, { make, figureAt });
  }

  // What a column is sorted by: a figure without the cells around it.
  valueAt(column) {
    const figure = this.made ? undefined : this.figureAt(column);
    return figure === undefined ? this.cells[column].value : figure;
  }

  get cells() {
    this.made ??= this.make();
    return this.made;
  }
}

/**
 * The table's columns and rows: every combination of the dimensions, per bucket of a grain if one is given.
 * @param {object} view
 * @param {object[]} metrics a column each
 * @param {string} grain or "" for the whole period
 * @param {function(number, object)} onpick called with a dimension and a group when a cell is clicked
 * @returns {{columns: object[], rows: object[]}} a row's cells are made as they are first looked at
 */
export function tableOf(view, metrics, grain, onpick) {
  const { selection, dataset } = view;
  const { keyOf, partsOf } = numberCombinations(selection, dataset, grain);
  const groups = askOnce(view, `table ${grain}`, selection.range, (where) =>
    addUp(dataset, selection.range, where, keyOf, grain ? selection.time(grain) : null),
  );
  const read = (metric, totals) => {
    const known = grain ? isKnown({ dataset, metric }, grain) : !metric.needsBucket;
    return known ? evaluate(metric.formula, totals) : null;
  };
  const keys = dataset.dimensions.length + (grain ? 1 : 0);
  const rows = [...groups].map(([key, totals]) => {
    const make = () =>
      tableCells(dataset, metrics, grain, partsOf(key), (metric) => read(metric, totals), onpick);
    return new LazyRow(make, (column) => metrics[column - keys] && read(metrics[column - keys], totals));
  });
  const labels = [...(grain ? [grain[0].toUpperCase() + grain.slice(1)] : []), ...labelsOf(dataset)];
  const columns = labels.map((label) => ({ label, figure: false }));
  return { columns: [...columns, ...metrics.map(({ label }) => ({ label, figure: true }))], rows };
}

const labelsOf = (dataset) => dataset.dimensions.map(({ label }) => label);

// A number for each combination of bucket and codes, and back; a text where numbers don't reach.
function numberCombinations(selection, dataset, grain) {
  const sizes = dataset.dimensions.map(({ values }) => values.length);
  const whole = grain ? selection.bucketsOf(selection.range, grain) : [0];
  if (sizes.reduce((all, size) => all * size, whole.length) > Number.MAX_SAFE_INTEGER) {
    const keyOf = (table, row, number = 0) => [number, ...table.codes.map((codes) => codes[row])].join(",");
    return { keyOf, partsOf: (key) => key.split(",").map(Number) };
  }
  const [first] = whole;
  const keyOf = (table, row, number = 0) => {
    let key = number - first;
    for (let i = 0; i < sizes.length; i++) key = key * sizes[i] + table.codes[i][row];
    return key;
  };
  const partsOf = (key) => {
    const parts = [];
    let rest = key;
    for (let i = sizes.length - 1; i >= 0; i--) {
      parts.unshift(rest % sizes[i]);
      rest = Math.floor(rest / sizes[i]);
    }
    return [rest + first, ...parts];
  };
  return { keyOf, partsOf };
}

// The cells of a row: bucket, dimensions, metrics. What a figure is written as is found out when it is shown.
function tableCells(dataset, metrics, grain, [when, ...codes], read, onpick) {
  const day = grain && firstDayOf(when, grain);
  const time = grain ? [{ text: writeBucket(when, grain), value: when, plain: writeIsoDay(day) }] : [];
  const keys = codes.map((code, i) => {
    const text = dataset.dimensions[i].values[code];
    return { text, value: text, pick: () => onpick(i, { label: text, codes: [code], others: false }) };
  });
  const figures = metrics.map((metric) => {
    const value = read(metric);
    return {
      value,
      get text() {
        return estimateMark(metric) + writeExact(value, metric);
      },
    };
  });
  return [...time, ...keys, ...figures];
}
