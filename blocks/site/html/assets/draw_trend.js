// Lines over time: solid; dotted where a bucket is not finished; dashed grey for the period before.

import { makeElement } from "./elements.js";
import { annotationMarks, frameOf, referenceLines, timeLabels } from "./draw_time.js";
import { makeScale, makeShape } from "./svg.js";

/**
 * Draw lines.
 * @param {HTMLElement} host
 * @param {object} data rows with t, v, slot, kind, part, fill, tip and lone; metric; domain [from, to] in
 *   milliseconds; ticks; references; annotations
 * @param {{width: number, height: number}} size
 */
export function drawTrend(host, data, size) {
  const { rows, metric, domain, ticks, references = [], annotations = [], label, most } = data;
  const values = most ?? [...rows.map(({ v }) => v), ...references.map(({ value }) => value)];
  const frame = frameOf(values, metric, size);
  const x = makeScale(domain[0], domain[1], frame.left + 4, frame.right - 4);
  const parts = new Map();
  for (const row of rows) {
    if (!parts.has(row.part)) parts.set(row.part, []);
    parts.get(row.part).push(row);
  }
  const lines = makeShape("g", { class: "mark-line" });
  const areas = makeShape("g", { class: "mark-area" });
  for (const part of parts.values()) {
    if (part[0].fill) areas.append(areaOf(part, x, frame));
    lines.append(lineOf(part, x, frame));
  }
  const points = makeShape("g", { class: "mark-symbol" });
  const marks = bucketMarks(rows, x, frame, points);
  const notes = annotationMarks(annotations, x, frame);
  const area = { width: size.width, height: size.height, viewBox: `0 0 ${size.width} ${size.height}` };
  const parted = [frame.grid, areas, referenceLines(references, frame), lines, notes, frame.labels];
  const svg = makeShape("svg", { ...area, role: "group", "aria-label": label }, ...parted);
  svg.append(timeLabels(ticks, x, frame), points);
  host.append(makeElement("div", { class: "chart-wrapper" }, svg));
  return marks;
}

/** Draw a small chart of each group, side by side at one scale; groups: as the lines' places count them. */
export function drawTrends(host, data, { width }) {
  const most = data.rows.map(({ v }) => v);
  const across = Math.max(1, Math.floor(width / 300));
  const size = { width: Math.floor(width / across) - 12, height: 130 };
  const grid = makeElement("div", { class: "small-charts" });
  host.append(grid);
  return data.groups.flatMap((group, place) => {
    const one = makeElement("div", {}, makeElement("h4", { dir: "auto" }, group.label));
    grid.append(one);
    const rows = data.rows.filter((row) => row.place === place);
    const ticks = data.ticks.filter((_tick, i) => i % 3 === 0);
    return drawTrend(one, { ...data, rows, ticks, most, label: group.label }, size);
  });
}

const at = (row, x, { y }) => `${x(row.t).toFixed(1)},${y(row.v).toFixed(1)}`;

function lineOf(part, x, frame) {
  const [{ slot, kind, lone }] = part;
  const stroke = `var(--series-${slot + 1})`;
  if (lone)
    return makeShape("circle", {
      cx: x(part[0].t),
      cy: frame.y(part[0].v),
      r: 4,
      fill: stroke,
      class: `lone ${kind}`,
    });
  return makeShape("path", { d: `M${part.map((row) => at(row, x, frame)).join("L")}`, stroke, class: kind });
}

function areaOf(part, x, frame) {
  const zero = frame.y(0);
  const top = part.map((row) => at(row, x, frame)).join("L");
  return makeShape("path", { d: `M${x(part[0].t)},${zero}L${top}L${x(part.at(-1).t)},${zero}Z` });
}

// One mark a moment: a band that shows the points of it, once it is reached, and their tooltip.
function bucketMarks(rows, x, frame, points) {
  const moments = new Map();
  for (const row of rows) {
    if (row.kind === "previous") continue;
    if (!moments.has(row.t)) moments.set(row.t, new Map());
    moments.get(row.t).set(row.slot, row);
  }
  const times = [...moments.keys()].sort((a, b) => a - b);
  return times.map((t, i) => {
    const from = i ? (x(times[i - 1]) + x(t)) / 2 : frame.left;
    const to = i + 1 < times.length ? (x(t) + x(times[i + 1])) / 2 : frame.right;
    const { top, bottom } = frame;
    const band = { x: from, y: top, width: Math.max(to - from, 1), height: bottom - top, class: "band" };
    const own = [...moments.get(t).values()];
    const element = makeShape("g", { class: "moment" }, makeShape("rect", band));
    const reveal = () => {
      if (element.childElementCount > 1) return;
      const dots = own.map(({ v, slot }) =>
        makeShape("circle", { cx: x(t), cy: frame.y(v), r: 4.5, fill: `var(--series-${slot + 1})` }),
      );
      element.append(makeShape("path", { d: `M${x(t)},${top}V${bottom}`, class: "rule" }), ...dots);
    };
    points.append(element);
    return { element, tip: own[0].tip, reveal };
  });
}
