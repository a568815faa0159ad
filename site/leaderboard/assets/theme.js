// @ts-check
// Light or dark before the first paint; without this file the page follows the system. The other
// language shows the same view: its link takes along what the address says by then.
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
    const button = /** @type {HTMLButtonElement | null} */ (document.querySelector(".fm-theme"));
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
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
