// One dataset's charts and table, as the analysis asks. Choices of its own: metric, breakdown, grain, split.

import { ChartTable } from "./chart_table.js";
import { Chart } from "./charts.js";
import { drawBars } from "./draw_bars.js";
import { drawShares } from "./draw_shares.js";
import { drawStacked } from "./draw_stacked.js";
import { drawTrend, drawTrends } from "./draw_trend.js";
import { byId, capitalize, makeElement } from "./elements.js";
import { MovementPanel } from "./movement_panel.js";
import { writeDay, writeIsoDay, readDay, writeShare, writeCompact, findTimeTicks } from "./number_format.js";
import { findBucket, DAY, lastDayOf, firstDayOf } from "./periods.js";
import {
  barRows,
  bucketNote,
  earlierPoints,
  earlierRows,
  fillGaps,
  groupsOf,
  findPoints,
  isCompared,
  isSettled,
  MOST,
  findGroupsOverTime,
  shareRows,
  slotOf,
  stackedRows,
  tableOf,
  trendRows,
} from "./rows.js";
import { Table } from "./table.js";
import { writeTitle } from "./titles.js";

const DRAWINGS = { bars: drawBars, shares: drawShares, stacked: drawStacked, trend: drawTrend };
const LABEL = 92; // pixels that a label of time takes

/** The part of a page that shows one dataset. */
export class Section {
  /**
   * @param {{model: object, selection: object, render: function()}} page render draws the whole page again
   * @param {object} dataset
   * @param {number} number of the dataset in the model
   */
  constructor(page, dataset, number) {
    Object.assign(this, { page, dataset, number, panels: new Map() });
    this.restart();
    const { model } = page;
    const area = makeElement("section", { class: "charts", "aria-label": dataset.label });
    const several = model.datasets.length > 1;
    area.append(makeElement("h2", { class: several ? "" : "hidden" }, several ? dataset.label : "Charts"));
    for (const plan of dataset.panels) this.addPanel(plan, area);
    byId("sections").append(area);
  }

  /** Back to the choices that the page opens with. */
  restart() {
    this.metrics = this.page.model.metrics.filter((metric) => metric.dataset === this.number);
    Object.assign(this, { metric: this.metrics[0], by: 0, split: -1, grain: null, per: "", small: false });
    this.earlier = null; // what a change is explained against, if not against what the page compares with
  }

  /** What is chosen here and not what the page opens with, as texts by name. */
  choices() {
    const { dimensions } = this.dataset;
    const chosen = {
      metric: this.metric === this.metrics[0] ? null : this.metric.name,
      by: this.by === 0 ? null : dimensions[this.by].name,
      split: this.split < 0 ? null : dimensions[this.split].name,
      grain: this.grain,
      per: this.per || null,
      small: this.small ? "yes" : null,
      earlier: this.earlier && this.earlierDays.map(writeIsoDay).join(" "),
    };
    return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== null));
  }

  /** Choose what a text of `choices` says, if there is such a choice. */
  choose(field, value) {
    const place = this.dataset.dimensions.findIndex(({ name }) => name === value);
    if (field === "metric") this.metric = this.metrics.find(({ name }) => name === value) ?? this.metric;
    else if (field === "by" || field === "split") this[field] = place < 0 ? this[field] : place;
    else if (field === "small") this.small = value === "yes";
    else if (field === "earlier") this.earlier = this.readEarlier(value);
    else if (this.page.model.grains.includes(value)) this[field] = value;
  }

  get earlierDays() {
    const { grain } = this.page.model;
    return [firstDayOf(this.earlier.first, grain), lastDayOf(this.earlier.last, grain)];
  }

  readEarlier(text) {
    const { grain, whole } = this.page.model;
    const [first, last] = text.split(" ").map((day) => findBucket(readDay(day), grain));
    return whole && first >= whole.first && last >= first && last <= whole.last ? { first, last } : null;
  }

  get view() {
    return { selection: this.page.selection, dataset: this.dataset, metric: this.metric };
  }

  get drawnGrain() {
    return this.page.selection.drawnGrain(this.grain);
  }

  // plan: what the panel can show, as Python's plan.py has it.
  addPanel(plan, area) {
    const kind = plan.chart;
    const title = makeElement("h3");
    const tools = makeElement("div", { class: "tools" });
    const body = makeElement("div", { class: `chart chart-${kind}` });
    const legend = makeElement("div", { class: "legend" });
    const head = makeElement("header", {}, title, tools);
    const attributes = { class: `panel panel-${kind}`, "data-panel": kind };
    const element = makeElement(
      "article",
      attributes,
      head,
      makeElement("div", { class: "body" }, body, legend),
    );
    const panel = { plan, element, title, tools, body, legend };
    if (kind === "table") panel.table = new Table(body, "Table");
    else if (kind === "movement") panel.movement = this.movementPanel(body, tools);
    else {
      panel.chart = new Chart(body, DRAWINGS[kind]);
      panel.twin = new ChartTable(panel.chart);
      element.append(panel.twin.element);
    }
    this.panels.set(kind, panel);
    this.addTools(plan, tools);
    area.append(element);
  }

  movementPanel(body, tools) {
    return new MovementPanel(body, tools, this.page.model, (range) => {
      this.earlier = range;
      this.page.render();
    });
  }

  // --- choices beside a panel's title

  addTools(plan, tools) {
    const kind = plan.chart;
    const dimensions = this.dataset.dimensions.flatMap(({ name, label }, i) =>
      plan.dimensions.includes(name) ? [[i, label]] : [],
    );
    const grains = this.page.model.grains.filter((grain) => plan.grains.includes(grain));
    if (["bars", "shares", "stacked"].includes(kind)) this.addSelect(tools, "By", dimensions, "by");
    if (kind === "trend" && dimensions.length)
      this.addSelect(tools, "Split by", [[-1, "nothing"], ...dimensions], "split");
    if (kind === "trend" && dimensions.length) this.addSmall(tools);
    if (kind === "trend" || kind === "stacked") this.addGrains(grains, tools);
    if (kind === "table" && grains.length && dimensions.length) {
      const choices = grains.map((grain) => [grain, grain]);
      this.addSelect(tools, "Per", [["", "whole period"], ...choices], "per");
    }
  }

  addSelect(tools, label, options, field) {
    const onchange = () => {
      this[field] = field === "per" ? select.value : Number(select.value);
      this.page.render();
    };
    const choices = options.map(([value, text]) => makeElement("option", { value: String(value) }, text));
    const select = makeElement("select", { "data-field": field, onchange }, ...choices);
    tools.append(makeElement("label", {}, makeElement("span", {}, label), select));
  }

  addSmall(tools) {
    const onclick = () => {
      this.small = !this.small;
      this.page.render();
    };
    tools.append(
      makeElement("button", { type: "button", class: "plain", "data-small": true, onclick }, "Side by side"),
    );
  }

  addGrains(grains, tools) {
    const buttons = grains.map((grain) => {
      const onclick = () => {
        this.grain = grain;
        this.page.render();
      };
      return makeElement("button", { type: "button", "data-grain": grain, onclick }, capitalize(grain));
    });
    const segments = { class: "segments", role: "group", "aria-label": "Grain of time" };
    tools.append(makeElement("div", segments, ...buttons));
  }

  renderTools(panel) {
    panel.tools.querySelectorAll("select").forEach((select) => {
      select.value = String(this[select.dataset.field]);
    });
    panel.tools.querySelectorAll("[data-small]").forEach((button) => {
      button.hidden = this.split < 0;
      button.setAttribute("aria-pressed", String(this.small));
    });
    panel.tools.querySelectorAll("[data-grain]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.grain === this.drawnGrain));
    });
  }

  // --- drawing

  /** Draw every panel as it is chosen. */
  render() {
    this.shared = null;
    for (const [kind, panel] of this.panels) {
      this.renderTools(panel);
      panel.element.hidden = !panel.plan.metrics.includes(this.metric.name);
      if (!panel.element.hidden) this[kind](panel);
      if (!panel.element.hidden) panel.twin?.update();
    }
  }

  // The groups of the ring and the stacked bars, and whether they make shares of a whole.
  get parts() {
    if (!this.shared) {
      const ranking = groupsOf(this.view, this.by, MOST.series);
      this.shared = { ranking, ...shareRows(this.view, ranking) };
    }
    return this.shared;
  }

  get hasShares() {
    return this.metric.adds && !this.parts.negative;
  }

  /** Narrow the page to a group of a dimension, and break down by the next dimension. */
  drill(dimension, group) {
    const { name, label, values } = this.dataset.dimensions[dimension];
    const texts = new Set(group.codes.map((code) => values[code]));
    const { path } = this.page.selection;
    path.push({ dimension: name, texts, label: `${label}: ${group.label}`, section: this, by: this.by });
    const used = new Set(path.map((step) => step.dimension));
    const next = this.dataset.dimensions.findIndex((other) => !used.has(other.name));
    this.by = group.others || next < 0 ? dimension : next;
    this.page.render();
  }

  // What a click on the mark of a group does.
  picker(ranking) {
    return (place) => this.drill(this.by, ranking.groups[place]);
  }

  labelOf(dimension) {
    return this.dataset.dimensions[dimension].label.toLowerCase();
  }

  // Write what stands above a panel: its plan's title in the words of what is chosen, and more behind it.
  entitle(panel, words = {}, more = "") {
    const title = writeTitle(panel.plan.title, { metric: this.metric.label, ...words });
    panel.title.textContent = title + more;
  }

  bars(panel) {
    this.entitle(panel, { dimension: this.labelOf(this.by) }, bucketNote(this.view));
    const ranking = groupsOf(this.view, this.by, MOST.bars);
    const rows = barRows(this.view, ranking);
    const keys = isCompared(this.view) ? [legendKey("tick", this.page.words.before)] : [];
    panel.legend.replaceChildren(
      ...keys,
      makeElement("p", { class: "key" }, "Click a bar to look inside it"),
    );
    panel.chart.draw({ rows, label: panel.title.textContent }, this.picker(ranking));
  }

  shares(panel) {
    this.entitle(panel, { dimension: this.labelOf(this.by) });
    panel.chart.drawing = this.hasShares ? drawShares : drawBars;
    panel.body.className = `chart chart-${this.hasShares ? "shares" : "bars"}`;
    if (!this.hasShares) {
      this.bars(panel);
      return;
    }
    const { ranking, rows, total, left } = this.parts;
    const onpick = this.picker(ranking);
    const written = rows.length ? writeCompact(total, this.metric) : "";
    panel.chart.draw({ rows, total: written, label: panel.title.textContent }, onpick);
    const entries = rows.map((row) => this.shareEntry(row, writeShare(row.v / total), onpick));
    const note = left ? [makeElement("p", { class: "note" }, `${left} at zero not drawn`)] : [];
    panel.legend.replaceChildren(...entries, ...note);
  }

  shareEntry(row, share, onpick) {
    const attributes = {
      type: "button",
      class: "entry",
      onclick: () => onpick(row.place),
      title: "Look inside",
    };
    const label = makeElement("span", { dir: "auto" }, row.label);
    const value = makeElement("b", {}, writeCompact(row.v, this.metric));
    return makeElement("button", attributes, colourDot(row.slot), label, value, makeElement("em", {}, share));
  }

  stacked(panel) {
    const { metric, drawnGrain: grain, page } = this;
    this.entitle(panel, { dimension: this.labelOf(this.by), grain });
    const { ranking } = this.parts;
    const rows = stackedRows(this.view, ranking, grain);
    const buckets = page.selection.bucketsOf(page.selection.range, grain);
    const moments = buckets.map((number) => firstDayOf(number, grain) * DAY);
    const data = {
      rows,
      metric,
      buckets: moments,
      ticks: this.ticksFor(panel),
      label: panel.title.textContent,
    };
    panel.chart.draw(data, this.picker(ranking));
    const keys = this.hasShares ? [] : ranking.groups.map(groupKey);
    if (rows.some(({ partial }) => partial)) keys.push(legendKey("pale", `${grain} not complete`));
    panel.legend.replaceChildren(...keys);
  }

  // What stands along the axis of time.
  ticksFor(panel) {
    const { selection, model } = this.page;
    const [first, last] = [
      firstDayOf(selection.range.first, model.grain),
      lastDayOf(selection.range.last, model.grain),
    ];
    const most = Math.min(
      Math.max(Math.floor(((panel.chart.width || panel.body.clientWidth) - 60) / LABEL), 2),
      8,
    );
    return findTimeTicks(first, last, this.drawnGrain, most).map(({ day, label }) => ({
      t: day * DAY,
      label,
    }));
  }

  trend(panel) {
    const { metric, drawnGrain: grain, view } = this;
    const parted = this.split >= 0;
    const by = parted ? ` by ${this.labelOf(this.split)}` : "";
    this.entitle(panel, { grain }, by);
    const { groups, points } = this.trendPoints(parted);
    const earlier = parted || metric.grows || !view.selection.hasBefore ? [] : earlierPoints(view, grain);
    const lines = trendRows(view, points, grain, groups, parted ? null : earlier);
    const small = parted && this.small;
    panel.chart.drawing = small ? drawTrends : drawTrend;
    panel.body.classList.toggle("is-small", small);
    const data = this.trendData(panel, [...earlierRows(earlier, grain), ...lines]);
    panel.chart.draw({ ...data, groups });
    const keys = parted && !small ? groups.map(groupKey) : [];
    if (earlier.length) keys.push(legendKey("dash", this.page.words.before));
    const open = points.some((point) => !isSettled(view, point.bucket, grain));
    if (open) keys.push(legendKey("dots", `${grain} not complete`));
    const notes = data.annotations.map(({ text }, i) =>
      makeElement("p", { class: "key", dir: "auto" }, `${i + 1}: ${text}`),
    );
    panel.legend.replaceChildren(...keys, ...notes);
  }

  // The metric over time, of each group of the split or of all rows, without gaps where there are none.
  trendPoints(parted) {
    const { drawnGrain: grain, view } = this;
    const { groups, placeOf } = parted ? groupsOf(view, this.split, MOST.series) : this.undivided();
    const found = parted ? findGroupsOverTime(view, grain, placeOf) : findPoints(view, grain);
    return { groups, points: fillGaps(view, found, grain, groups) };
  }

  undivided() {
    return { groups: [{ label: this.metric.label, others: false }], placeOf: () => 0 };
  }

  // What is written on moments of the chart's time.
  annotations([from, to]) {
    const grain = this.drawnGrain;
    return (this.metric.events ?? [])
      .map(([day, text]) => ({
        t: firstDayOf(findBucket(day, grain), grain) * DAY,
        text: `${writeDay(day)}: ${text}`,
      }))
      .filter(({ t }) => t >= from && t <= to);
  }

  // The first and the last moment that a line over time is drawn between, and what else its chart needs.
  trendData(panel, rows) {
    const { selection } = this.page;
    const touched = selection.bucketsOf(selection.range, this.drawnGrain);
    const domain = [touched[0], touched.at(-1)].map((number) => firstDayOf(number, this.drawnGrain) * DAY);
    const inside = rows.filter(({ t }) => t >= domain[0] && t <= domain[1]);
    const ticks = this.ticksFor(panel).filter(({ t }) => t >= domain[0] && t <= domain[1]);
    const { target, targetPer } = this.metric;
    const isDrawn = this.split < 0 && (!targetPer || targetPer === this.drawnGrain);
    const references = isDrawn && (target ?? null) !== null ? [{ value: target, label: "Target" }] : [];
    const shown = { domain, ticks, references, annotations: this.annotations(domain) };
    return { rows: inside, metric: this.metric, ...shown, label: panel.title.textContent };
  }

  movement(panel) {
    this.entitle(panel);
    panel.movement.render(this.view, this.earlier, (dimension, group) => this.drill(dimension, group));
  }

  table(panel) {
    const { dataset } = this;
    const labels = dataset.dimensions.map((_, i) => this.labelOf(i));
    const fallback = labels.length ? "" : this.page.selection.drawnGrain();
    const grain = dataset.timed ? this.per || fallback : "";
    const onpick = (dimension, group) => this.drill(dimension, group);
    const { columns, rows } = tableOf(this.view, this.metrics, grain, onpick);
    this.entitle(panel, { dimension: labels.join(", ") });
    panel.table.name = `${this.page.model.title} ${panel.title.textContent}`;
    panel.table.show(columns, rows);
  }
}

const colourDot = (slot) => makeElement("i", { class: `dot slot-${slot + 1}` });
const legendKey = (mark, text) => makeElement("p", { class: "key" }, makeElement("i", { class: mark }), text);

function groupKey(group, place) {
  const label = makeElement("span", { dir: "auto" }, group.label);
  return makeElement("p", { class: "key" }, colourDot(slotOf({ ...group, place })), label);
}
