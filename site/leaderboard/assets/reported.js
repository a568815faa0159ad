// @ts-check
// What one publisher reports of one chip, alive: filter, sort, turn pages; every view and row is a link.
// The rows it opens with were made by the generator; a test compares the two.
import { kept, money, named, oneFen, unit } from "./currency.js";
import { element, figure, link } from "./format.js";

/** @typedef {{rent: number | null, rental: string, fens: number | null, owned: number | null,
 *   kwh: number | null, floor: number | null}} Cost */
/** @typedef {{id: string, group: number, published: number, model: string, precision: string, engine: string,
 *   load: string, flags: string[], chips: number | null, figures: Record<string, [number, string, ...string[]]>,
 *   costs: Cost[], link: string, date: string, system: string, place: string}} Row */

const PAGE = 50;
const FILTERS = ["model", "precision", "engine"];
const VIEW = [...FILTERS, "q", "sort", "page"];
const TEXT = new Set(["model", "load", "date"]);
const ORDER = new Intl.Collator("en", { numeric: true });

class Reported extends HTMLElement {
  /** @type {Row[] | undefined} */ rows;
  state = new URLSearchParams(location.search);
  form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
  table = /** @type {HTMLTableElement} */ (this.querySelector("table"));
  heads = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("th[data-column]")]);
  columns = new Map(this.heads.map((head) => [head.dataset.column ?? "", head.textContent ?? ""]));
  told = this.heads.filter((head) => "figure" in head.dataset).map((head) => head.dataset.column ?? "");

  async connectedCallback() {
    for (const head of this.heads) {
      const key = head.dataset.column ?? "";
      const button = /** @type {HTMLButtonElement} */ (element("button", "sort", head.textContent ?? ""));
      button.type = "button";
      button.addEventListener("click", () => this.set("sort", this.state.get("sort") === key ? `-${key}` : key));
      head.replaceChildren(button);
    }
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", (event) => {
      const { name, value, type } = /** @type {HTMLInputElement} */ (event.target);
      this.set(name, value, type === "search");
    });
    for (const [name, step] of /** @type {[string, number][]} */ ([["before", -1], ["after", 1]]))
      this.button(name).addEventListener("click", () => {
        this.set("page", String(this.page() + step));
        this.table.scrollIntoView();
      });
    addEventListener("popstate", () => {
      const before = String(this.state);
      this.state = new URLSearchParams(location.search);
      if (before !== String(this.state) || this.missing()) this.show(true);
    });
    // The table as it stands is the view of an address that asks for nothing else.
    if (VIEW.some((name) => this.state.has(name)) || this.missing()) await this.show(true);
    this.setAttribute("ready", "");
  }

  /** @param {string} name */
  button(name) {
    return /** @type {HTMLButtonElement} */ (this.querySelector(`button.${name}`));
  }

  page() {
    return Math.max(1, Math.trunc(Number(this.state.get("page"))) || 1);
  }

  /** The row that the address names; "" for none. */
  asked() {
    return location.hash.startsWith("#row-") ? location.hash.slice(1) : "";
  }

  missing() {
    return this.asked() !== "" && !document.getElementById(this.asked());
  }

  /** @param {string} name @param {string} value @param {boolean} [quietly] typing is one step back */
  set(name, value, quietly = false) {
    if (name !== "page") this.state.delete("page");
    if (value && !(name === "page" && value === "1")) this.state.set(name, value);
    else this.state.delete(name);
    this.write(quietly, "");
    this.show();
  }

  /** @param {boolean} quietly @param {string} hash */
  write(quietly, hash) {
    kept(this.state);
    const address = (this.state.size ? `?${this.state}` : location.pathname) + hash;
    if (quietly) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  }

  /** @param {Row[]} rows those that pass the filters, in order */
  chosen(rows) {
    const words = (this.state.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = rows.filter((row) => {
      const passes = FILTERS.every((name) => {
        const wanted = this.state.get(name);
        return !wanted || row[/** @type {"model"} */ (name)] === wanted;
      });
      if (!passes || !words.length) return passes;
      const { model, precision, engine, load, system, date, place } = row;
      const text = [model, precision, engine, load, system, date, place].join("\n").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const sort = this.state.get("sort") ?? "";
    const key = sort.replace(/^-/, "");
    if (key !== "published" && !this.columns.has(key)) return chosen;
    const way = sort.startsWith("-") ? -1 : 1;
    // Groups are never mixed, and what has no value comes last whichever way.
    return chosen.sort((a, b) => {
      const [left, right] = [of(a, key), of(b, key)];
      if (a.group !== b.group || left === right) return a.group - b.group;
      if (left === null || right === null) return left === null ? 1 : -1;
      return way * (typeof left === "string" ? ORDER.compare(left, String(right)) : left - Number(right));
    });
  }

  /** @param {boolean} [lead] to the row that the address names */
  async show(lead = false) {
    if (!this.rows) {
      try {
        const answer = await fetch(this.dataset.rows ?? "");
        if (!answer.ok) throw new Error(answer.statusText);
        this.rows = /** @type {Row[]} */ (await answer.json());
      } catch {
        this.say(this.word("failed"));
        return;
      }
    }
    let rows = this.chosen(this.rows);
    const asked = lead ? this.asked() : "";
    if (asked && this.rows.some(({ id }) => id === asked)) {
      if (!rows.some(({ id }) => id === asked)) {
        for (const name of [...FILTERS, "q"]) this.state.delete(name);
        rows = this.chosen(this.rows);
      }
      this.state.set("page", String(Math.floor(rows.findIndex(({ id }) => id === asked) / PAGE) + 1));
      if (this.page() === 1) this.state.delete("page");
      this.write(true, `#${asked}`);
    }
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    const page = Math.min(this.page(), pages);
    if (page !== this.page()) this.state.set("page", String(page));
    this.table.tBodies[0].replaceChildren(...rows.slice((page - 1) * PAGE, page * PAGE).map((row) => this.line(row)));
    this.reflect(page, pages);
    this.say(this.word(rows.length ? "rows" : "empty").replace("{n}", String(rows.length || this.rows.length)));
    const row = asked ? document.getElementById(asked) : null;
    row?.classList.add("asked");
    row?.scrollIntoView({ block: "center" });
  }

  /** Set the controls to what the address says. @param {number} page @param {number} pages */
  reflect(page, pages) {
    for (const control of /** @type {Iterable<HTMLInputElement>} */ (this.form.elements))
      if (control.tagName === "SELECT" || control !== document.activeElement)
        control.value = this.state.get(control.name) ?? "";
    const sort = this.state.get("sort") ?? "";
    for (const head of this.heads)
      if (sort.replace(/^-/, "") !== head.dataset.column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending");
    this.button("before").disabled = page === 1;
    this.button("after").disabled = page === pages;
    const told = /** @type {HTMLElement} */ (this.querySelector(".page"));
    told.textContent = this.word("page").replace("{n}", String(page)).replace("{total}", String(pages));
  }

  /** @param {string} text */
  say(text) {
    /** @type {HTMLElement} */ (this.querySelector(".count")).textContent = text;
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }

  /** @param {Row} row */
  line(row) {
    const head = element("th", "head", link(`#${row.id}`, row.model));
    head.setAttribute("scope", "row");
    for (const flag of row.flags) {
      const reason = element("span", "ci", flag);
      reason.lang = "en";
      head.append(element("span", "tag warn", this.word("flagged")), reason);
    }
    head.append(element("span", "ci", [row.precision, row.engine].filter(Boolean).join(" · ")));
    const published = row.link ? link(row.link, row.date || this.word("source")) : row.date || "–";
    const made = element(
      "tr",
      "",
      head,
      this.cell("load", "", row.load),
      this.cell("chips", "n", row.chips ? String(row.chips) : "–"),
      ...this.told.map((key) => this.cell(key, "n", ...this.figure(row.figures[key]))),
      ...(this.columns.has("cost") ? [this.cell("cost", "n", ...this.cost(row.costs))] : []),
      this.cell("date", "", published, element("span", "ci", row.system), element("span", "ci", row.place)),
    );
    made.id = row.id;
    return made;
  }

  /** @param {string} column @param {string} name @param {...(Node | string)} content */
  cell(column, name, ...content) {
    const made = element("td", name, ...content);
    made.dataset.label = this.columns.get(column) ?? "";
    return made;
  }

  /** @param {...(Node | string)} content */
  reported(...content) {
    return element("span", "nowrap method reported", element("span", "fm-hidden", `${this.word("reported")} `), ...content);
  }

  /** @param {[number, string, ...string[]] | undefined} own */
  figure(own) {
    if (!own) return [element("span", "muted", "–")];
    const [value, what, ...marks] = own;
    return [
      this.reported(element("b", "num", figure(value)), " ", element("span", "unit", what)),
      ...marks.map((mark) => element("span", "ci", mark)),
    ];
  }

  /** @param {Cost[]} costs */
  cost(costs) {
    if (!costs.length) return [element("span", "muted", "–")];
    return costs.flatMap(({ rent, rental, fens, owned, kwh, floor }) => {
      const made = [];
      if (rent !== null) {
        made.push(this.reported(element("b", "num", money(rent)), " ", unit("Mtok")), element("span", "ci", rental));
        made.push(oneFen(figure(fens), this.word("fen")));
      }
      if (owned !== null) made.push(element("span", "ci", `${this.word("owned")} `, money(owned), " ", unit("Mtok")));
      if (kwh !== null) made.push(element("span", "ci", `${figure(kwh)} ${named("kWh/Mtok")}`));
      if (floor !== null) made.push(element("span", "ci", `${this.word("floor")} `, money(floor), " ", unit("Mtok")));
      return made;
    });
  }
}

/** What a row is sorted by; null where it has no value. @param {Row} row @param {string} key */
function of(row, key) {
  if (TEXT.has(key)) return row[/** @type {"model" | "load" | "date"} */ (key)] || null;
  if (key === "chips" || key === "published") return row[key];
  return key === "cost" ? (row.costs[0]?.rent ?? null) : (row.figures[key]?.[0] ?? null);
}

customElements.define("fenmark-reported", Reported);
