// @ts-check
// Two to four configurations side by side: figures, ratios to the first, and an honest verdict.
import { NOTHING, Rows } from "./data.js";
import { kept, named, range, unit as moneyUnit } from "./currency.js";
import { element, figure, heading, interval, proof } from "./format.js";
import { NUMBERS, figures, line, offer } from "./save.js";
import { ratio, verdict } from "./ratio.js";

/** @typedef {import("./ratio.js").Span} Span */

/** @type {[string, string, "higher" | "lower"][]} column, unit, which way is better */
const METRICS = [
  ["throughput", "tokens/s", "higher"],
  ["ttft", "ms", "lower"],
  ["tpot", "ms", "lower"],
  ["energy", "J/token", "lower"],
  ["rent_usd", "Mtok", "lower"], // its unit is the reader's choice
  ["solved_usd", "1,000", "lower"],
];
/** What so many tokens or answers are paid as. @type {Record<string, number>} */
const MONEY = { rent_usd: 1, solved_usd: 1000 };
/** Columns of a file: the ratio to the first configuration, with its interval. */
const RATIOS = new Map(
  METRICS.map(([name]) => [name, ["", "_low", "_high"].map((end) => `${name}_ratio_to_first${end}`)]),
);
/** What does not belong to the same machine under the same work, and is said. */
const DIFFERENCES = ["model", "chip", "precision", "engine", "load"];
const MOST = 4;
// Configurations to choose from at once, best first: a list of thousands is not a choice.
const OFFERED = 300;

class Compare extends HTMLElement {
  rows = new Rows(this.dataset.base ?? "");
  about = NOTHING;
  /** @type {{row: number, key: string}[]} best first */ offered = [];
  /** @type {number[]} */ shown = [];

  async connectedCallback() {
    this.about = await this.rows.index();
    addEventListener("popstate", () => this.show());
    offer(this, "compare", new Set([...NUMBERS, ...RATIOS.values()].flat()), () => this.lines());
    await this.show();
    this.setAttribute("ready", "");
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }

  /** Models whose rows are offered: the one asked for, and those of the rows asked for.
   * @param {URLSearchParams} query */
  models(query) {
    const offered = query.get("model") ?? this.about.opening;
    const asked = new Set(query.getAll("with").map((key) => key.split("/")[0]));
    return this.about.models.map(({ id }) => id).filter((id) => !offered || id === offered || asked.has(id));
  }

  /** How an address names a row: model, digest, suite and case. @param {number} row */
  async key(row) {
    const digest = (await this.rows.digest(row)).slice(0, 12);
    return `${this.rows.text(row, "model_id")}/${digest}/${this.rows.text(row, "suite")}/${this.rows.text(row, "case")}`;
  }

  /** Keys are made for what is offered and for rows of the digests asked for only.
   * @param {string[]} asked */
  async choices(asked) {
    const { suite, model_id } = this.rows.texts;
    const models = new Set(asked.map((key) => model_id.code(key.split("/")[0])));
    const suites = (/** @type {number} */ row) => (suite.codes[row] === suite.code("serving") ? 0 : 1);
    // Serving first: the default pair is the one the static page shows.
    const order = [...this.rows.order("")].sort((a, b) => suites(a) - suites(b));
    const offered = order.filter((row, at) => at < OFFERED || models.has(model_id.codes[row]));
    const keyed = await Promise.all(offered.map(async (row) => ({ row, key: await this.key(row) })));
    return keyed.filter(({ key }, at) => at < OFFERED || asked.includes(key));
  }

  /** @param {URLSearchParams} query */
  go(query) {
    history.pushState(null, "", `?${kept(query)}`);
    this.show();
  }

  async show() {
    const query = new URLSearchParams(location.search);
    const asked = query.getAll("with").slice(0, MOST);
    await this.rows.load(this.models(query));
    this.offered = await this.choices(asked);
    const wanted = asked.flatMap((key) => this.offered.filter((offer) => offer.key === key));
    const chosen = wanted.length ? wanted : this.standard();
    const output = /** @type {HTMLElement} */ (this.querySelector(".output"));
    const rows = chosen.map(({ row }) => row);
    const warnings = [
      ...DIFFERENCES.filter((name) => new Set(rows.map((row) => this.rows.text(row, name))).size > 1).map(
        (name) => `${name}-differ`,
      ),
      ...(rows.some((row) => this.rows.number(row, "barred")) ? ["barred"] : []),
    ];
    const warning = warnings.map((key) => element("p", "note warn", this.word(key)));
    const digests = await Promise.all(rows.map((row) => this.rows.digest(row)));
    const table = element("div", "scroll", this.table(rows, digests));
    output.replaceChildren(this.pickers(query, chosen), ...warning, table);
    this.shown = rows;
  }

  /** The best row and the next of its model. */
  standard() {
    const [first, ...rest] = this.offered;
    const model = this.rows.texts.model.codes;
    const other = rest.find(({ row }) => model[row] === model[first.row]) ?? rest[0];
    return first && other ? [first, other] : [];
  }

  /** @param {number} row */
  name(row) {
    const text = (/** @type {string} */ name) => this.rows.text(row, name);
    return `${text("chip")} · ${text("model")} ${text("precision")} · ${text("load")} · ${text("date")}`;
  }

  /** @param {URLSearchParams} query @param {{row: number, key: string}[]} chosen */
  pickers(query, chosen) {
    const form = element("form", "controls");
    const models = /** @type {HTMLSelectElement} */ (element("select"));
    models.append(...this.about.models.map(({ id, name }) => new Option(name, id)));
    if (!this.about.opening) models.prepend(new Option("–", ""));
    models.value = query.get("model") ?? this.about.opening;
    models.addEventListener("change", () => this.go(new URLSearchParams([["model", models.value]])));
    form.append(element("label", "", this.word("model"), models));
    for (let at = 0; at < Math.min(MOST, chosen.length + 1); at++) {
      const select = /** @type {HTMLSelectElement} */ (element("select"));
      select.append(new Option("–", ""), ...this.offered.map(({ row, key }) => new Option(this.name(row), key)));
      select.value = chosen[at]?.key ?? "";
      select.addEventListener("change", () => {
        const keys = chosen.map(({ key }) => key);
        keys[at] = select.value;
        const kept = query.has("model") ? [["model", query.get("model") ?? ""]] : [];
        this.go(new URLSearchParams([...kept, ...keys.filter(Boolean).map((key) => ["with", key])]));
      });
      form.append(element("label", "", `${this.word("configuration")} ${at + 1}`, select));
    }
    return form;
  }

  /** What a column is headed by. @param {number} row @param {string} digest */
  head(row, digest) {
    const text = (/** @type {string} */ name) => this.rows.text(row, name);
    const lines = [text("model"), `${text("precision")} · ${text("engine")}`, text("load")];
    return element(
      "th",
      "n",
      element("b", "", text("chip")),
      ...lines.map((text) => element("span", "ci", text)),
      ...proof(this.rows, row, digest, this.dataset.root ?? "", (key) => this.word(key)),
    );
  }

  /** @param {number[]} rows @param {string[]} digests */
  table(rows, digests) {
    const head = element("tr", "", element("th", "", this.word("metric")));
    rows.forEach((row, at) => head.append(this.head(row, digests[at])));
    for (const cell of head.children) cell.setAttribute("scope", "col");
    const body = document.createElement("tbody");
    for (const metric of METRICS) {
      const line = element("tr", "", heading(this.word(metric[0])));
      rows.forEach((row) => line.append(this.cell(rows[0], row, metric)));
      body.append(line);
    }
    const caption = element("caption", "fm-hidden", this.word("caption"));
    return element("table", "board", caption, element("thead", "", head), body);
  }

  /** @param {number} first @param {number} row @param {(typeof METRICS)[0]} metric */
  cell(first, row, [name, unit, better]) {
    const cell = element("td", "n");
    const own = this.rows.span(row, name);
    if (!own) {
      cell.append(element("span", "muted", "–"));
      return cell;
    }
    const modelled = (/** @type {number} */ number) =>
      name === "energy" && this.rows.text(number, "energy_method") !== "measured";
    const count = MONEY[name];
    const shownAs = (/** @type {number[]} */ ...values) =>
      count ? range(values.map((value) => value * count)) : [values.map((value) => figure(value)).join(" – ")];
    const word = (/** @type {string} */ key) => this.word(key);
    const ends =
      own.low === null || own.high === null
        ? element("span", "ci", this.count(row, name))
        : interval(word, ...shownAs(own.low, own.high));
    cell.append(
      element("b", modelled(row) ? "num method modelled" : "num", ...shownAs(own.value)),
      " ",
      count ? moneyUnit(unit) : element("span", "unit", named(unit)),
      ends,
    );
    const ratioToFirst = this.against(first, row, name);
    if (!ratioToFirst) return cell;
    // Bounds of a model are not an interval of a measurement: nothing can be concluded from them.
    const judged = modelled(row) || modelled(first) ? "unknown" : verdict(ratioToFirst, better);
    const bounds = ratioToFirst.low === null ? "" : `(${figure(ratioToFirst.low)} – ${figure(ratioToFirst.high)})`;
    const announced = bounds ? [" ", element("span", "fm-hidden", `${word("interval")} `), bounds] : [];
    cell.append(
      element("span", "ci", `×${figure(ratioToFirst.value)}`, ...announced),
      element("span", `ci verdict-${judged}`, this.word(`verdict-${judged}`)),
    );
    return cell;
  }

  /** The ratio of a row to the first, null where one has no figure. @param {number} first @param {number} row @param {string} name */
  against(first, row, name) {
    const [own, reference] = [row, first].map((number) => this.rows.span(number, name));
    return row === first || !own || !reference ? null : ratio(own, reference);
  }

  /** The rows of this view, for a file. */
  lines() {
    const [first] = this.shown;
    return Promise.all(
      this.shown.map((row) => {
        const ratios = METRICS.flatMap(([name]) => {
          const ratioToFirst = this.against(first, row, name);
          const [value, low, high] = RATIOS.get(name) ?? [];
          return [[value, ratioToFirst?.value ?? null], [low, ratioToFirst?.low ?? null], [high, ratioToFirst?.high ?? null]];
        });
        return line(this.rows, row, { ...figures(this.rows, row), ...Object.fromEntries(ratios) });
      }),
    );
  }

  /** @param {number} row @param {string} name */
  count(row, name) {
    const samples = this.rows.numbers[`${name}_n`]?.[row];
    return samples === undefined ? "–" : `n = ${samples}`;
  }
}

customElements.define("fenmark-compare", Compare);
