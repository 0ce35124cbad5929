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

// All rows in one group.
const ALL = () => "";

/**
 * Add up the rows of a range under filters.
 * @param {object} dataset
 * @param {{first: number, last: number}} range of buckets, both ends included
 * @param {Array<?Set<number>>} where per dimension the codes to keep, or null for all
 * @param {function(object, number): *} keyOf names the group of a table's row; undefined leaves the row out
 * @param {function(object, number): *} bucketOf the time that the groups are of, if they are of several
 * @returns {Map<*, Object<string, ?number>>} group → measure → total
 */
export function addUp(dataset, range, where, keyOf = ALL, bucketOf = ALL) {
  const groups = new Map();
  const totalsOf = (key) => {
    if (!groups.has(key)) groups.set(key, emptyTotals(dataset));
    return groups.get(key);
  };
  for (const table of dataset.tables) {
    const rows = decideMoments(table, rowsOf(table, range, where), bucketOf);
    for (const row of rows) {
      const key = keyOf(table, row);
      if (key !== undefined) addRow(totalsOf(key), dataset, table, row);
    }
  }
  for (const totals of groups.values()) countDistinct(totals, dataset, keyOf !== ALL);
  return groups;
}

// The rows of a table in a range, under filters.
function rowsOf(table, range, where) {
  const rows = [];
  for (let row = 0; row < table.rows; row++) {
    if (table.buckets && (table.buckets[row] < range.first || table.buckets[row] > range.last)) continue;
    if (where.some((codes, i) => codes && !codes.has(table.codes[i][row]))) continue;
    rows.push(row);
  }
  return rows;
}

// Of a balance's rows those at the last moment (or the first) of their bucket, whatever group they fall into.
function decideMoments(table, rows, bucketOf) {
  if (!table.balance) return rows;
  const [, moments, within] = table.columns;
  const decisive = new Map();
  const keyOf = (row) => `${bucketOf(table, row)},${within[row]}`;
  for (const row of rows) {
    const key = keyOf(row);
    const known = decisive.get(key);
    const later = known === undefined || (table.last ? moments[row] > known : moments[row] < known);
    if (later) decisive.set(key, moments[row]);
  }
  return rows.filter((row) => decisive.get(keyOf(row)) === moments[row]);
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
  for (const { name, function: kind, balance } of dataset.measures) {
    if (table.balance ? table.balance !== name : balance || kind === "count_distinct") continue;
    const value = table.columns[table.balance ? 0 : column++][row];
    if (Number.isNaN(value)) continue;
    const known = totals[name];
    if (known === null) totals[name] = value;
    else if (kind === "sum") totals[name] = known + value;
    else totals[name] = kind === "min" ? Math.min(known, value) : Math.max(known, value);
  }
}

// A distinct count of sampled values is scaled back up. One with a filter is null for a group without a value.
function countDistinct(totals, dataset, grouped) {
  const filtered = new Set(dataset.measures.filter((m) => m.filtered).map(({ name }) => name));
  for (const { distinct, scale } of dataset.tables) {
    if (!distinct) continue;
    const { size } = totals[distinct];
    totals[distinct] = size === 0 && grouped && filtered.has(distinct) ? null : size * scale;
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
 * @param {Array} formula ["number", 2], ["measure", "orders"] ["fill", part, 0], [one of + - * /, left, right] or
 *   a function with its parts; a condition is 1, 0 or null
 * @param {Object<string, ?number>} totals measure → total
 * @returns {?number}
 */
export function evaluate(formula, totals) {
  const [head, left, right] = formula;
  if (head === "number") return left;
  if (head === "measure") return totals[left] ?? null;
  if (head === "fill") return evaluate(left, totals) ?? right;
  if (head === "case") return evaluateCase(formula.slice(1), totals);
  const parts = formula.slice(1).map((part) => evaluate(part, totals));
  if (LENIENT[head]) return LENIENT[head](parts);
  const [a, b] = parts;
  if (parts.includes(null) || (head === "/" && b === 0)) return null;
  return STRICT[head](a, b);
}

function evaluateCase(parts, totals) {
  for (let i = 0; i + 1 < parts.length; i += 2) {
    if (evaluate(parts[i], totals) === 1) return evaluate(parts[i + 1], totals);
  }
  return parts.length % 2 ? evaluate(parts.at(-1), totals) : null;
}

// What has a value though a part of it is null.
const LENIENT = {
  null: () => null,
  coalesce: (parts) => parts.find((part) => part !== null) ?? null,
  is_null: ([a]) => Number(a === null),
  and: (parts) => (parts.includes(0) ? 0 : parts.includes(null) ? null : 1),
  or: (parts) => (parts.includes(1) ? 1 : parts.includes(null) ? null : 0),
};

// What is null where a part of it is.
const STRICT = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "=": (a, b) => Number(a === b),
  "<>": (a, b) => Number(a !== b),
  "<": (a, b) => Number(a < b),
  "<=": (a, b) => Number(a <= b),
  ">": (a, b) => Number(a > b),
  ">=": (a, b) => Number(a >= b),
  not: (a) => Number(a === 0),
  abs: (a) => Math.abs(a),
  floor: (a) => Math.floor(a),
  ceil: (a) => Math.ceil(a),
  round: roundDecimal,
  round_binary: (a, digits) => (Math.sign(a) * Math.round(Math.abs(tidy(a)) * 10 ** digits)) / 10 ** digits,
};

// Without what adding up many rows leaves in the last digits: 41.849999999999994 is to be rounded as 41.85.
function tidy(number) {
  return Number(number.toPrecision(13));
}

// Half away from zero, by the decimal digits that a number is written with.
function roundDecimal(a, digits) {
  const text = String(Math.abs(tidy(a)));
  if (text.includes("e")) return STRICT.round_binary(a, digits);
  return Math.sign(a) * Number(`${Math.round(Number(`${text}e${digits}`))}e${-digits}`);
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
