// A ring of shares, the total in its middle.

import { makeElement } from "./elements.js";
import { arcPath, makeShape } from "./svg.js";

/** Draw a ring; data: rows with v, slot, tip, place, and the total as it is written. */
export function drawShares(host, { rows, total, label }, { width, height }) {
  const radius = Math.max(Math.min(width, height) / 2 - 2, 10);
  const sum = rows.reduce((all, { v }) => all + v, 0);
  const arcs = makeShape("g", { class: "mark-arc" });
  let turned = 0;
  const marks = rows.map((row) => {
    const to = turned + row.v / sum;
    const fill = `var(--series-${row.slot + 1})`;
    const element = makeShape("path", { d: arcPath(turned, to, radius * 0.64, radius), fill, class: "acts" });
    arcs.append(element);
    turned = to;
    return { element, tip: row.tip, place: row.place };
  });
  const middle = makeShape("g", { class: "mark-text" }, makeShape("text", { class: "ring-total" }, total));
  const viewBox = `${-width / 2} ${-height / 2} ${width} ${height}`;
  const size = { width, height, viewBox, role: "group", "aria-label": label };
  host.append(makeElement("div", { class: "chart-wrapper" }, makeShape("svg", size, arcs, middle)));
  return marks;
}
