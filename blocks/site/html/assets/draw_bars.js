// Horizontal bars in the order of the rows: values at the right, a mark for the value before.

import { makeElement } from "./elements.js";
import { barPath, makeScale, makeShape } from "./svg.js";

const BAR = 34; // pixels a bar
const VALUES = 84; // for the texts at the right

/** The least and the greatest value that set the bars' scale: those of the groups, not what all others add up to. */
export function barDomain(rows) {
  const own = rows.filter(({ others }) => !others);
  const values = (own.length ? own : rows).flatMap(({ v, previous }) => [v, previous ?? v]);
  return { low: Math.min(0, ...values), high: Math.max(0, ...values) };
}

/** Draw bars; data: rows with label, v, previous, text, tip, others. */
export function drawBars(host, { rows, label }, { width }) {
  const labels = Math.min(150, Math.max(60, width * 0.32));
  const { low, high } = barDomain(rows);
  const place = makeScale(low, high, labels + 8, Math.max(width - VALUES, labels + 28));
  const x = (value) => place(Math.min(Math.max(value, low), high));
  const height = rows.length * BAR;
  const [names, bars, ticks, texts] = ["role-axis-label", "mark-rect", "mark-tick", "mark-text"].map((kind) =>
    makeShape("g", { class: kind }),
  );
  const marks = rows.map((row, i) => {
    const top = i * BAR;
    names.append(nameOf(row.label, labels, top));
    const fill = `var(--series-${row.others ? 7 : 1})`;
    const path = barPath(x(0), x(row.v), top + BAR * 0.18, BAR * 0.64);
    const element = makeShape("path", { d: path, fill, class: "acts" });
    bars.append(element);
    if (row.v > high || row.v < low) ticks.append(cutMark(x(row.v), top));
    if (row.previous !== null) ticks.append(tickOf(x(row.previous), top));
    texts.append(makeShape("text", { x: width, y: top + BAR / 2, class: "bar-value" }, row.text));
    return { element, tip: row.tip, place: row.place };
  });
  const size = { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label };
  host.append(
    makeElement("div", { class: "chart-wrapper" }, makeShape("svg", size, names, bars, ticks, texts)),
  );
  return marks;
}

function nameOf(label, room, top) {
  const most = Math.floor(room / 6.6);
  const text = label.length > most ? `${label.slice(0, most - 1)}…` : label;
  const written = makeShape("text", { x: room, y: top + BAR / 2 }, text);
  return text === label ? written : makeShape("g", {}, makeShape("title", {}, label), written);
}

function tickOf(x, top) {
  return makeShape("rect", { x: x - 1, y: top + BAR * 0.08, width: 2, height: BAR * 0.84 });
}

// Two strokes through the end of a bar that is longer than there is room for.
function cutMark(x, top) {
  const [from, to] = [top + BAR * 0.1, top + BAR * 0.9];
  const d = `M${x - 14},${to}L${x - 8},${from}M${x - 9},${to}L${x - 3},${from}`;
  return makeShape("path", { d, class: "cut", "aria-hidden": "true" });
}
