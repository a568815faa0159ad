// @ts-check
// Answers of the choose page, computed here and shown where the page has its first one.
import { currency, money, named, unit } from "./currency.js";
import { OwnMachine } from "./choose-own.js";
import { COLON, COMMA, element, figure, link, times } from "./format.js";
import { HOURS_PER_MONTH, MTOK, SECONDS_PER_HOUR, choose, kilowatts, known } from "./choose-rank.js";

/** @import { Demand, Limits, Loser, Option, Price, Ranked } from "./choose-rank.js" */
/** What the form says; `own` is the reader's own price of a chip and hour, in dollars.
 * @typedef {{demand: Demand, limits: Limits, atHand: Record<string, number | null>, margin: number,
 *   own: number | null, engine: string, precisions: string[], kind: string, region: string}} Asked */
/** @typedef {HTMLElement & {within: (selector: string) => HTMLElement,
 *   word: (key: string, values?: Record<string, string>) => string}} Host */

const ENGINES = /** @type {Record<string, string>} */ ({ vllm: "vLLM", sglang: "SGLang", trtllm: "TensorRT-LLM", trt: "TensorRT-LLM" });
const OWNED = "owned";
const SHOWN = 20;

/** Answers questions one after another. */
export class Answers {
  /** What was known for the last question. @type {{key: string, of: ReturnType<typeof known>} | null} */ last = null;
  asked = 0;
  /** Whose tariff and grid. */ region = "";

  /** @param {Host} host the element whose parts show the answer @param {any} base what all models share
   * @param {any} market prices */
  constructor(host, base, market) {
    this.host = host;
    this.base = base;
    this.market = market;
    this.own = new OwnMachine(host, base.constants.choose);
  }

  /** @param {string} selector */
  within(selector) {
    return this.host.within(selector);
  }

  /** @param {string} key @param {Record<string, string>} [values] */
  word(key, values = {}) {
    return this.host.word(key, values);
  }

  /** @param {any} model its tables @param {Asked} asks @param {boolean} whole whether to show every row */
  show(model, asks, whole) {
    const { demand, limits, atHand, margin, own, engine, precisions } = asks;
    const { isl, osl } = demand;
    this.region = asks.region;
    const key = JSON.stringify([model.id, isl, osl, engine, precisions, Object.keys(atHand), limits.percentile]);
    const asked = { engine, atHand, precisions, percentile: limits.percentile };
    if (this.last?.key !== key) this.last = { key, of: known(this.base, model, model.evidence.rows, demand, asked) };
    const { options, unseen: refused } = this.last.of;
    /** @param {string} kind */
    const chosen = (kind) =>
      choose(this.base, options, refused, demand, limits, (chip) => this.price(chip, kind, own), atHand, margin);
    const choice = chosen(asks.kind);
    this.rank(choice.ranked, model, demand, whole);
    this.apart(choice.ranked);
    // The rest is asked once the answer stands: on a phone it takes as long.
    this.asked += 1;
    const question = this.asked;
    setTimeout(() => {
      if (question !== this.asked) return;
      if (own !== null) this.within(".ways").hidden = true;
      else this.ways(chosen, choice.ranked[0], demand, model.id);
      this.beside(choice);
    });
  }

  /** What to measure next, and each chip that is not ranked. @param {ReturnType<typeof choose>} choice */
  beside(choice) {
    this.list(".worth", choice.measure.map((ranked) => this.setup(ranked.option)));
    const [unseen, missed] = [true, false].map((never) => choice.losers.filter(({ why }) => (why === "unseen") === never));
    this.within(".losers").hidden = !choice.losers.length;
    this.list(".missed", missed.map((loser) => this.loser(loser)));
    this.list(".unseen", unseen.map((loser) => this.loser(loser)));
    this.within(".unseen summary").textContent = this.word("unpredicted", { n: String(unseen.length) });
  }

  /** Prefill and decode engines of the first prediction, were it served apart. @param {Ranked[]} ranked */
  apart(ranked) {
    const option = ranked.map((own) => own.option).find(({ apart }) => apart);
    const line = this.within(".apart");
    line.hidden = !option;
    const apart = option?.apart ?? 1;
    if (option)
      line.textContent = this.word("apart", {
        setup: this.named(option),
        prefill: figure(Math.max(apart, 1)),
        decode: figure(Math.max(1 / apart, 1)),
      });
  }

  place() {
    const { regions } = this.market;
    return regions.find((/** @type {any} */ { region }) => region === this.region) ?? regions[0];
  }

  /** What a chip costs by the hour. @param {string} chip @param {string} kind @param {number | null} own
   * @returns {Price | null} */
  price(chip, kind, own) {
    if (own !== null) return { usd: own, label: this.word("your own") };
    const { classes, owned, pue } = this.market;
    if (kind !== OWNED) {
      const rent = classes[kind]?.[chip];
      return rent ? { usd: rent[0], label: label(rent.slice(1)) } : null;
    }
    if (!owned[chip]) return null;
    const [usd, kw, ...labels] = owned[chip];
    return { usd: usd + kw * pue * this.place().usd_per_kwh, label: label(labels) };
  }

  /** @param {Ranked[]} ranked @param {any} model @param {Demand} demand @param {boolean} whole */
  rank(ranked, model, demand, whole) {
    const [best] = ranked;
    const head = this.within(".headline");
    this.within(".ranked").hidden = !best;
    if (!best) head.replaceChildren(this.word("none"));
    else
      head.replaceChildren(
        element("strong", "", this.word("best", { setup: this.named(best.option), n: String(best.chips) })),
        " ",
        element("b", "num", money(best.monthly[0])),
        " ",
        unit(this.word("month")),
        element("span", "ci", money(best.monthly[1]), " – ", money(best.monthly[2])),
      );
    const shown = whole ? ranked : ranked.slice(0, SHOWN);
    this.within(".ranked tbody").replaceChildren(...shown.map((own) => this.row(own, model, demand)));
    const more = this.within(".more");
    more.hidden = shown.length === ranked.length;
    const button = /** @type {HTMLElement} */ (more.querySelector("button"));
    more.replaceChildren(this.word("more", { n: String(ranked.length - shown.length) }), " ", button);
  }

  /** @param {Ranked} own @param {any} model @param {Demand} demand */
  row(own, model, demand) {
    const kw = kilowatts(this.base, model, model.evidence.bits, own, demand);
    const tons = kw === null ? null : (kw * HOURS_PER_MONTH * this.market.pue * this.place().g_per_kwh) / 1e6;
    const heads = [...this.host.querySelectorAll(".ranked thead th")].map(({ textContent }) => textContent ?? "");
    const place = element("td", "n", `${own.rank}${own.tied ? "=" : ""}`);
    if (own.tied) place.title = this.word("tie");
    const name = element("th", "", ...this.setup(own.option));
    name.title = own.option.kind === "predicted" ? this.word(own.option.basis) : own.option.basis;
    name.setAttribute("scope", "row");
    const cost = element("td", "n", ...bill(own.monthly));
    cost.title = own.price.label;
    const cells = [
      place,
      name,
      cost,
      element("td", "n", money(own.perMtok), " ", unit("Mtok")),
      element("td", "n", String(own.chips)),
      element("td", "n", ...times(own.ttft)),
      element("td", "n", ...times(own.tpot)),
      element("td", "n", figure(kw)),
      element("td", "n", figure(tons)),
    ];
    cells.forEach((cell, at) => cell instanceof HTMLTableCellElement && (cell.dataset.label = heads[at]));
    return element("tr", "", ...cells);
  }

  /** A set-up as people name it. @param {Option} option */
  named({ setup: { chip, engine, precision, ranks: [tp, dp, , ep] } }) {
    const ranks = [`TP ${tp}`, ...(dp > 1 ? [`DP ${dp}`] : []), ...(ep > 1 ? [`EP ${ep}`] : [])];
    return [this.market.names[chip] ?? chip, ENGINES[engine] ?? engine, precision, ...ranks].filter(Boolean).join(" · ");
  }

  /** A set-up with its mark, load, and the way to its evidence. @param {Option} option */
  setup(option) {
    const { kind, basis, concurrency, setup } = option;
    const [chip, ...rest] = this.named(option).split(" · ");
    const mark = element("span", "mark", this.base.constants.choose.MARKS[kind]);
    mark.title = this.word(kind);
    const said = kind === "predicted" ? `${this.word(kind)}${COMMA}${this.word(basis)}` : this.word(kind);
    const where = /^(?:reported|verify)\//.test(basis) ? link(`${this.host.dataset.root}${basis}`, said) : said;
    return [
      mark,
      " ",
      link(`${this.host.dataset.root}chips/${setup.chip}/`, chip),
      ` · ${rest.join(" · ")}`,
      element("span", "ci", `${this.word("at once", { n: String(concurrency) })} · `, where),
    ];
  }

  /** The least bill of each class, and of a hosted API.
   * @param {(kind: string) => ReturnType<typeof choose>} chosen @param {Ranked | undefined} best
   * @param {Demand} demand @param {string} id of the model */
  ways(chosen, best, demand, id) {
    const section = this.within(".ways");
    const kinds = [...Object.keys(this.market.classes).filter((kind) => Object.keys(this.market.classes[kind]).length), OWNED];
    const heads = [...section.querySelectorAll("thead th")].map(({ textContent }) => textContent ?? "");
    const rows = kinds.map((kind) => {
      const [first] = chosen(kind).ranked;
      const name = element("th", "", this.word(kind));
      name.setAttribute("scope", "row");
      const cells = first
        ? [element("td", "", ...this.setup(first.option)), element("td", "n", ...bill(first.monthly))]
        : [element("td", "muted", this.word("no class")), element("td", "n", "–")];
      cells.forEach((cell, at) => cell.setAttribute("data-label", heads[at + 1]));
      return element("tr", "", name, ...cells);
    });
    this.within(".ways tbody").replaceChildren(...rows);
    this.within(".api").replaceChildren(...this.api(best, demand, id));
    section.hidden = false;
  }

  /** What the same tokens cost from a hosted API.
   * @param {Ranked | undefined} best @param {Demand} demand @param {string} id of the model */
  api(best, { isl, osl, rps, users }, id) {
    const sold = this.market.apis[id];
    const rate = rps ?? (best ? (best.rps * (users ?? 0)) / best.option.concurrency : null);
    if (!sold || rate === null || !best) return [this.word("no api")];
    const monthly = rate * SECONDS_PER_HOUR * HOURS_PER_MONTH;
    const [middle, low, high] = [0, 1, 2].map((at) => (monthly / MTOK) * (isl * sold[0][at] + osl * sold[1][at]));
    const parts = this.word("api", { percent: figure((rate / (best.rps * best.engines)) * 100) }).split(/(\{\w+\})/);
    /** @type {Record<string, () => Node>} */
    const filled = { "{low}": () => money(low), "{high}": () => money(high), "{usd}": () => money(middle), "{unit}": code };
    return parts.map((part) => filled[part]?.() ?? part);
  }

  /** @param {Loser} loser @returns {(Node | string)[]} */
  loser({ chip, why, values }) {
    const name = link(`${this.host.dataset.root}chips/${chip}/`, this.market.names[chip] ?? chip);
    const key = why === "over" && values.margin ? "over margin" : why;
    const metric = [values.metric, values.percentile].filter(Boolean).join(" ");
    const text = this.word(key, { ...values, metric });
    return [name, COLON, element("span", "", why === "unseen" ? this.refusal(text) : text)];
  }

  /** Why a chip cannot be predicted, in the page's language: `_notice` in pages.py, alive.
   * @param {string} text @returns {Node | string} */
  refusal(text) {
    const { refusals } = this.host.dataset;
    if (!refusals) return text;
    /** @type {[string, string][]} */
    const known = Object.entries(JSON.parse(refusals));
    for (const [english, told] of known) {
      const pattern = english.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{(\w+)\}/g, "(?<$1>\\S+)");
      const matched = new RegExp(`^${pattern}$`).exec(text);
      if (matched) return told.replace(/\{(\w+)\}/g, (_all, name) => matched.groups?.[name] ?? "");
    }
    const sentence = element("span", "", text);
    sentence.lang = "en";
    return sentence;
  }

  /** @param {string} selector @param {(Node | string)[][]} items */
  list(selector, items) {
    const section = this.within(selector);
    section.hidden = !items.length;
    const list = /** @type {HTMLElement} */ (section.querySelector("ol, ul"));
    list.replaceChildren(...items.map((item) => element("li", "", ...item)));
  }
}

/** What a price rests on, in the page's language. @param {string[]} labels in English and Chinese */
const label = ([english, chinese]) => (document.documentElement.lang.startsWith("zh") ? chinese : english);

/** The code of the currency, which follows the choice. */
function code() {
  const made = element("span", "", named(currency()));
  made.dataset.unit = "";
  return made;
}

/** A bill and its range. @param {number[]} monthly */
function bill([middle, low, high]) {
  const told = element("b", "num", money(middle));
  return low === high ? [told] : [told, " ", element("span", "ci", money(low), " – ", money(high))];
}
