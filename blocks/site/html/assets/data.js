// The page's rows: filters over them, and measures added up into metrics. No elements here.

import { bucket } from "./periods.js";

/**
 * Typed columns from the page's JSON; NaN stands for a missing number.
 * @param {object} dataset as Python's page model has it
 * @param {string} grain of the rows' time
 * @returns {object} the same dataset, changed in place; answers: what was asked of it, by question;
 *   kept: what the filters asked of last leave
 */
export function prepare(dataset, grain) {
  dataset.tables.forEach((table) => {
    const numbers = new Map(); // rows have few days and each of them often
    const bucketOf = (day) => {
      if (!numbers.has(day)) numbers.set(day, bucket(day, grain));
      return numbers.get(day);
    };
    table.buckets = table.time && Int32Array.from(table.time, bucketOf);
    table.codes = table.codes.map((column) => Int32Array.from(column));
    table.columns = table.columns.map((column) => Float64Array.from(column, (value) => value ?? NaN));
  });
  dataset.timed = dataset.tables.some((table) => table.buckets);
  dataset.extent = extentOf(dataset.tables.flatMap(({ buckets }) => (buckets ? [buckets] : [])));
  dataset.answers = new Map();
  dataset.kept = {};
  return dataset;
}

// The first and the last bucket of some columns; null without any.
function extentOf(columns) {
  let [first, last] = [Infinity, -Infinity];
  for (const column of columns) {
    for (const bucket of column) {
      if (bucket < first) first = bucket;
      if (bucket > last) last = bucket;
    }
  }
  return first > last ? null : { first, last };
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
  for (const table of dataset.tables) {
    const rows = decideMoments(table, rowsOf(table, range, where), bucketOf);
    addTable(groups, dataset, table, rows, keyOf);
  }
  for (const totals of groups.values()) countDistinct(totals, dataset, keyOf !== ALL);
  return groups;
}

/** Add up totals of several groups without a distinct count or a balance into those of one. */
export function mergeTotals(dataset, list) {
  const merged = emptyTotals(dataset);
  for (const totals of list) {
    for (const { name, function: kind } of dataset.measures) {
      const [known, value] = [merged[name], totals[name]];
      if (known === null) merged[name] = value;
      else if (value !== null) merged[name] = FOLD[kind](known, value);
    }
  }
  return merged;
}

/** True if totals of groups can be merged. */
export function canMerge(dataset) {
  return dataset.tables.every((table) => !table.distinct && !table.balance);
}

// The rows of a table in a range, under filters.
function rowsOf(table, range, where) {
  const { found } = table;
  if (found && found.where === where && found.first === range.first && found.last === range.last)
    return found.rows;
  table.found = { ...range, where, rows: findRows(table, range, where) };
  return table.found.rows;
}

function findRows(table, range, where) {
  const { buckets, codes } = table;
  const sets = where.flatMap((kept, i) => (kept ? [[kept, codes[i]]] : []));
  const rows = new Int32Array(table.rows);
  let count = 0;
  for (let row = 0; row < table.rows; row++) {
    if (buckets && (buckets[row] < range.first || buckets[row] > range.last)) continue;
    if (sets.length && !sets.every(([kept, column]) => kept.has(column[row]))) continue;
    rows[count++] = row;
  }
  return rows.subarray(0, count);
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

// Add a table's rows to the groups that they fall into: first the group of each row, then column by column.
function addTable(groups, dataset, table, rows, keyOf) {
  const { numbers, totals } = groupRows(groups, dataset, table, rows, keyOf);
  if (table.distinct) {
    const [values] = table.columns;
    const sets = totals.map((each) => each[table.distinct]);
    rows.forEach((row, i) => sets[numbers[i]]?.add(values[row]));
    return;
  }
  let column = 0;
  for (const { name, function: kind, balance } of dataset.measures) {
    if (table.balance ? table.balance !== name : balance || kind === "count_distinct") continue;
    const sums = foldColumn(table.columns[table.balance ? 0 : column++], rows, numbers, totals.length, kind);
    totals.forEach((each, number) => {
      if (!Number.isNaN(sums[number])) each[name] = sums[number];
    });
  }
}

// The number of each row's group, -1 for none, and the totals of each group.
function groupRows(groups, dataset, table, rows, keyOf) {
  const [numbers, known, totals] = [new Int32Array(rows.length), new Map(), []];
  const numberOf = (key) => {
    let number = known.get(key);
    if (number === undefined) {
      number = totals.length;
      known.set(key, number);
      if (!groups.has(key)) groups.set(key, emptyTotals(dataset));
      totals.push(groups.get(key));
    }
    return number;
  };
  if (keyOf === ALL) {
    if (rows.length) numberOf("");
    return { numbers, totals };
  }
  for (let i = 0; i < rows.length; i++) {
    const key = keyOf(table, rows[i]);
    numbers[i] = key === undefined ? -1 : numberOf(key);
  }
  return { numbers, totals };
}

const FOLD = { sum: (a, b) => a + b, min: (a, b) => Math.min(a, b), max: (a, b) => Math.max(a, b) };

function foldColumn(column, rows, numbers, count, kind) {
  const sums = new Float64Array(count).fill(NaN);
  const fold = FOLD[kind];
  for (let i = 0; i < rows.length; i++) {
    const [value, number] = [column[rows[i]], numbers[i]];
    if (number < 0 || Number.isNaN(value)) continue;
    sums[number] = Number.isNaN(sums[number]) ? value : fold(sums[number], value);
  }
  return sums;
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
 * @param {Map<number, object>} totals of each value's code
 * @param {string[]} texts of the codes
 * @param {object} metric
 * @param {number} most groups before the others
 */
export function rank(totals, texts, metric, most) {
  const known = [...totals]
    .map(([code, of]) => ({ code, label: texts[code], v: evaluate(metric.formula, of) }))
    .filter(({ v }) => v !== null)
    .sort((a, b) => b.v - a.v || (a.label < b.label ? -1 : 1));
  const top = known.length > most + 1 ? known.slice(0, most) : known;
  const rest = known.slice(top.length).map(({ code }) => code);
  const groups = top.map(({ code, label }) => ({ label, codes: [code], others: false }));
  if (rest.length) groups.push({ label: `${rest.length} others`, codes: rest, others: true });
  return { groups, places: new Map(groups.flatMap((group, place) => group.codes.map((code) => [code, place]))) };
}
