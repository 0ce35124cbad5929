// The page's rows: filters over them, and measures added up into metrics. No elements here.

import { writeCount } from "./number_format.js";
import { findBucket } from "./periods.js";

/**
 * Typed columns from the page's JSON; NaN stands for a missing number.
 * @param {object} dataset as Python's page model has it
 * @param {string} grain of the rows' time
 * @returns {object} the same dataset, changed in place; answers: what was asked of it, by question;
 *   kept: what the filters asked of last leave
 */
export function prepareDataset(dataset, grain) {
  dataset.tables.forEach((table) => {
    const numbers = new Map(); // rows have few days and each of them often
    const bucketOf = (day) => {
      if (!numbers.has(day)) numbers.set(day, findBucket(day, grain));
      return numbers.get(day);
    };
    table.buckets = table.time && Int32Array.from(table.time, bucketOf);
    table.codes = table.codes.map((column) => Int32Array.from(column));
    table.columns = table.columns.map((column) => Float64Array.from(column, (value) => value ?? NaN));
  });
  dataset.timed = dataset.tables.some((table) => table.buckets);
  dataset.extent = extentOf(dataset.tables.flatMap(({ buckets }) => (buckets ? [buckets] : [])));
  dataset.last = (dataset.until ?? null) === null ? Infinity : findBucket(dataset.until, grain);
  dataset.answers = new Map();
  dataset.kept = {};
  return dataset;
}

// The first and the last bucket of some columns; null without any.
function extentOf(columns) {
  let [first, last] = [Infinity, -Infinity];
  for (const column of columns) {
    for (const number of column) {
      if (number < first) first = number;
      if (number > last) last = number;
    }
  }
  return first > last ? null : { first, last };
}

// All rows in one group.
const ALL = () => "";
const EVER = { first: -Infinity, last: Infinity };

/**
 * Add up the rows of a range under filters.
 * @param {object} dataset
 * @param {{first: number, last: number}} range of buckets, both ends included
 * @param {Array<?Set<number>>} where per dimension the codes to keep, or null for all
 * @param {function(object, number, number=): *} keyOf names the group of a table's row, which counts in a bucket of
 *   `time`; undefined leaves the row out
 * @param {?object} time the buckets that the groups are of, as `Selection.time` has them; null: none
 * @returns {Map<*, Object<string, ?number>>} group → measure → total
 */
export function addUp(dataset, range, where, keyOf = ALL, time = null) {
  // marks: totals → the times of the rows in them, "" for the one that is shown
  const into = { dataset, keyOf, time, groups: new Map(), marks: new Map() };
  for (const table of dataset.tables) if (isAsked(table, time)) addShownTime(into, table, range, where);
  if (time) addShifted(into, where);
  const gathered = dataset.measures.filter((measure) => OF_VALUES[measure.function]);
  for (const [totals, own] of into.marks) {
    if (!own.has("")) ELSEWHERE.add(totals);
    if (!gathered.length) continue;
    countDistinct(totals, dataset, time, keyOf !== ALL && own);
    findPercentiles(totals, dataset);
  }
  return into.groups;
}

// A table's rows of the time that is shown.
function addShownTime(into, table, range, where) {
  const { dataset, keyOf, time } = into;
  const rows = rowsOf(table, table.grouped && !time ? endOf(dataset, range) : range, where);
  const buckets = time && rows.map((row) => time.bucketOf(table, row));
  const part = { mark: table.grouped ? table.balance : "", columns: columnsOf(dataset, table, "") };
  addTable(into, table, { ...part, ...decideMoments(table, rows, buckets, keyOf) });
}

// Totals of rows of other times alone: there are none of the time that is shown.
const ELSEWHERE = new WeakSet();

/** True if there are rows behind totals, of the time that they are shown for. */
export function hasRows(totals) {
  return Boolean(totals) && !ELSEWHERE.has(totals);
}

// A cumulative measure has two tables: a day for each bucket, and, for no bucket in particular, the end of each.
function isAsked(table, time) {
  return !table.grouped || Boolean(time ? table.perBucket : table.atEnd);
}

// What is as of the end of a range is as of the end of the data, if that is sooner.
function endOf(dataset, range) {
  const last = Math.min(range.last, dataset.last);
  return { first: Math.max(range.first, last), last };
}

// Measures that compare: rows of other buckets, whenever they are, count in the buckets that show them.
function addShifted(into, where) {
  const { dataset, keyOf, time } = into;
  const shifts = dataset.measures.flatMap(({ shift }) => (shift ? [[shift.mark, shift]] : []));
  for (const [mark, shift] of new Map(shifts)) {
    const showing = time.showing(shift, dataset.last);
    for (const table of dataset.tables) {
      const columns = columnsOf(dataset, table, mark);
      if (!columns.length) continue;
      const [rows, buckets] = [[], []];
      for (const row of findRows(table, EVER, where)) {
        for (const number of showing(table, row)) {
          rows.push(row);
          buckets.push(number);
        }
      }
      // a balance counts at the last moment of the bucket that is shown, of which rows of several may be
      const decided = decideMoments(table, Int32Array.from(rows), Int32Array.from(buckets), keyOf);
      addTable(into, table, { mark, columns, ...decided });
    }
  }
}

// The measures of a time that a table has, each with its column.
function columnsOf(dataset, table, mark) {
  const single = table.distinct ?? table.balance;
  const isPlain = (m) => !m.shift && !m.balance && !OF_VALUES[m.function];
  const names = single ? [single] : dataset.measures.filter(isPlain).map(({ name }) => name);
  return dataset.measures.flatMap((measure) => {
    const column = names.indexOf(measure.column ?? measure.name);
    return column >= 0 && (measure.shift?.mark ?? "") === mark ? [[measure, column]] : [];
  });
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

// Of a balance's rows, each in a bucket, those at the bucket's last moment (or first): of all that is shown, or of
// their group. buckets: null for none.
function decideMoments(table, rows, buckets, keyOf) {
  if (!table.balance) return { rows, buckets };
  const [, moments, within] = table.columns;
  const decisive = new Map();
  const parts = Array.from(rows, (row, i) => {
    const group = table.grouped ? keyOf(table, row, buckets?.[i]) : "";
    return `${buckets ? buckets[i] : ""},${within[row]},${group}`;
  });
  rows.forEach((row, i) => {
    const known = decisive.get(parts[i]);
    const later = known === undefined || (table.last ? moments[row] > known : moments[row] < known);
    if (later) decisive.set(parts[i], moments[row]);
  });
  const isKept = (_value, i) => decisive.get(parts[i]) === moments[rows[i]];
  return { rows: rows.filter(isKept), buckets: buckets && buckets.filter(isKept) };
}

// Measures of which a group needs all the values: what they are gathered in.
const OF_VALUES = { count_distinct: () => new Set(), percentile: () => [] };

function emptyTotals(dataset) {
  const totals = {};
  for (const measure of dataset.measures) totals[measure.name] = OF_VALUES[measure.function]?.() ?? null;
  return totals;
}

// Add a table's rows to the groups that they fall into: first the group of each row, then column by column.
function addTable(into, table, { rows, buckets, columns, mark }) {
  const { numbers, totals } = groupRows(into, table, rows, buckets);
  const alone = new Set([mark]);
  for (const each of totals) {
    const known = into.marks.get(each);
    if (!known) into.marks.set(each, alone);
    else if (!known.has(mark)) into.marks.set(each, new Set([...known, mark]));
  }
  for (const [{ name, function: kind }, place] of columns) {
    const column = table.columns[place];
    if (kind === "count_distinct") {
      const sets = totals.map((each) => each[name]);
      rows.forEach((row, i) => sets[numbers[i]]?.add(column[row]));
      continue;
    }
    if (kind === "percentile") {
      const counts = table.columns[place + 1];
      rows.forEach((row, i) => totals[numbers[i]]?.[name].push([column[row], counts[row]]));
      continue;
    }
    const sums = foldColumn(column, rows, numbers, totals.length, kind);
    totals.forEach((each, number) => {
      if (!Number.isNaN(sums[number])) each[name] = sums[number];
    });
  }
}

// The number of each row's group, -1 for none, and the totals of each group.
function groupRows({ groups, dataset, keyOf }, table, rows, buckets) {
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
    const key = keyOf(table, rows[i], buckets?.[i]);
    numbers[i] = key === undefined ? -1 : numberOf(key);
  }
  return { numbers, totals };
}

const FOLD = { sum: (a, b) => a + b, min: (a, b) => Math.min(a, b), max: (a, b) => Math.max(a, b) };

function foldColumn(column, rows, numbers, count, kind) {
  const sums = new Float64Array(count).fill(NaN);
  const fold = FOLD[kind];
  for (let i = 0; i < rows.length; i++) {
    const value = column[rows[i]]; // not both in one: it would make an array for each row
    const number = numbers[i];
    if (number < 0 || Number.isNaN(value)) continue;
    sums[number] = Number.isNaN(sums[number]) ? value : fold(sums[number], value);
  }
  return sums;
}

// A distinct count of sampled values is scaled back up. In a group without rows of its time it is null, and, with a
// filter, in one without a value. own: the times of a group's rows, false for all in one.
function countDistinct(totals, dataset, time, own) {
  for (const { name, function: kind, column = name, shift, filtered } of dataset.measures) {
    if (kind !== "count_distinct") continue;
    const { size } = totals[name];
    const isThere = !own || size > 0 || (!filtered && own.has(shift?.mark ?? ""));
    const table = dataset.tables.find((each) => each.distinct === column && isAsked(each, time));
    totals[name] = isThere ? size * (table?.scale ?? 1) : null;
  }
}

// Gathered values, each with how many rows have it, become one of them, or a number between two; null without any.
function findPercentiles(totals, dataset) {
  for (const { name, percentile } of dataset.measures) {
    if (percentile) totals[name] = percentileOf(totals[name], percentile);
  }
}

function percentileOf(values, { at, discrete }) {
  if (!values.length) return null;
  values.sort(([a], [b]) => a - b);
  const size = values.reduce((sum, [, count]) => sum + count, 0);
  let [place, before] = [0, 0];
  const valueAt = (number) => {
    while (before + values[place][1] <= number) before += values[place++][1];
    return values[place][0];
  };
  // 0.1 of 30 is 3.0000000000000004
  if (discrete) return valueAt(Math.max(Math.ceil(at * size - 1e-9), 1) - 1);
  const position = at * (size - 1);
  const low = valueAt(Math.floor(position));
  return low + (valueAt(Math.ceil(position)) - low) * (position - Math.floor(position));
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
  round_binary: (a, digits) =>
    (Math.sign(a) * Math.round(Math.abs(cutFloatNoise(a)) * 10 ** digits)) / 10 ** digits,
};

/** A number without what adding up many rows leaves in its last digits: 41.849999999999994 is to be rounded as 41.85. */
export function cutFloatNoise(number) {
  return Number(number.toPrecision(13));
}

// Half away from zero, by the decimal digits that a number is written with.
function roundDecimal(a, digits) {
  const text = String(Math.abs(cutFloatNoise(a)));
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
export function rankGroups(totals, texts, metric, most) {
  const known = [...totals]
    .map(([code, of]) => ({ code, label: texts[code], v: evaluate(metric.formula, of) }))
    .filter(({ v }) => v !== null)
    .sort((a, b) => b.v - a.v || (a.label < b.label ? -1 : 1));
  const top = known.length > most + 1 ? known.slice(0, most) : known;
  const rest = known.slice(top.length).map(({ code }) => code);
  const groups = top.map(({ code, label }) => ({ label, codes: [code], others: false }));
  if (rest.length) groups.push({ label: `${writeCount(rest.length)} others`, codes: rest, others: true });
  return {
    groups,
    places: new Map(groups.flatMap((group, place) => group.codes.map((code) => [code, place]))),
  };
}
