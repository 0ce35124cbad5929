// What is chosen on a page as the fragment of its address, and back: an address shows what it was copied from.

import { writeCount, writeIsoDay, readDay } from "./number_format.js";
import { findBucket, lastDayOf, firstDayOf } from "./periods.js";
import { Choice } from "./selection.js";

const FIELDS = ["metric", "by", "split", "grain", "per", "small", "earlier"];

/**
 * What is chosen, as a text; empty for what the page opens with.
 * @param {object} model
 * @param {object} selection
 * @param {object[]} sections
 */
export function writeState(model, selection, sections) {
  const words = new URLSearchParams();
  const { range, path, against } = selection;
  if (model.whole && (range.first !== model.opening.first || range.last !== model.opening.last)) {
    words.append("from", writeIsoDay(firstDayOf(range.first, model.grain)));
    words.append("to", writeIsoDay(lastDayOf(range.last, model.grain)));
  }
  if (against !== "previous") words.append("against", against);
  for (const [name, { texts, excluded }] of selection.picked)
    for (const text of texts) words.append(`${excluded ? "not" : "is"}.${name}`, text);
  for (const { dimension, texts, section, by } of path)
    words.append("inside", JSON.stringify([sections.indexOf(section), by, dimension, ...texts]));
  sections.forEach((section, number) => {
    const chosen = section.choices();
    for (const [field, value] of Object.entries(chosen)) words.append(field + (number || ""), value);
  });
  return words.toString();
}

/**
 * A state as the fragment of the address: empty for what the page opens with, which a request may have wished; nothing
 * chosen at all then has a word of its own.
 * @param {string} state as `writeState` has it
 * @param {string} opening that of the page as it opens
 */
export function addressOf(state, opening) {
  if (state === opening) return "";
  return state || "open=all";
}

/** Choose what a text says; of what it can't mean, what the page opens with. */
export function readState(text, model, selection, sections) {
  const words = new URLSearchParams(text);
  selection.reset();
  sections.forEach((section, number) => {
    section.restart();
    for (const field of FIELDS) {
      const value = words.get(field + (number || ""));
      if (value !== null) section.choose(field, value);
    }
  });
  if (model.whole) selection.range = readRangeOf(words, model);
  if (words.get("against") === "year") selection.against = "year";
  for (const [key, value] of words) {
    if (key.startsWith("is.")) addPicked(selection, key.slice(3), value, false, sections);
    if (key.startsWith("not.")) addPicked(selection, key.slice(4), value, true, sections);
    if (key === "inside") takeStep(selection, value, sections);
  }
}

function readRangeOf(words, { whole, opening, grain }) {
  const [from, to] = ["from", "to"].map((name) => readDay(words.get(name) ?? ""));
  if (Number.isNaN(from) || Number.isNaN(to)) return opening;
  const inside = (number) => Math.min(Math.max(number, whole.first), whole.last);
  const [first, last] = [inside(findBucket(from, grain)), inside(findBucket(to, grain))];
  return first <= last ? { first, last } : opening;
}

// Of an address that names values both to be shown and to be left out, those that it names first count.
function addPicked(selection, name, value, excluded, sections) {
  if (!sections.some(({ dataset }) => dataset.dimensions.some((one) => one.name === name))) return;
  const before = selection.choice(name);
  if (before.isSet && before.excluded !== excluded) return;
  selection.picked.set(name, new Choice([...before.texts, value], excluded));
}

function takeStep(selection, value, sections) {
  let step;
  try {
    step = JSON.parse(value);
  } catch {
    return;
  }
  if (!Array.isArray(step)) return;
  const [number, by, name, ...texts] = step;
  const section = sections[number];
  const dimension = section?.dataset.dimensions.find((one) => one.name === name);
  if (!dimension || !section.dataset.dimensions[by] || !texts.length) return;
  const label = `${dimension.label}: ${texts.length === 1 ? texts[0] : `${writeCount(texts.length)} others`}`;
  selection.path.push({ dimension: name, texts: new Set(texts.map(String)), label, section, by });
}

/** What is chosen in words: the filters that are set, and the drill-down. */
export function describeFilters(selection, dimensions) {
  const filters = [...selection.picked].flatMap(([name, { texts, excluded }]) =>
    texts.size
      ? [`${dimensions.get(name) ?? name}: ${excluded ? "all but " : ""}${[...texts].join(", ")}`]
      : [],
  );
  return [...filters, ...selection.path.map(({ label }) => label)];
}
