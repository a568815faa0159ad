// @ts-check
// Which configurations hold the limits and what each month of them costs: results/prediction/choose.py,
// observed.py, deployments.py and market.py.
import { figure } from "./format.js";
import { Geometry } from "./laws-geometry.js";
import { Predictor } from "./predict.js";

/** @import { Setup, Refused } from "./predict.js" */
/** What is to be served; of rps and users one is null.
 * @typedef {{isl: number, osl: number, rps: number | null, users: number | null}} Demand */
/** What requests of a percentile may take, ms; null where anything will do, of the mean where no
 * percentile is asked for.
 * @typedef {{ttft: number | null, tpot: number | null, percentile: number | null}} Limits */
/** @typedef {{setup: Setup, concurrency: number, kind: string, basis: string, tpot: number[],
 *   ttft: number[], tail: (number | null)[], apart?: number}} Option apart: of a predicted one */
/** @typedef {{usd: number, label: string}} Price */
/** @typedef {{option: Option, rank: number, tied: boolean, ttft: number[], tpot: number[], rps: number,
 *   engines: number, chips: number, monthly: number[], perMtok: number, price: Price}} Ranked */
/** Why a chip is not ranked: a key of the page's words, and what they are filled with.
 * @typedef {{chip: string, why: string, values: Record<string, string>}} Loser */

export const HOURS_PER_MONTH = 730.5;
export const SECONDS_PER_HOUR = 3600;
export const MTOK = 1e6;

/** All that is known of a model's set-ups for a demand, and why others are refused.
 * @param {any} base what all models share @param {any} model what one adds @param {any[]} evidence rows
 * @param {Demand} demand
 * @param {{engine: string, atHand: Record<string, number | null>, precisions: string[],
 *   percentile: number | null}} asked chips and precisions; empty for all
 * @returns {{options: Option[], unseen: [string, string][]}} */
export function known(base, model, evidence, demand, { engine, atHand, precisions, percentile }) {
  const predictor = new Predictor(base, model);
  const chips = Object.keys(atHand).length ? Object.keys(atHand) : Object.keys(base.chips);
  const widths = precisions.length ? precisions : base.constants.deployments.PRECISIONS;
  const loads = base.constants.deployments.LOADS.length;
  /** @type {Option[]} */
  const options = [];
  /** @type {Set<string>} */
  const crowded = new Set();
  /** @type {Refused[]} */
  const refused = [];
  for (const chip of chips) {
    const reason = base.chips[chip].refused;
    if (reason) refused.push({ chip, reason, weight: loads });
    else
      for (const times of predictor.ofChip(chip, demand, engine, widths, refused))
        if (times.crowding > 1) crowded.add(chip);
        else options.push({ ...times, kind: "predicted", tail: [null, null] });
  }
  /** @param {string[]} wanted @param {string} name */
  const asked = (wanted, name) => !wanted.length || wanted.includes(name);
  for (const option of observed(base, evidence, demand, percentile))
    if (asked(Object.keys(atHand), option.setup.chip) && asked(precisions, option.setup.precision))
      options.push(option);
  const unseen = [...crowded].map((chip) => /** @type {[string, string]} */ ([chip, "memory does not hold the cache"]));
  return { options, unseen: [...unseen, ...reasons(refused)] };
}

/** Rows whose lengths are near. @param {any} base @param {any[]} rows @param {Demand} demand
 * @param {number | null} percentile @returns {Option[]} */
function observed({ constants }, rows, { isl, osl }, percentile) {
  /** @param {number} a @param {number} b */
  const near = (a, b) => Math.max(a, b) <= constants.deployments.NEAR * Math.min(a, b);
  return rows
    .filter((row) => near(row[7], isl) && near(row[8], osl))
    .map(([chip, engine, precision, ranks, concurrency, kind, basis, , , ttft, tpot, atFirst, atEach]) => ({
      setup: { chip, engine, precision, ranks },
      concurrency,
      kind,
      basis,
      ttft,
      tpot,
      tail: [atFirst, atEach].map((at) => at[String(percentile ?? 0)] ?? null),
    }));
}

/** Of each chip the reason that says most: memory, or else the one met most often.
 * @param {Refused[]} refused @returns {[string, string][]} */
function reasons(refused) {
  /** @type {Map<string, Map<string, number>>} */
  const byChip = new Map();
  for (const { chip, reason, weight } of refused) {
    const counts = byChip.get(chip) ?? new Map();
    counts.set(reason, (counts.get(reason) ?? 0) + weight);
    byChip.set(chip, counts);
  }
  return [...byChip].map(([chip, counts]) => {
    const full = [...counts.keys()].filter((reason) => reason.includes("do not fit"));
    const [[often]] = [...counts].sort(([, a], [, b]) => b - a);
    return [chip, full.at(-1) ?? `no evidence: ${often}`];
  });
}

/** Time of a percentile of requests over their mean: log-linear in the normal quantile.
 * @param {[number, number][]} points percentile and factor @param {number | null} percentile */
export function spread(points, percentile) {
  if (percentile === null) return 1;
  const known = points.map(([at, factor]) => [quantile(at / 100), Math.log(factor)]);
  const z = quantile(percentile / 100);
  const place = known.findIndex(([x], at) => at > 0 && z <= x);
  const end = place < 0 ? known.length - 1 : place;
  const [[x0, y0], [x1, y1]] = [known[end - 1], known[end]];
  return Math.exp(y0 + ((y1 - y0) * (z - x0)) / (x1 - x0));
}

/** Quantile of the normal distribution, by halving: its function is steep enough.
 * @param {number} share above 0 and below 1 */
function quantile(share) {
  let [low, high] = [-10, 10];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (below(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Share of the normal distribution below a place: half, and a series (Abramowitz and Stegun 26.2.11).
 * @param {number} z */
function below(z) {
  if (Math.abs(z) > 8) return z > 0 ? 1 : 0;
  let [term, total] = [z, z];
  for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(total); odd += 2) {
    term *= (z * z) / odd;
    total += term;
  }
  return 0.5 + (total * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}

/** Rank what holds the limits, by the month's bill.
 * @param {any} base @param {Option[]} options @param {[string, string][]} unseen chip and reason
 * @param {Demand} demand @param {Limits} limits @param {(chip: string) => Price | null} priceOf
 * @param {Record<string, number | null>} atHand how many there are @param {number} margin
 * @returns {{ranked: Ranked[], measure: Ranked[], losers: Loser[]}} */
export function choose(base, options, unseen, demand, limits, priceOf, atHand, margin) {
  const held = options.map((option) => heldTo(base.constants.choose.SPREADS, option, limits, margin));
  const rates = options.map((option) => ratesOf(option, demand));
  const lost = new Lost();
  for (const [chip, reason] of unseen) lost.add(chip, 0, "unseen", { reason });
  /** @type {Ranked[]} */
  const ranked = [];
  for (const place of best(options, held, rates)) {
    const { chip } = options[place].setup;
    const price = priceOf(chip);
    const own = sized(options[place], held[place], rates[place], demand, price);
    const has = atHand[chip] ?? null;
    if (has !== null && own.chips > has)
      lost.add(chip, 2, "few", { chips: String(own.chips), has: String(has) }, own.chips);
    else if (!price) lost.add(chip, 3, "unpriced", {});
    else ranked.push(own);
  }
  const ordered = withRanks(ranked, base.constants.choose.ORDER);
  const shown = new Set(ordered.map(({ option }) => option.setup.chip));
  held.forEach((own, place) => {
    const option = options[place];
    if (own.over > 1 && !shown.has(option.setup.chip))
      lost.add(option.setup.chip, 1, "over", missed(option, own, limits), own.over);
  });
  const predicted = ordered.filter(({ option }) => option.kind === "predicted");
  return {
    ranked: ordered,
    measure: predicted.sort((a, b) => a.monthly[0] - b.monthly[0]).slice(0, base.constants.choose.MEASURE),
    losers: lost.losers().filter(({ chip }) => !shown.has(chip)),
  };
}

/** @typedef {{times: Record<string, number[]>, margin: number, over: number, most: string}} Held */

/** @param {Record<string, [number, number][]>} spreads @param {Option} option @param {Limits} limits
 * @param {number} margin @returns {Held} */
function heldTo(spreads, option, limits, margin) {
  const kept = option.kind === "predicted" ? margin : 1;
  /** @type {Record<string, number[]>} */
  const times = {};
  let [over, most] = [0, ""];
  /** @type {["ttft", "tpot"]} */
  const metrics = ["ttft", "tpot"];
  metrics.forEach((metric, place) => {
    const own = option[metric];
    const tail = option.tail[place] ?? own[0] * spreadOf(spreads[metric], limits.percentile);
    times[metric] = own.map((time) => (time / own[0]) * tail);
    const limit = limits[metric];
    const share = limit === null ? 0 : (times[metric][0] * kept) / limit;
    if (share > over) [over, most] = [share, metric];
  });
  return { times, margin: kept, over, most };
}

/** Factors by their points and percentile: asked for at every option. @type {Map<string, number>} */
const SPREAD = new Map();

/** @param {[number, number][]} points @param {number | null} percentile */
function spreadOf(points, percentile) {
  const key = `${points} ${percentile}`;
  const factor = SPREAD.get(key) ?? spread(points, percentile);
  SPREAD.set(key, factor);
  return factor;
}

/** Requests each second of one engine, and its ends: least, most.
 * @param {Option} option @param {Demand} demand */
const ratesOf = ({ concurrency, ttft, tpot }, { osl }) =>
  [0, 2, 1].map((end) => (concurrency * 1e3) / (ttft[end] + tpot[end] * (osl - 1)));

/** Of each set-up and kind of evidence the load that serves most; no prediction of what was measured.
 * @param {Option[]} options @param {Held[]} held @param {number[][]} rates */
function best(options, held, rates) {
  /** @param {Option} option */
  const cell = ({ setup, concurrency }) => `${words(setup)} ${concurrency}`;
  const seen = new Set(options.filter(({ kind }) => kind !== "predicted").map(cell));
  /** @type {Map<string, number>} */
  const kept = new Map();
  options.forEach((option, place) => {
    if (held[place].over > 1 || (option.kind === "predicted" && seen.has(cell(option)))) return;
    const key = `${words(option.setup)} ${option.kind}`;
    const other = kept.get(key);
    if (other === undefined || rates[place][0] > rates[other][0]) kept.set(key, place);
  });
  return kept.values();
}

/** The fleet of an option, and its bill: of the figure, then of the ends of its interval.
 * @param {Option} option @param {Held} held @param {number[]} rates @param {Demand} demand
 * @param {Price | null} price @returns {Ranked} */
function sized(option, held, rates, demand, price) {
  const [tp, dp] = option.setup.ranks;
  const hourly = price?.usd ?? 0;
  const [engines, most, least] = rates.map((rate) => enginesOf(demand, option.concurrency, rate));
  const served = demand.rps ?? ((demand.users ?? 0) / option.concurrency) * rates[0];
  const perHour = engines * tp * dp * hourly;
  return {
    option,
    rank: 0,
    tied: false,
    ttft: held.times.ttft,
    tpot: held.times.tpot,
    rps: rates[0],
    engines,
    chips: engines * tp * dp,
    monthly: [engines, least, most].map((count) => count * tp * dp * hourly * HOURS_PER_MONTH),
    perMtok: (perHour / SECONDS_PER_HOUR / (served * demand.osl)) * MTOK,
    price: price ?? { usd: 0, label: "" },
  };
}

/** Whole engines; sums of floats are none.
 * @param {Demand} demand @param {number} concurrency @param {number} rps */
function enginesOf({ rps: wanted, users }, concurrency, rps) {
  const needed = wanted ? wanted / rps : (users ?? 0) / concurrency;
  return Math.max(1, Math.ceil(needed - 1e-6));
}

/** Rank by bill; those whose intervals reach the cheapest of a rank's interval share it.
 * @param {Ranked[]} ranked @param {Record<string, number>} order of evidence @returns {Ranked[]} */
function withRanks(ranked, order) {
  const sorted = [...ranked].sort((a, b) => {
    const [nameOfA, nameOfB] = [words(a.option.setup), words(b.option.setup)];
    return a.monthly[0] - b.monthly[0] || (nameOfA < nameOfB ? -1 : nameOfA > nameOfB ? 1 : 0);
  });
  /** @type {Ranked[][]} */
  const groups = [];
  for (const own of sorted) {
    const last = groups.at(-1);
    if (last && own.monthly[1] <= last[0].monthly[2]) last.push(own);
    else groups.push([own]);
  }
  let rank = 1;
  return groups.flatMap((group) => {
    const here = rank;
    rank += group.length;
    return group
      .sort((a, b) => order[a.option.kind] - order[b.option.kind])
      .map((own) => ({ ...own, rank: here, tied: group.length > 1 }));
  });
}

/** What a set-up is called, such as "h200-sxm, vllm, fp8, TP 4". @param {Setup} setup */
export function words({ chip, engine, precision, ranks: [tp, dp, , ep] }) {
  const more = [...(dp > 1 ? [`DP ${dp}`] : []), ...(ep > 1 ? [`EP ${ep}`] : [])];
  return [chip, engine, precision || "precision unsaid", `TP ${tp}`, ...more].join(", ");
}

/** @param {Option} option @param {Held} held @param {Limits} limits @returns {Record<string, string>} */
function missed(option, { times, margin, most }, limits) {
  const limit = most === "ttft" ? limits.ttft : limits.tpot;
  return {
    metric: most.toUpperCase(),
    percentile: limits.percentile === null ? "" : `p${limits.percentile}`,
    ms: figure(times[most][0]),
    limit: String(limit),
    margin: margin === 1 ? "" : `×${margin}`,
    setup: words(option.setup),
    load: String(option.concurrency),
  };
}

/** Why chips lose: of each the reason of the option that went furthest. */
class Lost {
  constructor() {
    /** @type {Map<string, [number, number, Loser]>} */ this.byChip = new Map();
  }

  /** @param {string} chip @param {number} stage @param {string} why
   * @param {Record<string, string>} values @param {number} [short] by how much it fell short */
  add(chip, stage, why, values, short = 0) {
    const held = this.byChip.get(chip);
    if (!held || stage > held[0] || (stage === held[0] && short < held[1]))
      this.byChip.set(chip, [stage, short, { chip, why, values }]);
  }

  /** One a chip, by name. */
  losers() {
    return [...this.byChip]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, [, , loser]]) => loser);
  }
}

/** Kilowatts of a fleet's chips at full load by the model of power (results/prediction/power.py), null
 * without a nameplate. @param {any} base @param {any} model @param {Record<string, any>} bits
 * @param {Ranked} ranked @param {Demand} demand */
export function kilowatts(base, model, bits, { option, rps, chips: all }, { isl, osl }) {
  const { setup, tpot } = option;
  const { tdp_w: tdp, draws } = base.chips[setup.chip];
  if (!tdp || !Geometry.expresses(model.geometry)) return null;
  const chips = setup.ranks[0] * setup.ranks[1];
  const batch = (rps * osl * tpot[0]) / 1e3;
  const count = Math.max(1, Math.round(batch));
  const geometry = new Geometry({
    ...model.geometry,
    read: { ...model.geometry.read, experts: touched(model, count) },
  });
  const context = Math.round(isl + osl / 2);
  const moved = geometry.decodeMinBytes(context, count, bits[setup.precision], 2);
  const flops = count * geometry.decodeFlops(context);
  const memory = Math.min(1, moved / draws.bandwidth / chips / tpot[0]);
  const arithmetic = Math.min(1, flops / draws.peak / chips / tpot[0]);
  const basis = [1, memory, Math.sqrt(arithmetic), arithmetic, chips > 1 ? 1 : 0, Math.log(Math.max(batch, 1))];
  const exponent = basis.reduce((total, value, at) => total + value * base.power.coefficients[at], 0);
  return (tdp * (1 - Math.exp(-Math.max(exponent, 0.01))) * all) / 1e3;
}

/** Weights of the experts that a step of so many tokens is expected to touch.
 * @param {any} model @param {number} tokens */
function touched(model, tokens) {
  let values = 0;
  for (const [count, place] of model.caches) {
    const { kind, experts, zero_experts: zero, experts_per_token: topk, expert_values: all } = model.parts[place];
    if (kind === "experts") values += count * all * (1 - (1 - topk / (experts + zero)) ** tokens);
  }
  return values;
}
