// Stacked bars over time; those of unfinished time pale and with a dotted edge.

import { makeElement } from "./elements.js";
import { frameOf, timeLabels } from "./draw_time.js";
import { makeShape } from "./svg.js";

/** Where each part of a bar begins and ends: those above zero upwards, those below downwards, in order of place. */
export function stackRows(rows) {
  const ends = new Map();
  const ordered = [...rows].sort((a, b) => a.when - b.when || a.place - b.place);
  return ordered.map((row) => {
    const end = ends.get(row.when) ?? [0, 0];
    ends.set(row.when, end);
    const side = row.v < 0 ? 0 : 1;
    const from = end[side];
    end[side] = from + row.v;
    return { ...row, from, to: end[side] };
  });
}

/** Draw stacked bars; data: rows with when, place, v, slot, tip, partial; buckets: every moment there is a place for. */
export function drawStacked(host, { rows, metric, buckets, ticks, label }, size) {
  const parts = stackRows(rows);
  const frame = frameOf(
    parts.flatMap(({ from, to }) => [from, to]),
    metric,
    size,
  );
  const band = (frame.right - frame.left) / Math.max(buckets.length, 1);
  const places = new Map(buckets.map((when, i) => [when, frame.left + i * band + band * 0.12]));
  const wide = Math.max(Math.min(band * 0.76, 90), 1);
  const inset = (band * 0.76 - wide) / 2;
  const bars = makeShape("g", { class: "mark-rect" });
  const marks = parts.map(({ when, from, to, slot, tip, place, partial }) => {
    const [top, bottom] = [frame.y(Math.max(from, to)), frame.y(Math.min(from, to))];
    const [x, y] = [places.get(when) + inset, top];
    const d = `M${x},${y}h${wide}v${bottom - top}h${-wide}Z`;
    const name = `acts${partial ? " partial" : ""}`;
    const element = makeShape("path", {
      d,
      fill: `var(--series-${slot + 1})`,
      class: name,
      "data-when": when,
    });
    bars.append(element);
    return { element, tip, place };
  });
  const x = (t) => places.get(t) + inset + wide / 2;
  const known = ticks.filter(({ t }) => places.has(t));
  const area = { width: size.width, height: size.height, viewBox: `0 0 ${size.width} ${size.height}` };
  const group = { ...area, role: "group", "aria-label": label };
  const svg = makeShape("svg", group, frame.grid, bars, frame.labels, timeLabels(known, x, frame));
  host.append(makeElement("div", { class: "chart-wrapper" }, svg));
  return marks;
}
