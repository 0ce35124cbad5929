// Elements made from plain values; text is only ever text.

/**
 * An element with attributes and children.
 * @param {string} tag
 * @param {object} attributes true makes an empty one, null and false none; `onclick` and its kin listen
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function makeElement(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** An element of the page's template. */
export function byId(name) {
  return document.getElementById(name);
}

/** A word with a capital. */
export function capitalize(word) {
  return word[0].toUpperCase() + word.slice(1);
}

/** Let a menu close by Escape, which leads back to its summary, and by a press anywhere else; open, it is in the window. */
export function closeWhenLeft(menu, summary) {
  menu.addEventListener("toggle", () => {
    menu.classList.remove("from-right");
    const { right } = menu.lastElementChild.getBoundingClientRect();
    menu.classList.toggle("from-right", right > document.documentElement.clientWidth);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    summary.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}
