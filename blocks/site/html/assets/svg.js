// Shapes and scales of charts: plain SVG, made from values. Nothing here knows what a chart shows.

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes, those that are null left out, and children; text is only ever text. */
export function makeShape(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Round values from one below `low` to one above `high`, about as many as asked for. */
export function niceTicks(low, high, count = 5) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / count;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * size).find((each) => each >= rough * 0.999);
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A function from values between two to places between two. */
export function makeScale(low, high, from, to) {
  const width = high - low || 1;
  return (value) => from + ((value - low) / width) * (to - from);
}

/** A bar from one place to another as a path, its far corners rounded. */
export function barPath(zero, end, top, height) {
  const length = end - zero;
  const round = Math.min(3, Math.abs(length), height / 2);
  const turn = length < 0 ? -round : round;
  const straight = end - turn;
  return `M${zero},${top}H${straight}q${turn},0 ${turn},${round}v${height - 2 * round}q0,${round} ${-turn},${round}H${zero}Z`;
}

/** A part of a ring around 0,0 as a path; angles in turns, clockwise from the top. */
export function arcPath(from, to, inner, outer) {
  const end = Math.min(to, from + 0.99999); // a whole turn would begin where it ends
  const at = (turns, radius) => {
    const angle = turns * 2 * Math.PI;
    return `${(Math.sin(angle) * radius).toFixed(3)},${(-Math.cos(angle) * radius).toFixed(3)}`;
  };
  const large = end - from > 0.5 ? 1 : 0;
  const out = `M${at(from, outer)}A${outer},${outer} 0 ${large} 1 ${at(end, outer)}`;
  return `${out}L${at(end, inner)}A${inner},${inner} 0 ${large} 0 ${at(from, inner)}Z`;
}
