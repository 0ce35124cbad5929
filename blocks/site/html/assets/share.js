// The menu that takes a view along: its link, a picture, a print, its table, a request to change it.

import { closeWhenLeft, makeElement } from "./elements.js";
import { download, nameFile } from "./files.js";
import { drawPicture } from "./picture.js";

const COPIED = "Copied";

/**
 * The menu.
 * @param {object} model
 * @param {function(): {dates: string, filters: string[], address: string}} describe what is shown now
 * @param {function(): object[]} tables the sections' tables
 */
export function makeShareMenu(model, describe, tables) {
  const status = makeElement("p", { role: "status", class: "note" });
  const say = (text) => (status.textContent = text);
  const named = () => {
    const { dates, filters } = describe();
    return nameFile(model.title, dates, filters);
  };
  const items = [
    ["Copy link", () => copyText(describe().address, say)],
    [
      "Picture (PNG)",
      () =>
        drawPicture(model.title, describe()).then((blob) => download(`${named()}.png`, [blob], "image/png")),
    ],
    ["Print or PDF", () => print()],
    ["Table (CSV)", () => tables().forEach((table) => table.saveCsv(named()))],
    ["Table (Excel)", () => tables().forEach((table) => table.saveXlsx(named()))],
    ["Ask for a change", () => askForChange(model, describe(), say)],
  ];
  const buttons = items.map(([label, onclick]) =>
    makeElement("button", { type: "button", class: "plain", onclick }, label),
  );
  const summary = makeElement("summary", {}, makeElement("span", {}, "Share"));
  const element = makeElement(
    "details",
    { class: "pick share" },
    summary,
    makeElement("div", { class: "menu" }, ...buttons, status),
  );
  closeWhenLeft(element, summary);
  return element;
}

async function copyText(text, say) {
  try {
    await navigator.clipboard.writeText(text);
    say(COPIED);
  } catch {
    const field = makeElement("textarea", { "aria-label": "To be copied" }, text);
    document.body.append(field);
    field.select();
    say(document.execCommand("copy") ? COPIED : text);
    field.remove();
  }
}

// What is looked at, for whoever is to change it: into the ticket where its tracker has an address, else a mail.
async function askForChange(model, { dates, filters, address }, say) {
  const lines = [
    `Dashboard: ${model.title}`,
    `Shown: ${[dates, ...filters].filter(Boolean).join("; ")}`,
    `Link: ${address}`,
    `Run: ${model.run}`,
    ...(model.ticket ? [`Ticket: ${[model.ticket, model.ticketUrl].filter(Boolean).join(" ")}`] : []),
    "",
    "What should change: ",
  ];
  if (/^https?:/.test(model.ticketUrl)) {
    open(model.ticketUrl, "_blank", "noopener");
    await copyText(lines.join("\n"), (text) =>
      say(
        text === COPIED
          ? `${model.ticket} is open, and this view copied: paste it there as a comment, and say what should change`
          : `${model.ticket} is open: copy this into a comment: ${text}`,
      ),
    );
    return;
  }
  const subject = `${model.ticket ? `${model.ticket}: ` : ""}change of ${model.title}`;
  const body = encodeURIComponent(lines.join("\r\n"));
  makeElement("a", {
    href: `mailto:${model.mail}?subject=${encodeURIComponent(subject)}&body=${body}`,
  }).click();
}
