// @ts-check
// The leaderboard, alive: filter, search, sort, choose columns and currency; every view is a link.
// The table it takes over was made by the generator; a test compares the two, cell by cell.
import { element, figure, link } from "./format.js";

/** @typedef {{rows: number, strings: Record<string, {values: string[], zh?: string[], codes: number[]}>, numbers: Record<string, (number | null)[]>}} Shard */

const FILTERS = ["model", "chip", "suite", "precision", "tier"];
const PAGE = 50;
/** @type {Record<string, [string, number]>} what a column sorts by, and which way is better */
const SORTS = {
  throughput: ["throughput", -1],
  ttft: ["ttft", 1],
  tpot: ["tpot", 1],
  energy: ["energy", 1],
  cost: ["cost", 1],
};

/** Rows of all loaded shards, addressed by one running number. */
class Rows {
  constructor() {
    /** @type {Shard[]} */
    this.shards = [];
    /** @type {{shard: number, at: number}[]} */
    this.places = [];
  }

  /** @param {Shard} shard */
  add(shard) {
    const number = this.shards.push(shard) - 1;
    for (let at = 0; at < shard.rows; at++) this.places.push({ shard: number, at });
  }

  /** @param {number} row @param {string} name @returns {number} NaN where there is none */
  number(row, name) {
    const { shard, at } = this.places[row];
    return this.shards[shard].numbers[name][at] ?? NaN;
  }

  /** @param {number} row @param {string} name @param {boolean} [zh] */
  string(row, name, zh = false) {
    const { shard, at } = this.places[row];
    const column = this.shards[shard].strings[name];
    return ((zh && column.zh) || column.values)[column.codes[at]];
  }

  /** @param {string} name */
  distinct(name) {
    return [...new Set(this.shards.flatMap((shard) => shard.strings[name].values))].sort();
  }
}

class Board extends HTMLElement {
  async connectedCallback() {
    /** @type {Map<string | undefined, string> | undefined} */
    this.words = undefined;
    this.rows = new Rows();
    this.table = /** @type {HTMLTableElement} */ (this.querySelector("table"));
    this.body = this.table.tBodies[0];
    this.zh = document.documentElement.lang.startsWith("zh");
    this.root = this.dataset.root ?? "";
    this.base = this.dataset.base ?? "";
    this.limit = PAGE;
    /** @type {{id: string, name: string, rows: number}[]} */
    this.models = await (await fetch(`${this.base}data/board/index.json`)).json();
    /** @type {Set<string>} */
    this.loaded = new Set();
    this.state = new URLSearchParams(location.search);
    addEventListener("popstate", () => {
      this.state = new URLSearchParams(location.search);
      this.show();
    });
    this.controls();
    await this.show();
    this.setAttribute("ready", "");
  }

  /** @param {string} key */
  word(key) {
    this.words ??= new Map(
      [.../** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-word]"))].map((one) => [
        one.dataset.word,
        one.textContent ?? "",
      ]),
    );
    return this.words.get(key) ?? key;
  }

  /** Big boards open on their largest model: a megabyte nobody asked for helps nobody. */
  get model() {
    const total = this.models?.reduce((sum, model) => sum + model.rows, 0) ?? 0;
    const standard = total > 2000 ? (this.models?.[0].id ?? "") : "";
    return this.state?.has("model") ? (this.state.get("model") ?? "") : standard;
  }

  /** The default leaves decode-only windows out: their cost lacks the prompts.
   * @param {string} name */
  wanted(name) {
    if (name === "model") return this.model;
    return this.state?.get(name) ?? (name === "suite" ? "serving" : "");
  }

  async load() {
    const wanted = (this.models ?? []).filter((one) => !this.model || one.id === this.model);
    const missing = wanted.filter((one) => !this.loaded?.has(one.id));
    const shards = await Promise.all(
      missing.map(async ({ id }) => (await fetch(`${this.base}data/board/${id}.json`)).json()),
    );
    for (const { id } of missing) this.loaded?.add(id);
    for (const shard of shards) this.rows?.add(shard);
    if (missing.length) this.options();
  }

  controls() {
    const bar = element("form", "controls");
    bar.addEventListener("submit", (event) => event.preventDefault());
    for (const name of FILTERS) {
      const select = /** @type {HTMLSelectElement} */ (element("select"));
      select.name = name;
      select.addEventListener("change", () => this.set(name, select.value));
      bar.append(element("label", "", this.word(name), select));
    }
    const search = /** @type {HTMLInputElement} */ (element("input"));
    search.type = "search";
    search.name = "q";
    search.addEventListener("input", () => this.set("q", search.value, true));
    bar.append(element("label", "", this.word("search"), search));
    const money = /** @type {HTMLSelectElement} */ (element("select"));
    money.name = "currency";
    money.append(new Option("CNY", ""), new Option("USD", "usd"));
    money.addEventListener("change", () => this.set("currency", money.value));
    bar.append(element("label", "", this.word("currency"), money));
    const columns = element("details", "columns", element("summary", "", this.word("columns")));
    for (const head of this.heads().slice(1)) {
      const box = /** @type {HTMLInputElement} */ (element("input"));
      box.type = "checkbox";
      box.name = head.dataset.column ?? "";
      box.addEventListener("change", () => this.hide(box.name, !box.checked));
      columns.append(element("label", "", box, ` ${head.textContent}`));
    }
    bar.append(columns);
    for (const head of this.heads()) {
      const key = head.dataset.column ?? "";
      if (!SORTS[key]) continue;
      const button = /** @type {HTMLButtonElement} */ (element("button", "sort", head.textContent ?? ""));
      button.type = "button";
      button.addEventListener("click", () => this.sortBy(key));
      head.replaceChildren(button);
    }
    this.count = element("p", "count sub");
    this.count.setAttribute("role", "status");
    this.more = /** @type {HTMLButtonElement} */ (element("button", "button", this.word("more")));
    this.more.type = "button";
    this.more.addEventListener("click", () => {
      this.limit = (this.limit ?? 0) + PAGE;
      this.show();
    });
    this.titles = new Map(this.heads().map((head) => [head.dataset.column, head.textContent ?? ""]));
    this.bar = bar;
    this.prepend(bar, this.count);
    this.append(this.more);
  }

  heads() {
    return /** @type {HTMLElement[]} */ ([...(this.table?.querySelectorAll("th") ?? [])]);
  }

  options() {
    for (const name of FILTERS) {
      const select = /** @type {HTMLSelectElement} */ (this.bar?.querySelector(`[name=${name}]`));
      const values =
        name === "model"
          ? (this.models ?? []).map((one) => [one.id, one.name])
          : (this.rows?.distinct(name) ?? []).map((value) => [value, value]);
      select.replaceChildren(
        new Option(this.word("all"), ""),
        ...values.map(([value, text]) => new Option(text, value)),
      );
    }
  }

  /** @param {string} name @param {string} value @param {boolean} [quietly] typing is one step back */
  set(name, value, quietly = false) {
    if (!this.state) return;
    if (value || name === "model" || name === "suite") this.state.set(name, value);
    else this.state.delete(name);
    const query = this.state.toString();
    const address = query ? `?${query}` : location.pathname;
    if (quietly) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.limit = PAGE;
    this.show();
  }

  /** @param {string} key */
  sortBy(key) {
    const now = this.state?.get("sort");
    this.set("sort", now === key ? `-${key}` : key);
  }

  /** @param {string} column @param {boolean} away */
  hide(column, away) {
    const hidden = new Set((this.state?.get("hide") ?? "").split(",").filter(Boolean));
    if (away) hidden.add(column);
    else hidden.delete(column);
    this.set("hide", [...hidden].join(","));
  }

  /** Row numbers that pass the filters, in order. @returns {number[]} */
  chosen() {
    const rows = /** @type {Rows} */ (this.rows);
    const state = /** @type {URLSearchParams} */ (this.state);
    const tests = FILTERS.filter((name) => name !== "model" && this.wanted(name)).map(
      (name) => [name, this.wanted(name)],
    );
    const words = (state.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (let row = 0; row < rows.places.length; row++) {
      if (this.model && rows.string(row, "model_id") !== this.model) continue;
      if (tests.some(([name, value]) => rows.string(row, String(name)) !== value)) continue;
      if (words.length) {
        const text = ["chip", "model", "precision", "engine", "load", "case"]
          .map((name) => rows.string(row, name))
          .join(" ")
          .toLowerCase();
        if (!words.every((word) => text.includes(word))) continue;
      }
      found.push(row);
    }
    return this.sorted(found);
  }

  /** @param {number[]} found */
  sorted(found) {
    const rows = /** @type {Rows} */ (this.rows);
    const asked = this.state?.get("sort") ?? "";
    const backwards = asked.startsWith("-") ? -1 : 1;
    const [name, better] = SORTS[asked.replace("-", "")] ?? ["rank", 1];
    // Read once: a comparison that looks values up costs twenty lookups a row.
    const keys = new Map(found.map((row) => [row, rows.number(row, name)]));
    const ranks = new Map(found.map((row) => [row, rows.number(row, "rank")]));
    return found.sort((a, b) => {
      const [x, y] = [keys.get(a) ?? NaN, keys.get(b) ?? NaN];
      // What has no figure stands last, whichever way the others go.
      if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
      if (x !== y && !Number.isNaN(x)) return (x - y) * better * backwards;
      return (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0);
    });
  }

  async show() {
    await this.load();
    const state = /** @type {URLSearchParams} */ (this.state);
    for (const control of /** @type {NodeListOf<HTMLInputElement>} */ (
      this.bar?.querySelectorAll("select, input[type=search]")
    ))
      if (control !== document.activeElement || control.tagName === "SELECT")
        control.value = this.wanted(control.name);
    const hidden = new Set((state.get("hide") ?? "").split(","));
    const sort = state.get("sort") ?? "";
    for (const head of this.heads()) {
      const key = head.dataset.column ?? "";
      head.hidden = hidden.has(key);
      const box = /** @type {HTMLInputElement | null} */ (
        this.bar?.querySelector(`[type=checkbox][name="${key}"]`)
      );
      if (box) box.checked = !hidden.has(key);
      if (sort.replace("-", "") === key) {
        const up = SORTS[key][1] === 1 ? !sort.startsWith("-") : sort.startsWith("-");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
      } else head.removeAttribute("aria-sort");
    }
    const found = this.chosen();
    this.body?.replaceChildren(
      ...found.slice(0, this.limit).map((row) => this.line(row, hidden)),
    );
    if (this.count) this.count.textContent = this.word("rows").replace("{n}", String(found.length));
    if (this.more) this.more.hidden = found.length <= (this.limit ?? 0);
  }

  /** @param {number} row @param {Set<string>} hidden */
  line(row, hidden) {
    const rows = /** @type {Rows} */ (this.rows);
    const text = (/** @type {string} */ name) => rows.string(row, name);
    const line = document.createElement("tr");
    /** @param {string} column @param {string} name @param {...(Node | string)} content */
    const cell = (column, name, ...content) => {
      const made = /** @type {HTMLTableCellElement} */ (element("td", name, ...content));
      made.hidden = hidden.has(column);
      if (column !== "chip")
        made.dataset.label = this.titles?.get(column) ?? "";
      line.append(made);
    };
    const chip = link(`${this.root}chips/${text("chip_id")}/`, "");
    chip.append(element("b", "", text("chip")));
    cell("chip", "head", chip);
    const model = text("model_id")
      ? link(`${this.root}models/${text("model_id")}/`, text("model"))
      : text("model");
    cell("model", "", model, element("span", "ci", `${text("precision")} · ${text("engine")}`));
    cell("load", "", rows.string(row, "load", this.zh));
    cell("throughput", "n", ...this.figure(row, "throughput", ""));
    cell("ttft", "n", ...this.figure(row, "ttft", "ms"));
    cell("tpot", "n", ...this.figure(row, "tpot", "ms"));
    cell("energy", "n", ...this.figure(row, "energy", "J/token", text("energy_method")));
    cell("cost", "n", ...this.money(row));
    const digest = text("digest");
    const run = `${this.root}chips/${text("chip_id")}/#run-${digest.slice(0, 12)}`;
    const flag = rows.number(row, "flags") ? [" ", link(run, this.word("flagged"), "tag warn")] : [];
    cell(
      "proof",
      "",
      element("span", "tag", this.word(`tier-${text("tier")}`)),
      ...flag,
      element(
        "span",
        "ci",
        `${text("date")} · ${text("profile")} · `,
        link(`${this.root}verify/?statement=${digest}`, this.word("verify")),
        " · ",
        link(`${this.base}statements/${digest}.dsse.json`, digest.slice(0, 8), "mono"),
      ),
    );
    return line;
  }

  /** @param {number} row @param {string} name @param {string} unit @param {string} [method] */
  figure(row, name, unit, method = "measured") {
    const rows = /** @type {Rows} */ (this.rows);
    const value = rows.number(row, name);
    if (Number.isNaN(value)) return [element("span", "muted", "–")];
    const other = method !== "measured";
    const shown = element("span", other ? `nowrap method ${method}` : "nowrap");
    if (other) shown.append(element("span", "fm-hidden", `${this.word(method)} `));
    shown.append(element("b", "num", figure(value)));
    if (unit) shown.append(" ", element("span", "unit", unit));
    const [low, high] = [rows.number(row, `${name}_low`), rows.number(row, `${name}_high`)];
    const interval = Number.isNaN(low)
      ? this.word("n").replace("{n}", String(rows.number(row, `${name}_n`)))
      : `${figure(low)} – ${figure(high)}`;
    return [shown, element("span", "ci", interval)];
  }

  /** @param {number} row */
  money(row) {
    const rows = /** @type {Rows} */ (this.rows);
    const cny = rows.number(row, "cost");
    const lines = Number.isNaN(cny) ? [element("span", "muted", "–")] : this.rent(row, cny);
    const method = rows.string(row, "electricity_method");
    if (!method) return lines;
    const [value, low, high] = ["", "_low", "_high"].map((end) =>
      figure(rows.number(row, `electricity${end}`)),
    );
    const measured = method === "measured";
    lines.push(
      element(
        "span",
        measured ? "ci" : `ci method ${method}`,
        `${this.word("electricity")} ${measured ? value : `${low} – ${high}`}×`,
      ),
    );
    return lines;
  }

  /** @param {number} row @param {number} cny */
  rent(row, cny) {
    const rows = /** @type {Rows} */ (this.rows);
    const usd = rows.number(row, "cost_usd");
    const dollars = this.state?.get("currency") === "usd";
    const scale = dollars ? usd / cny : 1;
    const [low, high] = [rows.number(row, "cost_low") * scale, rows.number(row, "cost_high") * scale];
    const other = dollars ? `¥${figure(cny)}` : `$${figure(usd)}`;
    return [
      element(
        "span",
        "nowrap",
        element("b", "num", figure(cny * scale)),
        " ",
        element("span", "unit", dollars ? "USD/Mtok" : "CNY/Mtok"),
      ),
      element("span", "ci", `${figure(low)} – ${figure(high)} · ${other}`),
      element(
        "span",
        "ci",
        element("span", "fen", `${figure(rows.number(row, "fens"))}×`),
        ` ${this.word("fen")}`,
      ),
    ];
  }
}

customElements.define("fenmark-board", Board);
