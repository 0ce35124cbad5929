// A ring of shares, the total in its middle.

import { make } from "./elements.js";
import { arcPath, shape } from "./svg.js";

/** Draw a ring; data: rows with v, slot, tip, place, and the total as it is written. */
export function drawShares(host, { rows, total, label }, { width, height }) {
  const radius = Math.max(Math.min(width, height) / 2 - 2, 10);
  const sum = rows.reduce((all, { v }) => all + v, 0);
  const arcs = shape("g", { class: "mark-arc" });
  let turned = 0;
  const marks = rows.map((row) => {
    const to = turned + row.v / sum;
    const fill = `var(--series-${row.slot + 1})`;
    const element = shape("path", { d: arcPath(turned, to, radius * 0.64, radius), fill, class: "acts" });
    arcs.append(element);
    turned = to;
    return { element, tip: row.tip, place: row.place };
  });
  const middle = shape("g", { class: "mark-text" }, shape("text", { class: "ring-total" }, total));
  const viewBox = `${-width / 2} ${-height / 2} ${width} ${height}`;
  const size = { width, height, viewBox, role: "group", "aria-label": label };
  host.append(make("div", { class: "chart-wrapper" }, shape("svg", size, arcs, middle)));
  return marks;
}
