// Where the tests find the page's modules, and the tables of cases that Python's tests run over too.

import { readFileSync } from "node:fs";

export * from "../../blocks/site/html/assets/data.js";
export * from "../../blocks/site/html/assets/draw_bars.js";
export * from "../../blocks/site/html/assets/draw_stacked.js";
export * from "../../blocks/site/html/assets/number_format.js";
export * from "../../blocks/site/html/assets/filters.js";
export * from "../../blocks/site/html/assets/movement.js";
export * from "../../blocks/site/html/assets/periods.js";
export * from "../../blocks/site/html/assets/rows.js";
export * from "../../blocks/site/html/assets/selection.js";
export * from "../../blocks/site/html/assets/svg.js";
export * from "../../blocks/site/html/assets/table.js";
export * from "../../blocks/site/html/assets/target.js";
export * from "../../blocks/site/html/assets/tiles.js";
export * from "../../blocks/site/html/assets/titles.js";
export * from "../../blocks/site/html/assets/view_state.js";

/** A table of cases. */
export function cases(name) {
  return JSON.parse(readFileSync(new URL(`../cases/${name}.json`, import.meta.url), "utf-8"));
}

/** A day, as in 2025-03-03, as its number. */
export function day(text) {
  return Date.parse(text) / 86400000;
}
