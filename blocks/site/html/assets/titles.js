// Titles of charts; Python's plan.py has them, and `write_title`, which does the same.

/**
 * A panel's title with words in its places: `{metric}`, `{dimension}`, `{grain}`; a place without its word stays.
 * @param {string} title
 * @param {Object<string, string>} words
 * @returns {string}
 */
export function writeTitle(title, words) {
  return title.replace(/\{(\w+)\}/g, (place, name) => (Object.hasOwn(words, name) ? words[name] : place));
}
