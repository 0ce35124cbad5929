// The page's rows: filters over them, and measures added up into metrics. No elements here.

import { bucket } from "./periods.js";

/**
 * Typed columns from the page's JSON; NaN stands for a missing number.
 * @param {object} dataset as Python's page model has it
 * @param {string} grain of the rows' time
 * @returns {object} the same dataset, changed in place
 */
export function prepare(dataset, grain) {
  dataset.tables.forEach((table) => {
    table.buckets = table.time && Int32Array.from(table.time, (day) => bucket(day, grain));
    table.codes = table.codes.map((column) => Int32Array.from(column));
    table.columns = table.columns.map((column) => Float64Array.from(column, (value) => value ?? NaN));
  });
  dataset.timed = dataset.tables.some((table) => table.buckets);
  return dataset;
}

/**
 * Add up the rows of a range under filters.
 * @param {object} dataset
 * @param {{first: number, last: number}} range of buckets, both ends included
 * @param {Array<?Set<number>>} where per dimension the codes to keep, or null for all
 * @param {function(object, number): *} keyOf names the group of a table's row; undefined leaves the row out
 * @returns {Map<*, Object<string, ?number>>} group → measure → total
 */
export function addUp(dataset, range, where, keyOf = () => "") {
  const groups = new Map();
  const totalsOf = (key) => {
    if (!groups.has(key)) groups.set(key, emptyTotals(dataset));
    return groups.get(key);
  };
  for (const table of dataset.tables) {
    for (let row = 0; row < table.rows; row++) {
      if (table.buckets && (table.buckets[row] < range.first || table.buckets[row] > range.last)) continue;
      if (where.some((codes, i) => codes && !codes.has(table.codes[i][row]))) continue;
      const key = keyOf(table, row);
      if (key !== undefined) addRow(totalsOf(key), dataset, table, row);
    }
  }
  for (const totals of groups.values()) countDistinct(totals, dataset);
  return groups;
}

function emptyTotals(dataset) {
  return Object.fromEntries(
    dataset.measures.map((m) => [m.name, m.function === "count_distinct" ? new Set() : null]),
  );
}

function addRow(totals, dataset, table, row) {
  if (table.distinct) {
    totals[table.distinct].add(table.columns[0][row]);
    return;
  }
  let column = 0;
  for (const { name, function: kind } of dataset.measures) {
    if (kind === "count_distinct") continue;
    const value = table.columns[column++][row];
    if (Number.isNaN(value)) continue;
    const known = totals[name];
    if (known === null) totals[name] = value;
    else if (kind === "sum") totals[name] = known + value;
    else totals[name] = kind === "min" ? Math.min(known, value) : Math.max(known, value);
  }
}

// A distinct count of sampled values is scaled back up.
function countDistinct(totals, dataset) {
  for (const table of dataset.tables) {
    if (table.distinct) totals[table.distinct] = totals[table.distinct].size * table.scale;
  }
}

/** The totals of a dataset over no rows: a distinct count is 0 then, every other measure null. */
export function totalsOfNothing(dataset) {
  return Object.fromEntries(
    dataset.measures.map((m) => [m.name, m.function === "count_distinct" ? 0 : null]),
  );
}

/**
 * A metric's value; null wherever SQL would say null, division by zero included.
 * @param {Array} formula ["number", 2], ["measure", "orders"] ["fill", part, 0] or [one of + - * /, left, right]
 * @param {Object<string, ?number>} totals measure → total
 * @returns {?number}
 */
export function evaluate(formula, totals) {
  const [head, left, right] = formula;
  if (head === "number") return left;
  if (head === "measure") return totals[left] ?? null;
  if (head === "fill") return evaluate(left, totals) ?? right;
  const [a, b] = [evaluate(left, totals), evaluate(right, totals)];
  if (a === null || b === null || (head === "/" && b === 0)) return null;
  return { "+": a + b, "-": a - b, "*": a * b, "/": a / b }[head];
}

/**
 * Groups of a dimension's values: the first ones by a metric's size, in order, then all others in one.
 * @param {object} dataset
 * @param {number} dimension its place in the dataset
 * @param {object} metric
 * @param {{first: number, last: number}} range
 * @param {Array<?Set<number>>} where
 * @param {number} most groups before the others; one more is shown rather than "1 others"
 * @returns {{groups: Array<{label: string, codes: number[], others: boolean}>, placeOf: Function}}
 */
export function rank(dataset, dimension, metric, range, where, most) {
  const totals = addUp(dataset, range, where, (table, row) => table.codes[dimension][row]);
  const texts = dataset.dimensions[dimension].values;
  const known = [...totals]
    .map(([code, of]) => ({ code, label: texts[code], v: evaluate(metric.formula, of) }))
    .filter(({ v }) => v !== null)
    .sort((a, b) => b.v - a.v || (a.label < b.label ? -1 : 1));
  const top = known.length > most + 1 ? known.slice(0, most) : known;
  const rest = known.slice(top.length).map(({ code }) => code);
  const groups = top.map(({ code, label }) => ({ label, codes: [code], others: false }));
  if (rest.length) groups.push({ label: `${rest.length} others`, codes: rest, others: true });
  const places = new Map(groups.flatMap((group, place) => group.codes.map((code) => [code, place])));
  return { groups, placeOf: (table, row) => places.get(table.codes[dimension][row]) };
}
