// Light and dark: the reader's choice if there is one, else the system's. Shared by every page.
(() => {
  "use strict";
  const root = document.documentElement;
  const kept = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const dark = () =>
    (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) ===
    "dark";

  if (["light", "dark"].includes(kept())) root.dataset.theme = kept();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = () =>
      button.setAttribute("aria-label", dark() ? "Switch to the light theme" : "Switch to the dark theme");
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try {
        localStorage.setItem("theme", root.dataset.theme);
      } catch {
        /* a page opened without storage forgets */
      }
      label();
    });
    label();
  });
})();
