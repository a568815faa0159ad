// @ts-check
// Light or dark before the first paint; without this file the page follows the system. The other
// language shows the same view: its link takes along what the address says by then. The search is
// fetched when its field is focused, which "/" does.
(() => {
  const root = document.documentElement;
  /** @returns {string | null} */
  const stored = () => {
    try {
      return localStorage.getItem("fenmark-theme");
    } catch {
      return null; // storage is forbidden: follow the system
    }
  };
  const chosen = stored();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  root.classList.replace("no-js", "js");

  addEventListener("DOMContentLoaded", () => {
    const other = /** @type {HTMLAnchorElement | null} */ (document.querySelector(".fm-lang"));
    for (const moment of ["pointerdown", "click"])
      other?.addEventListener(moment, () => {
        other.search = location.search;
        other.hash = location.hash;
      });
    const field = /** @type {HTMLInputElement | null} */ (document.querySelector(".fm-search input"));
    field?.addEventListener("focus", () => import("./search.js"), { once: true });
    addEventListener("keydown", (event) => {
      const plain = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
      const at = /** @type {HTMLElement} */ (event.target);
      if (!field || !plain || at.isContentEditable || at.matches("input, select, textarea")) return;
      event.preventDefault();
      field.focus();
      field.select();
    });
    const button = /** @type {HTMLButtonElement | null} */ (document.querySelector(".fm-theme"));
    button?.addEventListener("click", () => {
      const dark = root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      try {
        localStorage.setItem("fenmark-theme", root.dataset.theme);
      } catch {
        // the choice lasts for this page only
      }
    });
  });
})();
