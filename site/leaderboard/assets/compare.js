// @ts-check
// Two to four configurations side by side: figures, ratios to the first, and an honest verdict.
import { element, figure } from "./format.js";
import { ratio, verdict } from "./ratio.js";

/** @typedef {import("./ratio.js").Span} Span */

/** @type {[string, string, "higher" | "lower"][]} column, unit, which way is better */
const METRICS = [
  ["throughput", "tokens/s", "higher"],
  ["ttft", "ms", "lower"],
  ["tpot", "ms", "lower"],
  ["energy", "J/token", "lower"],
  ["cost", "CNY/Mtok", "lower"],
];
const MOST = 4;

class Compare extends HTMLElement {
  async connectedCallback() {
    this.base = this.dataset.base ?? "";
    const models = await (await fetch(`${this.base}data/board/index.json`)).json();
    /** @type {{key: string, name: string, model: string, figures: Record<string, Span | null>, order: number, method: string}[]} */
    this.rows = [];
    for (const { id } of models)
      this.add(await (await fetch(`${this.base}data/board/${id}.json`)).json());
    this.rows.sort((a, b) => a.order - b.order);
    addEventListener("popstate", () => this.show());
    this.show();
    this.setAttribute("ready", "");
  }

  /** @param {any} shard */
  add(shard) {
    const text = (/** @type {string} */ name, /** @type {number} */ at) =>
      shard.strings[name].values[shard.strings[name].codes[at]];
    for (let at = 0; at < shard.rows; at++) {
      /** @type {Record<string, Span | null>} */
      const figures = {};
      for (const [name] of METRICS) {
        const value = shard.numbers[name][at];
        figures[name] =
          value === null
            ? null
            : {
                value,
                low: shard.numbers[`${name}_low`][at],
                high: shard.numbers[`${name}_high`][at],
              };
      }
      this.rows?.push({
        key: `${text("digest", at).slice(0, 12)}:${text("suite", at)}/${text("case", at)}`,
        name: `${text("chip", at)} · ${text("model", at)} ${text("precision", at)} · ${text("load", at)} · ${text("date", at)}`,
        model: text("model", at),
        figures,
        // Serving first: the default pair is the one the static page shows.
        order: shard.numbers.rank[at] + (text("suite", at) === "serving" ? 0 : 1e9),
        method: text("energy_method", at),
      });
    }
  }

  /** @param {string} key */
  word(key) {
    return this.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }

  chosen() {
    const asked = new URLSearchParams(location.search).getAll("with").slice(0, MOST);
    const found = asked.flatMap((key) => this.rows?.filter((row) => row.key === key) ?? []);
    if (found.length) return found;
    const [first, ...rest] = this.rows ?? [];
    const other = rest.find((row) => row.model === first?.model);
    return [first, other ?? rest[0]].filter(Boolean);
  }

  /** @param {string[]} keys */
  choose(keys) {
    const query = new URLSearchParams(keys.filter(Boolean).map((key) => ["with", key]));
    history.pushState(null, "", `?${query}`);
    this.show();
  }

  show() {
    const chosen = this.chosen();
    const output = /** @type {HTMLElement} */ (this.querySelector(".output"));
    const pickers = element("form", "controls");
    for (let at = 0; at < Math.min(MOST, chosen.length + 1); at++) {
      const select = /** @type {HTMLSelectElement} */ (element("select"));
      select.append(
        new Option(at < 2 ? "" : "–", ""),
        ...(this.rows ?? []).map((row) => new Option(row.name, row.key)),
      );
      select.value = chosen[at]?.key ?? "";
      select.addEventListener("change", () => {
        const keys = chosen.map((row) => row.key);
        keys[at] = select.value;
        this.choose(keys);
      });
      pickers.append(element("label", "", `${this.word("configuration")} ${at + 1}`, select));
    }
    const head = element("tr", "", element("th", "", this.word("metric")));
    for (const row of chosen) head.append(element("th", "n", row.name));
    for (const cell of head.children) cell.setAttribute("scope", "col");
    const body = document.createElement("tbody");
    for (const [name, unit, better] of METRICS) {
      const line = element("tr", "", element("td", "head", this.word(name)));
      chosen.forEach((row, at) => line.append(this.cell(chosen[0], row, at, name, unit, better)));
      body.append(line);
    }
    const table = element("table", "board", element("thead", "", head), body);
    const names = new Set(chosen.map((row) => row.model));
    const warning = names.size > 1 ? [element("p", "note warn", this.word("models-differ"))] : [];
    output.replaceChildren(pickers, ...warning, element("div", "scroll", table));
  }

  /** @param {any} first @param {any} row @param {number} at @param {string} name
   * @param {string} unit @param {"higher" | "lower"} better */
  cell(first, row, at, name, unit, better) {
    const cell = element("td", "n");
    /** @type {Span | null} */
    const own = row.figures[name];
    if (!own) {
      cell.append(element("span", "muted", "–"));
      return cell;
    }
    const modelled = name === "energy" && row.method !== "measured";
    cell.append(
      element("b", modelled ? "num method modelled" : "num", figure(own.value)),
      " ",
      element("span", "unit", unit),
      element("span", "ci", own.low === null ? "–" : `${figure(own.low)} – ${figure(own.high)}`),
    );
    const reference = first.figures[name];
    if (at === 0 || !reference) return cell;
    const found = ratio(own, reference);
    if (!found) return cell;
    // Bounds of a model are no interval of a measurement: nothing can be concluded from them.
    const other = name === "energy" && first.method !== "measured";
    const said = modelled || other ? "unknown" : verdict(found, better);
    const interval = found.low === null ? "" : ` (${figure(found.low)} – ${figure(found.high)})`;
    cell.append(
      element("span", "ci", `×${figure(found.value)}${interval}`),
      element("span", `ci verdict-${said}`, this.word(`verdict-${said}`)),
    );
    return cell;
  }
}

customElements.define("fenmark-compare", Compare);
