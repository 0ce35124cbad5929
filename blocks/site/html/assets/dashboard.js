// The dashboard itself: reads the page's model, puts its parts together, and draws them when a choice changes.

import { prepareDataset } from "./data.js";
import { byId, makeElement } from "./elements.js";
import { writeDay, writeSpan } from "./number_format.js";
import { makeDateFilter, ValueFilter } from "./filters.js";
import { lastDayOf, firstDayOf } from "./periods.js";
import { Section } from "./section.js";
import { explainUncompared, Selection } from "./selection.js";
import { makeShareMenu } from "./share.js";
import { Tile } from "./tiles.js";
import { hideTooltip } from "./tooltip.js";
import { addressOf, describeFilters, readState, writeState } from "./view_state.js";

const model = JSON.parse(byId("model").textContent);
const datasets = model.datasets.map((dataset) => prepareDataset(dataset, model.grain));
const selection = new Selection(model);
const AGAINST = { previous: "previous period", year: "same period last year" };
const page = {
  model,
  selection,
  render,
  words: {
    get before() {
      return AGAINST[selection.against];
    },
  },
};
const sections = datasets.map((dataset, number) => new Section(page, dataset, number));
const tiles = model.metrics.map((metric) => {
  const section = sections[metric.dataset];
  const tile = new Tile(metric, section.dataset, () => {
    section.metric = metric;
    render();
  });
  byId("tiles").append(tile.element);
  return tile;
});
readState(model.start, model, selection, sections);
const opened = writeState(model, selection, sections); // what the page opens with, as its own words
const dates = model.whole && makeDateFilter(model, chooseRange);
const pickers = listDimensions().map(addPicker);
const against = model.whole && addComparisonPicker();
addFilters();

// What the chosen range is compared with.
function addComparisonPicker() {
  const options = Object.entries(AGAINST).map(([value, text]) => makeElement("option", { value }, text));
  const onchange = () => {
    selection.against = select.value;
    render();
  };
  const select = makeElement(
    "select",
    { id: "against", "aria-label": "Compared with", onchange },
    ...options,
  );
  return {
    select,
    element: makeElement("label", { class: "against" }, makeElement("span", {}, "vs"), select),
  };
}

function chooseRange(range) {
  selection.range = range;
  render();
}

function listDimensions() {
  return [...new Set(datasets.flatMap(({ dimensions }) => dimensions.map(({ name }) => name)))];
}

// One filter a dimension, though several datasets have it.
function addPicker(name) {
  const same = datasets.flatMap(({ dimensions }) => dimensions.filter((one) => one.name === name));
  const texts = same.flatMap(({ values }) => values);
  const filter = new ValueFilter(same[0].label, texts, (choice) => {
    selection.picked.set(name, choice);
    render();
  });
  return { name, filter };
}

function addFilters() {
  const onclick = () => {
    readState(model.start, model, selection, sections);
    render();
  };
  const reset = makeElement("button", { type: "button", id: "reset", onclick }, "Reset");
  if (dates) byId("filters").append(dates.element);
  if (against) byId("filters").append(against.element);
  const tables = () => sections.flatMap((section) => section.panels.get("table")?.table ?? []);
  const share = makeShareMenu(model, describe, tables);
  byId("filters").append(...pickers.map(({ filter }) => filter.element), reset, share);
}

// What is shown now, in words, and where it is found again.
function describe() {
  const labels = new Map(
    datasets.flatMap(({ dimensions }) => dimensions.map(({ name, label }) => [name, label])),
  );
  const { first, last } = selection.range;
  const shown = model.whole ? writeSpan(firstDayOf(first, model.grain), lastDayOf(last, model.grain)) : "";
  return { dates: shown, filters: describeFilters(selection, labels), address: location.href };
}

function leaveSteps(depth) {
  const [step] = selection.path.splice(depth);
  if (step) step.section.by = step.by;
  render();
}

function renderFilters() {
  dates?.update(selection.range);
  if (against) against.select.value = selection.against;
  pickers.forEach(({ name, filter }) => filter.update(selection.choice(name)));
}

function renderCrumbs() {
  const { path } = selection;
  const crumb = (label, depth) => {
    const current = depth && depth === path.length ? "true" : null;
    const attributes = { type: "button", dir: depth ? "auto" : null, "aria-current": current };
    return makeElement("button", { ...attributes, onclick: () => leaveSteps(depth) }, label);
  };
  const crumbs = [crumb("All", 0), ...path.map((step, i) => crumb(step.label, i + 1))];
  byId("crumbs").hidden = path.length === 0;
  byId("crumbs").replaceChildren(
    makeElement("ol", {}, ...crumbs.map((button) => makeElement("li", {}, button))),
  );
}

function renderCompared() {
  if (!model.whole) return;
  const text = ({ first, last }) => writeSpan(firstDayOf(first, model.grain), lastDayOf(last, model.grain));
  const now = text(selection.range);
  const compared = selection.compared();
  if (!compared) {
    byId("compared").textContent = `${now}; ${explainUncompared(selection)}`;
    return;
  }
  const cut = selection.isCut()
    ? `; data to ${writeDay(model.end)}, so ${text(compared.now)} is compared with ${text(compared.before)}`
    : `, compared with ${text(compared.before)}`;
  byId("compared").textContent = now + cut;
}

function render() {
  hideTooltip();
  renderFilters();
  renderCrumbs();
  renderCompared();
  tiles.forEach((tile) => {
    const { dataset } = tile.metric;
    tile.render(selection, sections[dataset].metric === tile.metric);
  });
  sections.forEach((section) => section.render());
  keepState();
  document.documentElement.dataset.ready = "true"; // all charts show what is chosen
}

// The address says what is chosen, so that Back goes back and a copied link shows the same.
function keepState() {
  const { filters } = describe();
  byId("chosen").textContent = filters.join(" · ");
  const state = addressOf(writeState(model, selection, sections), opened);
  if (state !== location.hash.slice(1)) location.hash = state;
}

addEventListener("hashchange", () => {
  const state = location.hash.slice(1);
  if (state === addressOf(writeState(model, selection, sections), opened)) return;
  readState(state || model.start, model, selection, sections);
  render();
});

// Where there is less room, fewer labels stand along an axis.
let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(render, 150);
});

readState(location.hash.slice(1) || model.start, model, selection, sections);
render();
