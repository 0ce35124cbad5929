// What charts over time share: the frame with its axes, and reference lines.

import { writeAxisFigure } from "./number_format.js";
import { niceTicks, makeScale, makeShape } from "./svg.js";

const [TOP, BOTTOM, RIGHT] = [10, 24, 10];

/**
 * The frame of a chart: its grid, what stands along its axes, and a scale for values.
 * @param {number[]} values that have to fit; 0 always does
 * @param {object} metric
 * @param {{width: number, height: number}} size
 */
export function frameOf(values, metric, { width, height }) {
  const few = height < 150;
  const ticks = niceTicks(Math.min(0, ...values), Math.max(0, ...values), few ? 2 : 5);
  const texts = ticks.map((tick) => writeAxisFigure(tick, metric));
  const left = Math.max(...texts.map((text) => text.length)) * 7.2 + 10;
  const y = makeScale(ticks[0], ticks.at(-1), height - BOTTOM, TOP);
  const grid = makeShape("g", { class: "grid" });
  const labels = makeShape("g", { class: "role-axis-label axis-y" });
  ticks.forEach((tick, i) => {
    grid.append(
      makeShape("path", { d: `M${left},${y(tick)}H${width - RIGHT}`, class: tick === 0 ? "zero" : null }),
    );
    labels.append(makeShape("text", { x: left - 8, y: y(tick) }, texts[i]));
  });
  return { left, right: width - RIGHT, bottom: height - BOTTOM, top: TOP, y, grid, labels, height };
}

/** The labels along the axis of time; ticks: [{t, label}]. */
export function timeLabels(ticks, x, { height, left, right }) {
  const labels = makeShape("g", { class: "role-axis-label axis-x" });
  for (const { t, label } of ticks) {
    const half = label.length * 3.4;
    labels.append(
      makeShape(
        "text",
        { x: Math.min(Math.max(x(t), left - 8 + half), right - half + 8), y: height - 6 },
        label,
      ),
    );
  }
  return labels;
}

/** Lines across a chart at values that it is measured by: [{value, label}]. */
export function referenceLines(references, { left, right, y }) {
  const group = makeShape("g", { class: "references" });
  for (const { value, label } of references) {
    group.append(makeShape("path", { d: `M${left},${y(value)}H${right}` }));
    group.append(makeShape("text", { x: right, y: y(value) - 5 }, label));
  }
  return group;
}

/** Moments that somebody wrote a note on: [{t, text}]. */
export function annotationMarks(annotations, x, { top, bottom }) {
  const group = makeShape("g", { class: "annotations" });
  annotations.forEach(({ t, text }, i) => {
    group.append(makeShape("path", { d: `M${x(t)},${top}V${bottom}` }));
    const flag = makeShape("text", { x: x(t), y: top - 2 }, String(i + 1), makeShape("title", {}, text));
    group.append(makeShape("circle", { cx: x(t), cy: top - 2, r: 8 }), flag);
  });
  return group;
}
