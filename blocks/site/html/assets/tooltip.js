// The tooltip: one for all charts of a page.

import { makeElement } from "./elements.js";

const tooltip = makeElement("div", { class: "tooltip", hidden: true, "aria-hidden": "true" });
document.body.append(tooltip);

/** Take the tooltip away, as when what it tells of is drawn again. */
export function hideTooltip() {
  tooltip.hidden = true;
}

/**
 * Show a tip beside a point of the window.
 * @param {string} tip lines of text; a tab parts a name from its value
 * @param {number} x
 * @param {number} y
 */
export function showTooltip(tip, x, y) {
  tooltip.hidden = !tip;
  if (!tip) return;
  tooltip.replaceChildren(
    ...tip.split("\n").map((line, i) => {
      const [name, figure] = line.split("\t");
      const strong = figure === undefined ? "" : makeElement("b", {}, figure);
      return makeElement("div", { class: i ? "" : "tip-title" }, makeElement("span", {}, name), strong);
    }),
  );
  const room = tooltip.getBoundingClientRect();
  const right = x + 16;
  const left = right + room.width > innerWidth ? x - room.width - 12 : right;
  tooltip.style.left = `${Math.max(8, left)}px`;
  tooltip.style.top = `${Math.max(8, Math.min(y + 16, innerHeight - room.height - 8))}px`;
}
