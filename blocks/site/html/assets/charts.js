// A chart in a panel: draws what it is given, again when its place changes, and lets its marks be reached by
// pointer and keyboard. Which shapes there are is the drawing's: draw_trend.js and its kin.

import { hideTooltip, showTooltip } from "./tooltip.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** A chart in an element of the page. */
export class Chart {
  /**
   * @param {HTMLElement} host
   * @param {function(HTMLElement, object, object): SVGElement[]} drawing puts shapes into the host and returns the
   *   marks that can be reached, each with a `tip`, a `place` where a click on it looks inside, and `reveal` where
   *   there is more to see of it once it is reached
   */
  constructor(host, drawing) {
    Object.assign(this, { host, drawing, data: null, marks: [], known: new Map(), current: 0 });
    Object.assign(this, { width: 0, height: 0, shape: "" });
    host.addEventListener("keydown", (event) => this.onKey(event));
    host.addEventListener("pointerleave", hideTooltip);
    host.addEventListener("focusout", hideTooltip);
    host.addEventListener("pointermove", ({ target, clientX, clientY }) => {
      const mark = this.reach(target);
      if (mark) showTooltip(mark.tip, clientX, clientY);
    });
    host.addEventListener("focusin", ({ target }) => {
      const mark = this.reach(target);
      if (!mark || !target.matches(":focus-visible")) return;
      const { right, top } = target.getBoundingClientRect();
      showTooltip(mark.tip, right, top);
    });
    host.addEventListener("click", ({ target }) => {
      const mark = this.markOf(target);
      if (mark && this.actsOn(mark)) this.onpick(mark.place);
    });
    new ResizeObserver(([{ contentRect }]) => {
      const { width, height } = contentRect;
      // what has no height of its own is as high as what is drawn in it
      const isHigher = this.height > 0 && Math.abs(height - this.height) > 1;
      if (!this.data || (Math.abs(width - this.width) <= 1 && !isHigher)) return;
      this.shape = "";
      this.redraw();
    }).observe(host);
  }

  /**
   * Draw.
   * @param {object} data as the drawing takes it; `rows` is empty where there is nothing to show
   * @param {?function(number)} onpick called with the place of a mark that was clicked
   */
  draw(data, onpick = null) {
    Object.assign(this, { data, onpick });
    this.redraw();
  }

  redraw() {
    const { host, data } = this;
    const focused = host.contains(document.activeElement) ? this.current : -1;
    const empty = data.rows.length === 0;
    host.classList.toggle("is-empty", empty);
    host.replaceChildren();
    this.measure();
    this.marks = empty ? [] : this.drawing(host, data, { width: this.width, height: this.height });
    this.current = Math.min(Math.max(focused, 0), Math.max(this.marks.length - 1, 0));
    this.known = new Map(this.marks.map((mark) => [mark.element, mark]));
    this.marks.forEach((mark, number) => this.describe(mark, number));
    if (focused >= 0) this.marks[this.current]?.element.focus();
  }

  // The place of the drawing, asked for where it may be another: to ask, the browser has to lay out the whole page.
  measure() {
    const { host } = this;
    if (this.width && this.shape === host.className) return;
    this.shape = host.className;
    this.width = host.clientWidth;
    this.height = host.clientHeight;
  }

  describe(mark, number) {
    const { element, tip } = mark;
    element.setAttribute("tabindex", number === this.current ? "0" : "-1");
    element.setAttribute("role", this.actsOn(mark) ? "button" : "img");
    element.setAttribute("aria-label", tip.replaceAll("\t", ": ").replaceAll("\n", ", "));
  }

  actsOn({ place }) {
    return Boolean(this.onpick) && place !== undefined;
  }

  // The mark of an element, with all that there is to see of it.
  reach(element) {
    const mark = this.markOf(element);
    mark?.reveal?.();
    return mark;
  }

  // The mark that an element is, or is a part of.
  markOf(element) {
    for (let part = element; part && part !== this.host; part = part.parentNode) {
      if (this.known.has(part)) return this.known.get(part);
    }
    return null;
  }

  onKey(event) {
    const { key } = event;
    const mark = this.marks[this.current];
    if (!mark) return;
    if (key === "Escape") hideTooltip();
    else if (key === "Enter" || key === " ") {
      event.preventDefault();
      if (this.actsOn(mark)) this.onpick(mark.place);
    } else if (STEPS[key] || key === "Home" || key === "End") {
      event.preventDefault();
      this.move(this.next(key));
    }
  }

  next(key) {
    const last = this.marks.length - 1;
    if (key === "Home") return 0;
    if (key === "End") return last;
    return Math.min(Math.max(this.current + STEPS[key], 0), last);
  }

  move(to) {
    this.marks[this.current].element.setAttribute("tabindex", "-1");
    this.current = to;
    this.marks[to].element.setAttribute("tabindex", "0");
    this.marks[to].element.focus();
  }
}
