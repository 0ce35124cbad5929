// The page's rows: buckets of time, filters, and measures added up into metrics. No elements here.

const MONTHS = { month: 1, quarter: 3, year: 12 };

// Buckets are numbered as in blocks/site/periods.py: bucket 0 holds 1 January 1970. Days are counted from it.
function bucket(day, grain) {
  if (grain === "day") return day;
  if (grain === "week") return Math.floor((day + 3) / 7);
  const date = new Date(day * DAY);
  return Math.floor(((date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()) / MONTHS[grain]);
}

function start(number, grain) {
  if (grain === "day") return number;
  if (grain === "week") return number * 7 - 3;
  return Date.UTC(1970, number * MONTHS[grain], 1) / DAY;
}

const finish = (number, grain) => start(number + 1, grain) - 1;

// Typed columns from the page's JSON; NaN stands for a missing number.
function prepare(dataset, grain) {
  dataset.tables.forEach((table) => {
    table.buckets = table.time && Int32Array.from(table.time, (day) => bucket(day, grain));
    table.codes = table.codes.map((column) => Int32Array.from(column));
    table.columns = table.columns.map((column) => Float64Array.from(column, (value) => value ?? NaN));
  });
  return dataset;
}

// Add up the rows of a range under filters. where: per dimension a Set of codes, or null for all.
// keyOf(table, row) names the group of a row (undefined leaves it out). Returns Map: group → {measure: total}.
function addUp(dataset, range, where, keyOf = () => "") {
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
  for (const totals of groups.values()) settle(totals, dataset);
  return groups;
}

function emptyTotals(dataset) {
  return Object.fromEntries(dataset.measures.map((m) => [m.name, m.function === "count_distinct" ? new Set() : null]));
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
function settle(totals, dataset) {
  for (const table of dataset.tables) {
    if (table.distinct) totals[table.distinct] = totals[table.distinct].size * table.scale;
  }
}

// A metric's value; null wherever SQL would say null, division by zero included.
function evaluate(formula, totals) {
  const [head, left, right] = formula;
  if (head === "number") return left;
  if (head === "measure") return totals?.[left] ?? null;
  const [a, b] = [evaluate(left, totals), evaluate(right, totals)];
  if (a === null || b === null || (head === "/" && b === 0)) return null;
  return { "+": a + b, "-": a - b, "*": a * b, "/": a / b }[head];
}

// Groups of a dimension's codes: the first `most` by a metric's size, in order, then all others in one.
function ranked(dataset, dimension, metric, range, where, most) {
  const groups = addUp(dataset, range, where, (table, row) => table.codes[dimension][row]);
  const values = [...groups].map(([code, totals]) => ({ code, v: evaluate(metric.formula, totals) }));
  const known = values.filter(({ v }) => v !== null).sort((a, b) => b.v - a.v || a.code - b.code);
  const texts = dataset.dimensions[dimension].values;
  const top = known.length > most + 1 ? known.slice(0, most) : known;
  const rest = known.slice(top.length).map(({ code }) => code);
  const found = top.map(({ code }) => ({ label: texts[code], codes: [code], others: false }));
  if (rest.length) found.push({ label: `${rest.length} others`, codes: rest, others: true });
  const places = new Map(found.flatMap((group, place) => group.codes.map((code) => [code, place])));
  return { groups: found, placeOf: (table, row) => places.get(table.codes[dimension][row]) };
}
