// The table of a chart: what it shows, for those who can't see it or want the figures.

import { makeElement } from "./elements.js";
import { writeExact, writeIsoDay } from "./number_format.js";
import { DAY } from "./periods.js";

const MOST = 500; // lines; the page's own table has all

/** Headings and lines of a chart's data. */
export function linesOf({ rows, metric, groups }) {
  const own = rows.filter(({ kind }) => kind !== "previous");
  if (own[0]?.t !== undefined) {
    const parted = groups && groups.length > 1;
    const lines = new Map(); // where a dotted piece meets a line both have the point
    for (const { t, v, place } of own) {
      const name = parted ? [groups[place].label] : [];
      lines.set(`${t} ${place}`, [writeIsoDay(t / DAY), ...name, writeExact(v, metric)]);
    }
    return {
      headings: ["From", ...(parted ? ["Group"] : []), metric.label],
      lines: [...lines.values()].sort(),
    };
  }
  const tips = own.map(({ tip }) => tip.split("\n").map((line) => line.split("\t")));
  const headings = [
    ...new Set(tips.flatMap((tip) => tip.filter(([, value]) => value).map(([name]) => name))),
  ];
  const lines = tips.map((tip) => {
    const title = tip.filter(([, value]) => value === undefined).map(([text]) => text);
    const values = new Map(tip);
    return [title.join(", "), ...headings.map((name) => values.get(name) ?? "")];
  });
  return { headings: ["Group", ...headings], lines };
}

/** A table behind a summary, filled while it is open. */
export class ChartTable {
  constructor(chart) {
    this.chart = chart;
    this.body = makeElement("div", {
      class: "scroll",
      tabindex: "0",
      role: "region",
      "aria-label": "Table of the chart",
    });
    const summary = makeElement("summary", {}, "Show as a table");
    this.element = makeElement("details", { class: "twin" }, summary, this.body);
    this.element.addEventListener("toggle", () => this.update());
  }

  /** Show what the chart shows. */
  update() {
    if (!this.element.open || !this.chart.data) return;
    const { headings, lines } = linesOf(this.chart.data);
    const head = makeElement("tr", {}, ...headings.map((text) => makeElement("th", { scope: "col" }, text)));
    const cells = (line) =>
      line.map((text, i) => makeElement("td", { class: i ? "figure" : "", dir: "auto" }, text));
    const rows = lines.slice(0, MOST).map((line) => makeElement("tr", {}, ...cells(line)));
    this.body.replaceChildren(
      makeElement("table", {}, makeElement("thead", {}, head), makeElement("tbody", {}, ...rows)),
    );
  }
}
