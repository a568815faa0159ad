// @ts-check
// The table of what is known, alive: another figure, a pace for each user, better evidence.
import { money, unit } from "./currency.js";
import { element, figure, link } from "./format.js";

/** @typedef {{model: string, chip: string, chip_name: string, measure: string, value: number,
 *   tokens_per_s_per_user_at_least: number, evidence: string, id: string, words: string, quick: boolean}} Cell */

const FIELDS = ["measure", "limit", "evidence"];
const MARKS = /** @type {Record<string, string>} */ ({ measured: "●", reported: "◇" });
const UNITS = /** @type {Record<string, string>} */ ({ energy: "J/token", rate: "tokens/s" });
const LESS = new Set(["owned", "rented", "energy"]);
const MOST_MODELS = 12;
const MOST_CHIPS = 8;

class Best extends HTMLElement {
  /** @type {Cell[]} */ cells = [];
  /** Names of the models, by id, as the page has them. @type {Map<string, string>} */ names = new Map();

  async connectedCallback() {
    for (const row of this.querySelectorAll("tbody th a"))
      this.names.set(/** @type {HTMLAnchorElement} */ (row).pathname.split("/").at(-2) ?? "", row.textContent ?? "");
    const form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const query = new URLSearchParams(location.search);
      for (const name of FIELDS) {
        const field = this.field(name);
        if (field.selectedIndex) query.set(name, field.value);
        else query.delete(name);
      }
      history.replaceState(null, "", `?${query}`);
      this.show();
    });
    const query = new URLSearchParams(location.search);
    for (const name of FIELDS) {
      const wanted = query.get(name);
      const field = this.field(name);
      if (wanted !== null && [...field.options].some(({ value }) => value === wanted)) field.value = wanted;
    }
    if (FIELDS.some((name) => this.field(name).selectedIndex)) await this.show();
    this.setAttribute("ready", "");
  }

  /** @param {string} name */
  field(name) {
    return /** @type {HTMLSelectElement} */ (this.querySelector(`[name=${name}]`));
  }

  async show() {
    this.cells = this.cells.length ? this.cells : await (await fetch(`${this.dataset.base}data/board/best.json`)).json();
    const [measure, limit, evidence] = FIELDS.map((name) => this.field(name).value);
    const shown = this.cells.filter(
      (cell) =>
        cell.measure === measure &&
        cell.tokens_per_s_per_user_at_least === Number(limit) &&
        (evidence === "reported" || cell.evidence === evidence),
    );
    const rows = grouped(shown, "model").slice(0, MOST_MODELS);
    const chips = grouped(rows.flatMap(([, cells]) => cells), "chip").slice(0, MOST_CHIPS);
    const heads = chips.map(([chip, [{ chip_name }]]) => {
      const head = element("th", "n", link(`${this.dataset.root}chips/${chip}/`, chip_name));
      head.setAttribute("scope", "col");
      return head;
    });
    const first = /** @type {HTMLElement} */ (this.querySelector("thead th"));
    first.parentElement?.replaceChildren(first, ...heads);
    const body = /** @type {HTMLElement} */ (this.querySelector("tbody"));
    body.replaceChildren(...rows.map(([model, cells]) => this.row(model, cells, chips.map(([chip]) => chip))));
    if (!rows.length) body.append(element("tr", "", element("td", "muted", this.word("none"))));
  }

  /** @param {string} model @param {Cell[]} cells @param {string[]} chips */
  row(model, cells, chips) {
    const head = element("th", "", link(`${this.dataset.root}models/${model}/`, this.names.get(model) ?? model));
    head.setAttribute("scope", "row");
    const values = cells.map(({ value }) => value);
    const top = LESS.has(cells[0].measure) ? Math.min(...values) : Math.max(...values);
    return element("tr", "", head, ...chips.map((chip) => this.cell(cells.find((cell) => cell.chip === chip), top)));
  }

  /** @param {Cell | undefined} cell @param {number} top */
  cell(cell, top) {
    if (!cell) return element("td", "n", element("span", "muted", "–"));
    const priced = !(cell.measure in UNITS);
    const shown = link(`${this.dataset.root}${cell.id}`, "");
    shown.title = cell.words;
    shown.append(
      element("span", "mark", MARKS[cell.evidence] ?? ""),
      " ",
      element("b", "num", priced ? money(cell.value) : figure(cell.value)),
    );
    const ratio = LESS.has(cell.measure) ? cell.value / top : top / cell.value;
    const of = priced ? unit("Mtok") : element("span", "unit", UNITS[cell.measure]);
    return element("td", "n", shown, element("span", "ci", of, ` · ×${figure(ratio)}${cell.quick ? ` · ${this.word("quick")}` : ""}`));
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }
}

/** Cells by one of their names, those with most first.
 * @param {Cell[]} cells @param {"model" | "chip"} name @returns {[string, Cell[]][]} */
function grouped(cells, name) {
  /** @type {Map<string, Cell[]>} */
  const groups = new Map();
  for (const cell of cells) groups.set(cell[name], [...(groups.get(cell[name]) ?? []), cell]);
  return [...groups].sort(([a, ours], [b, theirs]) => theirs.length - ours.length || (a < b ? -1 : 1));
}

customElements.define("fenmark-best", Best);
