// Answers questions with the page's own program: reads {grain, datasets, questions} as JSON, writes the answers.

import { readFileSync } from "node:fs";
import * as page from "../javascript/page.js";

const { grain, datasets, questions } = JSON.parse(readFileSync(0, "utf-8"));
datasets.forEach((dataset) => page.prepareDataset(dataset, grain));
const ALL = { first: -1e6, last: 1e6 };
const ranges = datasets.map(({ tables }) => {
  const times = tables.flatMap((table) => [...(table.buckets ?? [])]).sort((a, b) => a - b);
  return times.length ? { first: times[0], last: times.at(-1) } : ALL;
});

function answer({ dataset: number, metric, per, by, where }) {
  const dataset = datasets[number];
  const selection = new page.Selection({ grain, grains: [], drawn: [], whole: null, opening: ranges[number] });
  if (where) selection.picked.set(where[0], new page.Choice([where[1]]));
  const view = { selection, dataset, metric };
  const dimension = dataset.dimensions.findIndex(({ name }) => name === by);
  if (!per && dimension < 0) return [[null, null, page.evaluate(metric.formula, page.totalsOf(selection, dataset).now)]];
  if (dimension < 0) {
    const points = page.fillGaps(view, page.findPoints(view, per), per, [{}]);
    return points.map(({ bucket, v }) => [page.firstDayOf(bucket, per), null, v]);
  }
  if (!per) {
    const ranking = page.groupsOf(view, dimension, 1e9);
    return page.compareGroups(view, ranking).map(({ label, v }) => [null, label, v]);
  }
  // A split line shows as many groups as there are colours: ask for each value as a group, a few at a time.
  const { values } = dataset.dimensions[dimension];
  const found = [];
  for (let first = 0; first < values.length; first += 15) {
    const place = (table, row) => {
      const code = table.codes[dimension][row] - first;
      return code >= 0 && code < 15 ? code : undefined;
    };
    for (const { bucket, place: at, v } of page.findGroupsOverTime(view, per, place))
      found.push([page.firstDayOf(bucket, per), values[first + at], v]);
  }
  return found;
}

process.stdout.write(JSON.stringify(questions.map(answer)));
