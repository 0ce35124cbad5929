// The dashboard itself: what is chosen, and how tiles, charts and table follow from it.

const model = JSON.parse(document.getElementById("model").textContent);
const datasets = model.datasets.map((dataset) => prepare(dataset, model.grain));
const host = (name) => document.getElementById(name);
const MOST = { bars: 10, series: 6 };

const chosen = {
  range: model.opening ?? { first: 0, last: 0 },
  picked: new Map(), // dimension name → Set of texts
  path: [], // drill-down: {dimension, texts, label, section, by}
};
const sections = datasets.map((dataset, number) => new Section(dataset, number));

const length = () => chosen.range.last - chosen.range.first + 1;
const before = () => ({ first: chosen.range.first - length(), last: chosen.range.first - 1 });
const hasBefore = () => Boolean(model.whole) && before().first >= model.whole.first;
const metricsOf = (number) => model.metrics.filter((metric) => metric.dataset === number);
const rough = (metric) => metric.scale > 1 ? "≈ " : "";

// The codes that filters and drill-down leave of each dimension; null where all are left.
function where(dataset) {
  return dataset.dimensions.map(({ name, values }) => {
    const sets = chosen.path.filter((step) => step.dimension === name).map((step) => step.texts);
    if (chosen.picked.get(name)?.size) sets.push(chosen.picked.get(name));
    if (!sets.length) return null;
    return new Set(values.flatMap((text, code) => (sets.every((set) => set.has(text)) ? [code] : [])));
  });
}

// --- tiles

const tiles = model.metrics.map((metric) => {
  const parts = { value: make("span", { class: "value" }), change: make("span", { class: "change" }), spark: make("span", { class: "spark", "aria-hidden": "true" }) };
  const button = make("button", { type: "button", class: "tile", "data-metric": metric.name, title: metric.description || null,
    onclick: () => { sections[metric.dataset].metric = metric; render(); } },
    make("span", { class: "label" }, metric.label), parts.value, parts.change, parts.spark);
  host("tiles").append(button);
  return { metric, button, ...parts };
});

function renderTiles() {
  const totals = datasets.map((dataset) => addUp(dataset, chosen.range, where(dataset)).get(""));
  const earlier = datasets.map((dataset) => hasBefore() && dataset.timed ? addUp(dataset, before(), where(dataset)).get("") : undefined);
  for (const { metric, button, value, change: note, spark } of tiles) {
    const now = evaluate(metric.formula, totals[metric.dataset] ?? emptyOf(metric));
    value.textContent = now === null ? NONE : rough(metric) + short(now, metric);
    value.title = exact(now, metric) + (metric.scale > 1 ? ` (estimated from one in ${metric.scale} values)` : "");
    renderChange(note, now, metric, earlier[metric.dataset]);
    button.setAttribute("aria-pressed", String(sections[metric.dataset].metric === metric));
    sparkline(spark, metric);
  }
}

const emptyOf = (metric) => Object.fromEntries(datasets[metric.dataset].measures.map((m) => [m.name, m.function === "count_distinct" ? 0 : null]));

function renderChange(note, now, metric, earlier) {
  const timed = datasets[metric.dataset].timed;
  note.hidden = !timed;
  if (!timed) return;
  const then = hasBefore() ? evaluate(metric.formula, earlier ?? emptyOf(metric)) : null;
  const found = change(now, then, metric);
  note.className = `change ${found?.tone ?? "even"}`;
  if (!found) {
    note.textContent = hasBefore() ? "no comparable earlier value" : "no earlier period";
    return;
  }
  const arrow = { up: "▲", down: "▼", flat: "■" }[found.direction];
  const judged = { good: "better: ", bad: "worse: ", even: "" }[found.tone];
  note.replaceChildren(make("span", { "aria-hidden": "true" }, arrow), make("span", { class: "hidden" }, judged),
    ` ${found.text} `, make("span", { class: "then", title: exact(then, metric) }, `from ${short(then, metric)}`));
}

function sparkline(box, metric) {
  const dataset = datasets[metric.dataset];
  box.replaceChildren();
  if (!dataset.timed) return;
  const grain = drawnGrain();
  const groups = addUp(dataset, chosen.range, where(dataset), (table, row) => coarse(table.buckets[row], grain));
  const points = wholeBuckets(grain).flatMap((b) => {
    const v = groups.has(b) ? evaluate(metric.formula, groups.get(b)) : null;
    return v === null ? [] : [[b, v]];
  });
  if (points.length < 3) return;
  const [low, high] = [Math.min(...points.map(([, v]) => v)), Math.max(...points.map(([, v]) => v))];
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const place = ([b, v]) => `${(((b - first) / (last - first)) * 100).toFixed(2)},${(22 - ((v - low) / (high - low || 1)) * 20).toFixed(2)}`;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  const line = document.createElementNS(svg.namespaceURI, "polyline");
  line.setAttribute("points", points.map(place).join(" "));
  svg.append(line);
  box.append(svg);
}

// --- time as it is drawn

function drawnGrain(asked = null) {
  const days = finish(chosen.range.last, model.grain) - start(chosen.range.first, model.grain) + 1;
  const grain = asked ?? model.drawn.find(([limit]) => days <= limit)[1];
  return model.grains.includes(grain) ? grain : model.grain;
}

const known = new Map();
function coarse(number, grain) {
  if (grain === model.grain) return number;
  const key = `${grain}${number}`;
  if (!known.has(key)) known.set(key, bucket(start(number, model.grain), grain));
  return known.get(key);
}

const isWhole = (b, grain, range) => start(b, grain) >= start(range.first, model.grain) && finish(b, grain) <= finish(range.last, model.grain);

function bucketsOf(range, grain) {
  const [first, last] = [coarse(range.first, grain), coarse(range.last, grain)];
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function wholeBuckets(grain) {
  const all = bucketsOf(chosen.range, grain);
  const whole = all.filter((b) => isWhole(b, grain, chosen.range));
  return whole.length > 2 ? whole : all;
}

// --- filters and drill-down

const dates = model.whole && dateFilter({ whole: model.whole, grain: model.grain, presets: model.presets }, (range) => { chosen.range = range; render(); });
if (dates) host("filters").append(dates.element);
const pickers = [...new Set(datasets.flatMap((d) => d.dimensions.map(({ name }) => name)))].map((name) => {
  const same = datasets.flatMap((d) => d.dimensions.filter((dimension) => dimension.name === name));
  const filter = valueFilter(same[0].label, same.flatMap(({ values }) => values), (values) => { chosen.picked.set(name, values); render(); });
  host("filters").append(filter.element);
  return { name, ...filter };
});
const reset = make("button", { type: "button", id: "reset", onclick: () => {
  chosen.range = model.opening ?? chosen.range;
  chosen.picked.clear();
  chosen.path = [];
  sections.forEach((section) => section.restart());
  render();
} }, "Reset");
host("filters").append(reset);

function drill(section, dimension, group) {
  const { name, label } = section.dataset.dimensions[dimension];
  const texts = new Set(group.codes.map((code) => section.dataset.dimensions[dimension].values[code]));
  chosen.path.push({ dimension: name, texts, label: `${label}: ${group.label}`, section, by: section.by });
  const used = new Set(chosen.path.map((step) => step.dimension));
  const next = section.dataset.dimensions.findIndex((d) => !used.has(d.name));
  if (!group.others) section.by = next < 0 ? dimension : next;
  else section.by = dimension;
  render();
}

function backTo(depth) {
  const [step] = chosen.path.splice(depth);
  if (step) step.section.by = step.by;
  render();
}

function renderFilters() {
  dates?.update(chosen.range);
  pickers.forEach((picker) => picker.update(chosen.picked.get(picker.name) ?? new Set()));
  const crumbs = [make("button", { type: "button", onclick: () => backTo(0) }, "All"),
    ...chosen.path.map((step, i) => make("button", { type: "button", dir: "auto", "aria-current": i === chosen.path.length - 1 ? "true" : null, onclick: () => backTo(i + 1) }, step.label))];
  host("crumbs").hidden = chosen.path.length === 0;
  host("crumbs").replaceChildren(make("ol", {}, ...crumbs.map((button) => make("li", {}, button))));
  if (!model.whole) return;
  const now = spanText(start(chosen.range.first, model.grain), finish(chosen.range.last, model.grain));
  const then = spanText(start(before().first, model.grain), finish(before().last, model.grain));
  host("compared").textContent = hasBefore() ? `${now}, compared with ${then}` : `${now}; the data has no full earlier period of this length to compare with`;
}

function render() {
  tooltip.hidden = true;
  renderFilters();
  renderTiles();
  sections.forEach((section) => section.render());
  const turn = ++turns;
  document.documentElement.dataset.ready = "false";
  Promise.all(Chart.all.map((chart) => chart.work)).then(() => {
    if (turn === turns) document.documentElement.dataset.ready = "true"; // all charts show what is chosen
  });
}

let turns = 0;
render();
