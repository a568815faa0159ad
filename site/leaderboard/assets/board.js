// @ts-check
// The leaderboard, alive: filter, search, sort, choose columns and units; every view is a link.
// The table it takes over was made by the generator; a test compares the two, cell by cell.
import { NOTHING, Rows } from "./data.js";
import { answers, kept, money, named, oneFen, perMtok, range, unit } from "./currency.js";
import { element, figure, heading, interval, link, proof } from "./format.js";
import { NUMBERS, figures, line, offer } from "./save.js";

const FILTERS = ["model", "chip", "suite", "precision", "tier"];
const SEARCHED = ["chip", "model", "precision", "engine", "load", "case"];
const PAGE = 50;
/** @type {Record<string, [string, 1 | -1]>} what a column sorts by, and which way is better */
const SORTS = {
  throughput: ["throughput", -1],
  ttft: ["ttft", 1],
  tpot: ["tpot", 1],
  energy: ["energy", 1],
  cost: ["rent_usd", 1],
  owned: ["owned_usd", 1],
  floor: ["floor_usd", 1],
};
// Columns that are away until a reader asks for them.
const AWAY = ["owned", "floor"];
const KWH_PER_MTOK = 1e6 / 3.6e6; // of a joule per token

class Board extends HTMLElement {
  // The script runs after the page is parsed: what stands in the element is there already.
  rows = new Rows(this.dataset.base ?? "");
  about = NOTHING;
  bar = /** @type {HTMLFormElement} */ (this.querySelector("form"));
  table = /** @type {HTMLTableElement} */ (this.querySelector("table"));
  /** @type {Map<string | undefined, string>} */ words = new Map();
  state = new URLSearchParams(location.search);
  limit = PAGE;
  asked = 0;
  root = this.dataset.root ?? "";

  async connectedCallback() {
    for (const holder of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-word]")))
      this.words.set(holder.dataset.word, holder.textContent ?? "");
    this.titles = new Map(this.heads().map((head) => [head.dataset.column, head.textContent ?? ""]));
    this.about = await this.rows.index();
    this.fill();
    this.listen();
    addEventListener("popstate", () => {
      this.state = new URLSearchParams(location.search);
      this.show();
    });
    // The table as it stands is the view of an address without a query: no row need be loaded.
    if (this.state.size) await this.show();
    else {
      this.reflect();
      const open = this.about.models.filter(({ id }) => !this.about.opening || id === this.about.opening);
      this.say(open.reduce((sum, { serving }) => sum + serving, 0));
    }
    this.setAttribute("ready", "");
    if (!this.state.size) this.rows.load(this.wantedModels());
  }

  /** @param {string} key */
  word(key) {
    return this.words.get(key) ?? key;
  }

  /** What a control stands at; by default decode-only windows, whose cost lacks the prompts, are left out.
   * @param {string} name */
  wanted(name) {
    const standard = { model: this.about.opening, suite: "serving" };
    return this.state.get(name) ?? standard[/** @type {"model" | "suite"} */ (name)] ?? "";
  }

  wantedModels() {
    const model = this.wanted("model");
    return this.about.models.map(({ id }) => id).filter((id) => !model || id === model);
  }

  heads() {
    return /** @type {HTMLElement[]} */ ([...this.table.querySelectorAll("thead th")]);
  }

  /** Give the controls their choices. */
  fill() {
    for (const name of FILTERS) {
      const select = /** @type {HTMLSelectElement} */ (this.bar.elements.namedItem(name));
      const values =
        name === "model"
          ? this.about.models.map((model) => [model.id, model.name])
          : this.about.choices[name].map((value) => [value, this.words.get(`${name}-${value}`) ?? value]);
      select.append(...values.map(([value, text]) => new Option(text, value)));
    }
    for (const head of this.heads()) {
      const key = head.dataset.column ?? "";
      if (!SORTS[key]) continue;
      const button = /** @type {HTMLButtonElement} */ (element("button", "sort", head.textContent ?? ""));
      button.type = "button";
      button.addEventListener("click", () =>
        this.set("sort", this.state.get("sort") === key ? `-${key}` : key),
      );
      head.replaceChildren(button);
    }
  }

  listen() {
    this.bar.addEventListener("submit", (event) => event.preventDefault());
    this.bar.addEventListener("input", (event) => {
      const { name, value, type, checked } = /** @type {HTMLInputElement} */ (event.target);
      if (type === "checkbox") this.hide(value, !checked);
      else this.set(name, value, type === "search");
    });
    this.querySelector(".more")?.addEventListener("click", () => {
      this.limit += PAGE;
      this.show();
    });
    this.querySelector(".reset")?.addEventListener("click", () => {
      this.state = new URLSearchParams("model=");
      this.set("suite", "serving");
    });
    offer(this, "leaderboard", NUMBERS, () => this.lines());
  }

  /** @param {string} name @param {string} value @param {boolean} [quietly] typing is one step back */
  set(name, value, quietly = false) {
    if (value || name === "model" || name === "suite") this.state.set(name, value);
    else this.state.delete(name);
    kept(this.state);
    const address = this.state.size ? `?${this.state}` : location.pathname;
    if (quietly) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.limit = PAGE;
    this.show();
  }

  /** @param {"hide" | "show"} name */
  listed(name) {
    return new Set(this.wanted(name).split(",").filter(Boolean));
  }

  putAway() {
    const shown = this.listed("show");
    return new Set([...this.listed("hide"), ...AWAY.filter((column) => !shown.has(column))]);
  }

  /** @param {string} column @param {boolean} away */
  hide(column, away) {
    const name = AWAY.includes(column) ? "show" : "hide";
    const listed = this.listed(name);
    if (away === (name === "hide")) listed.add(column);
    else listed.delete(column);
    this.set(name, [...listed].join(","));
  }

  /** Rows that pass the filters, in order. @returns {Uint32Array} */
  chosen() {
    const { texts } = this.rows;
    if (!this.rows.size) return new Uint32Array();
    const asked = this.wanted("sort");
    const [column, better] = SORTS[asked.replace("-", "")] ?? ["", 1];
    let chosen = this.rows.order(column, asked.startsWith("-") ? (better === 1 ? -1 : 1) : better);
    // One column at a time over what is left: a tight loop for each, however many rows there are.
    for (const name of FILTERS) {
      if (!this.wanted(name)) continue;
      const column = texts[name === "model" ? "model_id" : name];
      const [codes, code] = [column.codes, column.code(this.wanted(name))];
      // What another harness measured under a serving load stands with what was measured here.
      const also = name === "suite" && this.wanted(name) === "serving" ? column.code("attested") : code;
      chosen = chosen.filter((row) => codes[row] === code || codes[row] === also);
    }
    for (const word of this.wanted("q").toLowerCase().split(/\s+/).filter(Boolean)) {
      const columns = SEARCHED.map((name) => texts[name].search(word, this.rows.zh)).filter(
        ({ hits }) => hits.includes(true),
      );
      chosen = chosen.filter((row) => columns.some(({ codes, hits }) => hits[codes[row]]));
    }
    return chosen;
  }

  /** Set the controls and heads to what the address says. */
  reflect() {
    for (const control of /** @type {Iterable<HTMLInputElement>} */ (this.bar.elements))
      if (control.type === "checkbox") control.checked = !this.putAway().has(control.value);
      else if (control.name && (control !== document.activeElement || control.tagName === "SELECT"))
        control.value = this.wanted(control.name);
    const sort = this.wanted("sort");
    for (const head of this.heads()) {
      const key = head.dataset.column ?? "";
      head.hidden = this.putAway().has(key);
      if (sort.replace("-", "") === key) {
        const up = SORTS[key][1] === 1 ? !sort.startsWith("-") : sort.startsWith("-");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
      } else head.removeAttribute("aria-sort");
    }
  }

  /** @param {number} count of rows in the view */
  say(count) {
    const counter = /** @type {HTMLElement} */ (this.querySelector(".count"));
    const all = this.about.models.reduce((sum, { serving }) => sum + serving, 0);
    counter.textContent = this.word(count ? "rows" : "empty").replace("{n}", (count || all).toLocaleString("en-US"));
    /** @type {HTMLElement} */ (this.querySelector(".reset")).hidden = count > 0;
    const more = /** @type {HTMLElement} */ (this.querySelector(".more"));
    more.hidden = count <= this.limit;
    const cite = /** @type {HTMLElement} */ (this.querySelector(".cite"));
    cite.textContent = this.word("cite").replace("{n}", String(count)).replace("{url}", location.href);
  }

  async show() {
    this.asked += 1;
    const view = this.asked;
    await this.rows.load(this.wantedModels());
    const matching = this.chosen();
    const shown = [...matching.slice(0, this.limit)];
    const digests = await Promise.all(shown.map((row) => this.rows.digest(row)));
    // A later view was asked for while this one loaded.
    if (view !== this.asked) return;
    this.reflect();
    const hidden = this.putAway();
    this.table.tBodies[0].replaceChildren(
      ...shown.map((row, at) => this.line(row, digests[at], hidden)),
    );
    this.say(matching.length);
  }

  /** All rows of this view, for a file. */
  async lines() {
    await this.rows.load(this.wantedModels());
    return Promise.all([...this.chosen()].map((row) => line(this.rows, row, figures(this.rows, row))));
  }

  /** @param {number} row @param {string} digest @param {Set<string>} hidden */
  line(row, digest, hidden) {
    const text = (/** @type {string} */ name) => this.rows.text(row, name);
    const made = document.createElement("tr");
    /** @param {string} column @param {string} name @param {...(Node | string)} content */
    const cell = (column, name, ...content) => {
      const own = element("td", name, ...content);
      own.hidden = hidden.has(column);
      own.dataset.label = this.titles?.get(column) ?? "";
      made.append(own);
    };
    const chip = link(`${this.root}chips/${text("chip_id")}/`, "");
    chip.append(element("b", "", text("chip")));
    made.append(heading(chip));
    const model = text("model_id")
      ? link(`${this.root}models/${text("model_id")}/`, text("model"))
      : text("model");
    cell("model", "", model, element("span", "ci", `${text("precision")} · ${text("engine")}`));
    cell("load", "", text("load"));
    const method = text("throughput_method") || undefined;
    cell("throughput", "n", ...this.figure(row, "throughput", "", method));
    cell("ttft", "n", ...this.figure(row, "ttft", "ms", method));
    cell("tpot", "n", ...this.figure(row, "tpot", "ms", method));
    cell("energy", "n", ...this.energy(row));
    cell("cost", "n", ...this.rent(row), ...this.electricity(row));
    cell("owned", "n", ...this.usd(row, "owned_usd", "owned_basis"));
    cell("floor", "n", ...this.usd(row, "floor_usd", "floor_method"));
    cell("proof", "", ...proof(this.rows, row, digest, this.root, (key) => this.word(key)));
    return made;
  }

  /** @param {number} row @param {string} name @param {string} unit @param {string} [method] */
  figure(row, name, unit, method = "measured", scale = 1) {
    const own = this.rows.span(row, name);
    if (!own) return [element("span", "muted", "–")];
    const other = method !== "measured";
    const shown = element("span", other ? `nowrap method ${method}` : "nowrap");
    if (other) shown.append(element("span", "fm-hidden", `${this.word(method)} `));
    shown.append(element("b", "num", figure(own.value * scale)));
    if (unit) shown.append(" ", element("span", "unit", unit));
    if (own.low === null || own.high === null)
      return [shown, element("span", "ci", this.word("n").replace("{n}", String(this.rows.number(row, `${name}_n`))))];
    const ends = `${figure(own.low * scale)} – ${figure(own.high * scale)}`;
    return [shown, interval((key) => this.word(key), ends)];
  }

  /** @param {number} row */
  energy(row) {
    const kwh = this.wanted("unit") === "kwh";
    const [unit, scale] = kwh ? ["kWh/Mtok", KWH_PER_MTOK] : ["J/token", 1];
    const shown = this.figure(row, "energy", named(String(unit)), this.rows.text(row, "energy_method") || undefined, Number(scale));
    const meter = this.rows.span(row, "energy") ? this.rows.text(row, "meter") : "";
    return meter ? [...shown, element("span", "ci", meter)] : shown;
  }

  /** @param {number} row */
  electricity(row) {
    const method = this.rows.text(row, "electricity_method");
    const own = this.rows.span(row, "electricity_fens");
    if (!method || !own) return [];
    const measured = method === "measured";
    const times = measured ? figure(own.value) : `${figure(own.low)} – ${figure(own.high)}`;
    return [element("span", measured ? "ci" : `ci method ${method}`, `${this.word("electricity")} ${times}×`)];
  }

  /** @param {number} row @param {string} name @param {string} note what it rests on */
  usd(row, name, note) {
    const own = this.rows.number(row, name);
    return perMtok(Number.isNaN(own) ? null : [own], this.word("fen"), "measured", this.rows.text(row, note));
  }

  /** @param {number} row */
  rent(row) {
    const own = this.rows.span(row, "rent_usd");
    if (!own) return [element("span", "muted", "–"), element("span", "ci basis", this.rows.text(row, "rent_price"))];
    const ends =
      own.low === null || own.high === null
        ? element("span", "ci", "–")
        : interval((key) => this.word(key), ...range([own.low, own.high]));
    return [
      element("span", "nowrap", element("b", "num", money(own.value)), " ", unit("Mtok")),
      ends,
      oneFen(figure(this.rows.number(row, "rent_fens")), this.word("fen")),
      ...answers(this.rows, row, (key) => this.word(key)),
    ];
  }
}

customElements.define("fenmark-board", Board);
