// @ts-check
// What a signed result claims: figures by point, and what they are said to be of. The same reading
// as results/checks/claim.py, whose tables it is given.

import { Real } from "./json.js";
import { said } from "./laws-held.js";
import { modelOf, servedAt } from "./laws-models.js";

/** What data/proofs/laws.json holds (results/checks/tables.py).
 * @typedef {{laws: {name: string, outcome: string, formula: string, tolerance: string, find: string}[],
 *   constants: Record<string, Record<string, any>>, chips: Record<string, any>,
 *   chip_names: [string, string][],
 *   models: Record<string, any>, labels: Record<string, any>, units: Record<string, string>,
 *   versions: Record<string, {released: string, first_day: string}>}} Tables */
/** A percentile of a latency, "mean", or null for what is none.
 * @typedef {number | "mean" | null} Rank */

/** A member that a table has of its own: a name may be that of anything.
 * @param {Record<string, any>} table @param {string} name */
export const member = (table, name) => (Object.hasOwn(table, name) ? table[name] : undefined);

/** @param {string} pattern @param {string} flags */
export const whole = (pattern, flags = "u") => new RegExp(`^(?:${pattern})$`, flags);

/** An engine's flags by plain names, such as `tensor-parallel-size`; `--a_b=c` too.
 * @param {any} engine @returns {[string, any][]} */
const flagsOf = ({ flags = {} }) =>
  Object.entries(flags).map(([flag, value]) => flagOf(flag, value));

/** @param {string} flag @param {any} value @returns {[string, any]} */
function flagOf(flag, value) {
  const [, name, after] = /^([^=]*)=?([^]*)$/.exec(flag) ?? [];
  const plainly = name.replace(/^-+/, "").replaceAll("_", "-").toLowerCase();
  return [plainly, flag.includes("=") ? after : value];
}

/** An engine's flags, and what the run's options say as such.
 * @param {Claim} claim @param {any} engine @returns {[string, any][]} */
export function flagsOfRun({ predicate: { run }, by }, engine) {
  const options = run.options ?? {};
  const told = flagsOf(engine);
  for (const name of by.claim.AS_FLAGS) {
    const value = member(options, name);
    if (value !== undefined && value !== null && !Array.isArray(value)) told.push([name, value]);
  }
  const given = member(options, "engine_flags");
  for (const text of Array.isArray(given) ? given : []) {
    const words = said(text).split(" ").filter(Boolean);
    for (const [at, word] of words.entries()) {
      const following = words[at + 1] ?? "-";
      if (word.startsWith("-")) told.push(flagOf(word, following.startsWith("-") ? "" : following));
    }
  }
  return told;
}

/** A number as it stands in JSON, whole or not; null stays null.
 * @param {any} value */
const plain = (value) => (value instanceof Real ? value.value : value);

/** One figure of a result. */
export class Figure {
  /** @param {any} item @param {number} believed */
  constructor(item, believed) {
    /** @type {string} */
    this.suite = item.suite;
    /** @type {string} */
    this.case = item.case;
    /** @type {string} */
    this.metric = item.metric;
    /** @type {string} */
    this.unit = item.unit;
    /** @type {string} */
    this.method = item.method;
    /** @type {number} */
    this.value = plain(item.value);
    /** @type {number | null} */
    this.low = plain(item.low);
    /** @type {number | null} */
    this.high = plain(item.high);
    /** @type {number} */
    this.n = item.n;
    /** @type {Record<string, any>} */
    this.labels = item.labels ?? {};
    this.where = `${item.case} ${item.metric}`;
    // The ends of its interval, or the figure itself, which they never leave out.
    const [low, high] = [this.low ?? this.value, this.high ?? this.value];
    const [least, most] = [Math.min(low, this.value), Math.max(high, this.value)];
    this.least = this.low === null ? this.value : Math.max(least, this.value / believed);
    this.most = this.high === null ? this.value : Math.min(most, this.value * believed);
  }
}

/** The figures of one case, and the load they were taken under. */
export class Point {
  /** @param {Claim} claim @param {Figure[]} items */
  constructor(claim, items) {
    this.suite = items[0].suite;
    this.items = items;
    // Lengths are exact and figures are medians with intervals, as our own suites give.
    this.exact = this.suite !== "attested";
    this.valid = items.every((item) => item.labels.valid !== false);
    /** @type {Map<string, Figure>} */
    this.figures = new Map();
    for (const item of items) {
      const key = keyOf(item.metric, claim.rank(item));
      if (item.method !== "modelled" && !this.figures.has(key)) this.figures.set(key, item);
    }
    const stated = Object.assign(Object.create(null), ...items.map((item) => item.labels));
    /** @type {Record<string, number>} */
    this.load = claim.caseLoad(items[0].suite, items[0].case);
    const named = Object.keys(this.load).length > 0;
    for (const [name, names] of Object.entries(claim.by.claim.LOAD)) {
      if (named && name === "turns") continue; // a case that names its load replays no trace
      const given = names.map((/** @type {string} */ label) => claim.number(stated[label]));
      const value = given.find((/** @type {number | null} */ count) => count !== null && count > 0);
      if (value !== undefined) this.load[name] = value;
    }
    this.replayed = "turns" in this.load;
    /** @type {[string, Rank, Figure][]} */
    this.ranked = items
      .filter((item) => this.figures.get(keyOf(item.metric, claim.rank(item))) === item)
      .map((item) => [item.metric, claim.rank(item), item]);
  }

  /** A figure as it stands, whatever its value.
   * @param {string} metric @param {Rank} rank */
  stated = (metric, rank = null) => this.figures.get(keyOf(metric, rank));

  /** A figure above 0; null where the point has none.
   * @param {string} metric @param {Rank} rank */
  get(metric, rank = null) {
    const item = this.stated(metric, rank);
    return item && item.value > 0 ? item : null;
  }

  /** The mean of a latency, or its median.
   * @param {string} metric */
  middle = (metric) => this.get(metric, "mean") ?? this.get(metric, 50);

  /** The percentiles of a latency, in ascending order.
   * @param {string} metric @returns {Map<number, Figure>} */
  ranks(metric) {
    /** @type {[number, Figure][]} */
    const own = [];
    for (const [name, rank, item] of this.ranked)
      if (name === metric && typeof rank === "number" && item.value > 0) own.push([rank, item]);
    return new Map(own.sort(([p], [q]) => p - q));
  }
}

/** @param {string} metric @param {Rank} rank */
const keyOf = (metric, rank) => `${rank} ${metric}`;

/** What a signed result claims, with the tables it is checked against. */
export class Claim {
  /** @param {any} statement that fits its schema @param {Tables} tables */
  constructor(statement, tables) {
    const { predicate } = statement;
    const { machine, engines, measurements } = predicate;
    const { SPECULATION, NO_SPECULATION, BELIEVED } = tables.constants.claim;
    this.predicate = predicate;
    this.tables = tables;
    this.by = tables.constants;
    this.drafts = new RegExp(SPECULATION, "i");
    this.word = whole(this.by.claim.WORD);
    this.percentile = whole(this.by.claim.PERCENTILE);
    /** @type {Figure[]} */
    this.figures = measurements.map((/** @type {any} */ item) => new Figure(item, BELIEVED));
    this.chip = member(tables.chips, machine.chip.catalog_id ?? "") ?? null;
    /** @type {number} chips, or logical cores of a CPU */
    this.count = machine.chip.count;
    // A draft may give several tokens a step, as the result itself says.
    /** @type {[string, any][]} */
    const told = [
      ...engines.flatMap((/** @type {any} */ { flags = {} }) => Object.entries(flags)),
      ...this.figures.map(({ labels }) => ["speculation", labels.speculation ?? "none"]),
    ];
    this.speculative = told.some(
      ([name, value]) =>
        this.drafts.test(name) && !NO_SPECULATION.includes(said(value).toLowerCase()),
    );
    const model = modelOf(engines, tables);
    this.what = model && servedAt(model, engines, this.by);
    /** @type {string | null} a model that this page does not know how to compute with */
    this.unexpressed = model && !this.what ? model.name : null;
    /** @type {Point[]} */
    this.points = [...grouped(this.figures, ({ suite, case: name }) => [suite, name]).values()].map(
      (items) => new Point(this, items),
    );
  }

  /** A label as a finite number; a truth is none.
   * @param {any} label @returns {number | null} */
  number(label) {
    const value = plain(label);
    return typeof value === "number" && Math.abs(value) <= this.by.claim.MOST ? value : null;
  }

  /** @param {Figure} item @returns {Rank} */
  rank(item) {
    const stated = this.number(item.labels.percentile);
    if (stated !== null) return stated;
    const statistic = "statistic" in item.labels ? said(item.labels.statistic) : "";
    if (statistic === "mean") return "mean";
    if (statistic === "median") return 50;
    const named = this.percentile.exec(statistic);
    if (named) return Number(named[1]);
    return this.by.claim.LATENCIES.includes(item.metric) && !statistic ? 50 : null;
  }

  /** The load in the name of a case of ours; empty for any other.
   * @param {string} suite @param {string} name @returns {Record<string, number>} */
  caseLoad(suite, name) {
    const { WORDS, SHAPES } = this.by.claim;
    const [shape, ...parts] = name.split("/");
    const words = (SHAPES.includes(shape) && member(WORDS, suite)) || {};
    /** @type {Record<string, number>} */
    const load = {};
    for (const part of parts) {
      const [, letters, digits] = this.word.exec(part) ?? [];
      if (letters && Object.hasOwn(words, letters)) load[words[letters]] = Number(digits);
    }
    return Object.fromEntries(Object.entries(load).filter(([, value]) => value > 0));
  }

  /** What the file of an attested result says of its own subject, each answer once.
   * @param {string} name @returns {string[]} */
  saidByFile(name) {
    const own = this.figures.filter(({ suite }) => suite === "attested");
    const stated = own.map(({ labels }) => labels[`${name}_in_file`]);
    return [...new Set(stated.filter((value) => ["string", "number"].includes(typeof value)))].map(
      String,
    );
  }

  /** The percentiles of each distribution, in ascending order of rank. */
  *series() {
    const ranked = this.figures.flatMap((item) => {
      const rank = this.rank(item);
      return typeof rank === "number" ? [{ rank, item }] : [];
    });
    const groups = grouped(ranked, ({ item }) => [
      ...[item.suite, item.case, item.metric, item.method],
      "meter" in item.labels ? said(item.labels.meter) : "",
      said(item.labels.turn ?? item.labels.adapter ?? ""),
    ]);
    for (const group of groups.values()) yield group.sort((a, b) => a.rank - b.rank);
  }
}

/** @template T @param {T[]} items @param {(item: T) => string[]} key @returns {Map<string, T[]>} */
function grouped(items, key) {
  const groups = new Map();
  for (const item of items) {
    const name = JSON.stringify(key(item));
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(item);
  }
  return groups;
}
