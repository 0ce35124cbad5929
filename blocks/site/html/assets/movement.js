// A metric's change cut into what each member of a dimension did; Python's metric_change.py does the same, to the same
// cases. Parts add up to the whole as they are shown. No elements here.

import { evaluate, cutFloatNoise } from "./data.js";
import { writeCount } from "./number_format.js";
import { measuresIn, totalsByCode, valueIn, valueOf } from "./rows.js";

/** How many members are shown one by one, and how many dimensions. */
export const MOST_MOVERS = 5;
const MOST_DIMENSIONS = 3;
const MOST_COUNTED = 3; // members by which dimensions are compared

// A formula's value where a measure without rows is 0.
function compute(formula, totals = {}) {
  const zeroed = Object.fromEntries(Object.entries(totals).map(([name, value]) => [name, value ?? 0]));
  return evaluate(formula, new Proxy(zeroed, { get: (known, name) => known[name] ?? 0 }));
}

const isNumber = ([head]) => head === "number";

// How a formula with parts that add up adds up itself.
const ADDITIVE = {
  measure: () => true,
  fill: (inner, value) => value === 0 && isAdditive(inner),
  coalesce: (inner, rest) => isNumber(rest) && rest[1] === 0 && isAdditive(inner),
  "+": (left, right) => isAdditive(left) && isAdditive(right),
  "-": (left, right) => isAdditive(left) && isAdditive(right),
  "*": (left, right) => (isNumber(left) ? isAdditive(right) : isNumber(right) && isAdditive(left)),
  "/": (left, right) => isNumber(right) && isAdditive(left),
};

function isAdditive([head, ...parts]) {
  return ADDITIVE[head]?.(...parts) ?? false;
}

// What is counted with a number at its left or at its right, and how much its change is multiplied by that.
const SCALED = {
  left: { "*": (by) => by, "+": () => 1, "-": () => -1 },
  right: { "*": (by) => by, "/": (by) => by && 1 / by, "+": () => 1, "-": () => 1 },
};

// The ratio of two sums that a formula is made of, and what it is times; null for any other formula.
function findRatio([head, left, right]) {
  if (head === "/" && isAdditive(left) && isAdditive(right)) return { factor: 1, top: left, bottom: right };
  if (!SCALED.right[head]) return null;
  const [inner, by, side] = isNumber(left) ? [right, left[1], "left"] : [left, right[1], "right"];
  const factor = side === "left" || isNumber(right) ? SCALED[side][head]?.(by) : 0;
  const found = factor ? findRatio(inner) : null;
  return found && { ...found, factor: found.factor * factor };
}

/**
 * The change of a figure by member; null for a formula whose change can't be cut so.
 * @param {Array} formula of sums
 * @param {Map<*, object>} before member → totals
 * @param {Map<*, object>} after
 * @returns {?Array<{member: *, rate: number, mix: number, kind: string}>} kind: new, gone or nothing; of what adds up
 *   all is in rate
 */
export function divide(formula, before, after) {
  const members = [...new Set([...before.keys(), ...after.keys()])];
  const kindOf = (member) => (!before.has(member) ? "new" : !after.has(member) ? "gone" : "");
  if (isAdditive(formula)) {
    return members.map((member) => {
      const [old, now] = [before, after].map((side) => compute(formula, side.get(member)));
      return { member, rate: now - old, mix: 0, kind: kindOf(member) };
    });
  }
  const ratio = findRatio(formula);
  const sides = ratio && [before, after].map((side) => sumRatioParts(ratio, members, side));
  if (!sides?.every(({ whole }) => whole)) return null;
  return members.map((member, i) => ({ member, ...partOf(ratio, sides, i), kind: kindOf(member) }));
}

// What members add to a ratio's numerator and denominator.
function sumRatioParts({ top, bottom }, members, side) {
  const [tops, bottoms] = [top, bottom].map((each) =>
    members.map((member) => compute(each, side.get(member)) ?? 0),
  );
  const add = (values) => values.reduce((sum, value) => sum + value, 0);
  return { tops, bottoms, whole: add(bottoms), mean: add(tops) / add(bottoms) };
}

// A member's own rate at its mean weight, and its weight at its mean rate; of one that is new or gone all is mix.
function partOf({ factor }, [before, after], i) {
  const mean = (before.mean + after.mean) / 2;
  const [share0, share1] = [before, after].map(({ tops, whole }) => tops[i] / whole);
  const [weight0, weight1] = [before, after].map(({ bottoms, whole }) => bottoms[i] / whole);
  const isThere = weight0 !== 0 && weight1 !== 0;
  const rate = isThere ? ((weight0 + weight1) / 2) * (share1 / weight1 - share0 / weight0) : 0;
  const mix = share1 - share0 - rate - mean * (weight1 - weight0);
  return { rate: factor * rate, mix: factor * mix };
}

const wholeOf = ({ rate, mix }) => rate + mix;

/** How much of a change the few members explain that moved least as the whole did. */
export function measureUnevenness(formula, parts, before, old, now) {
  const evenOf = (member) =>
    isAdditive(formula) && old ? (compute(formula, before.get(member)) / old) * (now - old) : 0;
  const uneven = parts.map((part) => Math.abs(wholeOf(part) - evenOf(part.member)));
  return uneven
    .sort((a, b) => b - a)
    .slice(0, MOST_COUNTED)
    .reduce((sum, value) => sum + value, 0);
}

/** A figure in whole steps, halves away from zero. */
export function roundValue(value, step) {
  return (Math.sign(value) * Math.round(cutFloatNoise(Math.abs(value) / step))) / Math.round(1 / step);
}

/** Parts in whole steps that add up to a whole, which may itself be a step off: those that lose most are rounded up. */
export function roundParts(parts, whole, step) {
  const units = parts.map((part) => cutFloatNoise(part / step));
  const counts = units.map(Math.floor);
  const order = counts.map((_count, i) => i).sort((a, b) => counts[a] - units[a] - (counts[b] - units[b]));
  const missing = Math.round(whole / step) - counts.reduce((sum, count) => sum + count, 0);
  const each = Math.floor(missing / parts.length);
  order.forEach((at, place) => (counts[at] += each + (place < missing - each * parts.length ? 1 : 0)));
  return counts.map((count) => count / Math.round(1 / step));
}

// The steps in which a metric's figures are shown.
function stepOf({ form, unit }, ...values) {
  if (form === "percent") return 0.0001;
  return unit || values.some((value) => Math.abs(value) >= 1) ? 0.01 : 0.0001;
}

/**
 * Why a metric is not what it was, by the dimensions that explain most.
 * @param {object} view
 * @param {{first: number, last: number}} then a range of buckets
 * @param {{first: number, last: number}} now
 * @returns {?{before: number, after: number, change: number, step: number, dimensions: object[]}} null where one of them
 *   has no value; dimensions: those whose parts add up to the change
 */
export function explain(view, then, now) {
  const { dataset, metric } = view;
  const values = [then, now].map((range) => valueIn(view, range));
  if (values.includes(null)) return null;
  const step = stepOf(metric, ...values);
  const [before, after] = values.map((value) => roundValue(value, step));
  const change = roundValue(after - before, step);
  const dimensions = dataset.dimensions
    .flatMap((_dimension, i) => explainBy(view, i, [then, now], values) ?? [])
    .sort((a, b) => b.uneven - a.uneven)
    .slice(0, MOST_DIMENSIONS)
    .map((found) => ({ ...found, movers: roundMovers(found.movers, change, step) }));
  return { before, after, change, step, dimensions };
}

function explainBy(view, dimension, ranges, [old, now]) {
  const { metric } = view;
  const sides = ranges.map((range) => totalsByCode(view, range, dimension));
  const parts = divide(metric.formula, ...sides);
  if (!parts || parts.length < 2) return null;
  const sum = parts.reduce((all, part) => all + wholeOf(part), 0);
  const size = parts.reduce((all, part) => all + Math.abs(wholeOf(part)), Math.abs(old) + Math.abs(now));
  if (Math.abs(sum - (now - old)) > 1e-6 * size) return null; // such as balances of groups
  const uneven = measureUnevenness(metric.formula, parts, sides[0], old, now);
  const moved = parts.filter(({ rate, mix }) => Math.abs(rate) + Math.abs(mix) > 1e-12 * size);
  return { dimension, uneven, movers: listMovers(view, dimension, moved, sides) };
}

// The measures of a metric of several members, which are sums.
function addTotals({ formula }, list) {
  const found = (name) => list.flatMap((totals) => totals[name] ?? []);
  const add = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) : null);
  return Object.fromEntries(measuresIn(formula).map((name) => [name, add(found(name))]));
}

// The members that did most, and all others as one.
function listMovers({ dataset, metric }, dimension, moved, sides) {
  const texts = dataset.dimensions[dimension].values;
  const order = moved.sort(
    (a, b) => Math.abs(wholeOf(b)) - Math.abs(wholeOf(a)) || (texts[a.member] < texts[b.member] ? -1 : 1),
  );
  const [shown, others] = [order.slice(0, MOST_MOVERS), order.slice(MOST_MOVERS)];
  const read = (codes, side) => {
    const totals = codes.flatMap((code) => side.get(code) ?? []);
    return valueOf(metric, totals.length > 1 ? addTotals(metric, totals) : totals[0]);
  };
  const add = (list, name) => list.reduce((sum, part) => sum + part[name], 0);
  const make = (label, list, kind = "") => {
    const codes = list.map(({ member }) => member);
    const [before, after] = sides.map((side) => read(codes, side));
    return { label, codes, kind, before, after, rate: add(list, "rate"), mix: add(list, "mix") };
  };
  const rows = shown.map((part) => make(texts[part.member], [part], part.kind));
  return others.length
    ? [...rows, { ...make(`${writeCount(others.length)} others`, others), others: true }]
    : rows;
}

// Each with its change as it is shown, and what of it is its own rate's and the mix's.
function roundMovers(movers, change, step) {
  const changes = roundParts(movers.map(wholeOf), change, step);
  return movers.map((mover, i) => {
    const mix = roundValue(mover.mix, step);
    return { ...mover, change: changes[i], mix, rate: roundValue(changes[i] - mix, step) };
  });
}
