// A picture of what a page shows: its title, dates and filters, key figures and charts, drawn on a canvas.

import { makeShape } from "./svg.js";

const [WIDTH, GAP, SCALE] = [1200, 24, 2];
const STYLES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "font-size",
  "font-weight",
];
const ANCHORS = ["text-anchor", "dominant-baseline", "visibility", "opacity", "stroke-linejoin"];

/**
 * The PNG of a page as it is.
 * @param {string} title
 * @param {{dates: string, filters: string[]}} view
 * @returns {Promise<Blob>}
 */
export function drawPicture(title, view) {
  return draw(title, view);
}

async function draw(title, { dates, filters }) {
  const [ink, muted, surface] = ["--ink", "--muted", "--surface"].map(resolveColour);
  const parts = [];
  let top = GAP + 22;
  const write = (text, size, weight, fill, x = GAP) => {
    const style = { "font-size": size, "font-weight": weight, fill, "font-family": "sans-serif" };
    parts.push(makeShape("text", { x, y: top, ...style }, text));
  };
  write(title, 24, 700, ink);
  for (const line of [dates, filters.join(" · ")].filter(Boolean)) {
    top += 22;
    write(line, 13, 400, muted);
  }
  top += 34;
  top = writeTiles(write, (by) => (top += by), ink, muted) + GAP;
  for (const panel of document.querySelectorAll(".panel:not([hidden])")) {
    const drawn = [...panel.querySelectorAll(".chart svg")];
    if (!drawn.length) continue;
    write(panel.querySelector("h3").textContent, 15, 600, ink);
    top += 12;
    for (const svg of drawn) {
      const { width, height } = svg.getBoundingClientRect();
      const copy = copyStyled(svg);
      const [w, h] = [Math.min(width, WIDTH - 2 * GAP), height];
      for (const [name, value] of Object.entries({ x: GAP, y: top, width: w, height: h }))
        copy.setAttribute(name, value);
      parts.push(copy);
      top += h + GAP;
    }
    top += GAP;
  }
  const back = makeShape("rect", { width: WIDTH, height: top, fill: surface });
  const xmlns = "http://www.w3.org/2000/svg";
  return toPng(
    makeShape("svg", { xmlns, width: WIDTH, height: top, viewBox: `0 0 ${WIDTH} ${top}` }, back, ...parts),
    top,
  );
}

function writeTiles(write, down, ink, muted) {
  const tiles = [...document.querySelectorAll(".tile")];
  const across = Math.min(tiles.length, 5);
  const place = (i) => GAP + (i % across) * ((WIDTH - 2 * GAP) / across);
  let bottom = down(0);
  for (let row = 0; row < tiles.length; row += across) {
    const own = tiles.slice(row, row + across);
    own.forEach((tile, i) => write(tile.querySelector(".label").textContent, 13, 400, muted, place(i)));
    down(30);
    own.forEach((tile, i) => write(tile.querySelector(".value").textContent, 26, 700, ink, place(i)));
    down(22);
    own.forEach((tile, i) => write(tile.querySelector(".change").textContent, 12, 400, muted, place(i)));
    bottom = down(34);
  }
  return bottom;
}

// A colour as it is now, of a variable that differs by theme.
function resolveColour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

// A drawing with its style written into it, as a picture has no stylesheet.
function copyStyled(svg) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((each) => [each, ...each.querySelectorAll("*")]);
  from.forEach((element, i) => {
    const style = getComputedStyle(element);
    for (const name of [...STYLES, ...ANCHORS]) to[i].setAttribute(name, style.getPropertyValue(name));
    to[i].setAttribute("font-family", "sans-serif");
  });
  return copy;
}

async function toPng(svg, height) {
  const text = new XMLSerializer().serializeToString(svg);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: WIDTH * SCALE, height: height * SCALE });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
