// @ts-check
// Do the figures of one point agree with each other, by what they mean? The laws of
// results/checks/order.py.

import { Real } from "./json.js";
import { member } from "./laws-claim.js";
import { atMost, general, held, said } from "./laws-held.js";

/** @import { Claim, Figure, Point, Rank } from "./laws-claim.js" */

/** @param {Claim} claim */
export function* valuesLieInTheirInterval({ figures, by }) {
  for (const { value, low, high, metric, where } of figures) {
    const [least, most] = [low ?? value, high ?? value];
    if (value < 0 && !by.order.SIGNED.includes(metric))
      yield held(where, `is negative: ${general(value)}`, value, 0);
    else if (!(least <= value && value <= most)) {
      const interval = `[${general(least)}, ${general(most)}]`;
      const reason = `${general(value)} lies outside its interval ${interval}`;
      yield held(where, reason, value, value < least ? least : most);
    }
  }
}

/** @param {Claim} claim */
export function* percentilesAreOrdered(claim) {
  for (const ranked of claim.series())
    for (let at = 1; at < ranked.length; at += 1) {
      const [lower, upper] = [ranked[at - 1], ranked[at]];
      if (!(lower.rank < upper.rank)) continue;
      const [p, q] = [general(lower.rank), general(upper.rank)];
      const reason = `p${p} is {left}, above p${q} at {right}`;
      yield atMost(lower.item.where, lower.item.value, upper.item.value, reason);
    }
}

/** A share 1 − q of all is at least p_q (Markov), and the median within a deviation of the mean.
 * @param {Claim} claim */
export function* meansLieAmongTheirQuantiles({ points, by }) {
  for (const point of points)
    for (const [metric, rank, mean] of point.ranked)
      if (rank === "mean" && mean.value > 0) yield* among(point, metric, mean, by.order);
}

/** @param {Point} point @param {string} metric @param {Figure} mean @param {Record<string, any>} by */
function* among(point, metric, mean, { ROUNDED, TAIL }) {
  const [{ where, value }, ranks] = [mean, point.ranks(metric)];
  for (const [rank, item] of ranks) {
    const reason = `p${general(rank)} alone makes the mean {left} at least, it is {right}`;
    yield atMost(where, item.value * (1 - rank / 100), value * ROUNDED, reason);
  }
  if (ranks.size) {
    const highest = Math.max(...[...ranks.values()].map((item) => item.value));
    const beyond = "the mean is {left}, its highest percentile allows {right}";
    yield atMost(where, value, highest * TAIL, beyond);
  }
  /** @type {Map<string, number>} */
  const told = new Map();
  for (const item of point.items)
    if (item.metric === metric) told.set(said(item.labels.statistic), item.value);
  const [spread, least, most] = ["std", "min", "max"].map((name) => told.get(name));
  const median = ranks.get(50)?.value;
  if (spread !== undefined && median !== undefined) {
    const reason = "mean and median are {left} apart, the standard deviation allows {right}";
    const mostApart = spread * ROUNDED + (ROUNDED - 1) * median;
    yield atMost(where, Math.abs(value - median), mostApart, reason);
  }
  if (least !== undefined)
    yield atMost(where, least, value * ROUNDED, "the mean is {right}, the least is {left}");
  if (most !== undefined)
    yield atMost(where, value, most * ROUNDED, "the mean is {left}, the most is {right}");
}

/** End-to-end = TTFT + TPOT × (OSL − 1) of each request, so that quantiles dominate.
 * @param {Claim} claim */
export function* latenciesContainEachOther({ points, by }) {
  const { ROUNDED, PARTS, OF_ALL } = by.order;
  for (const point of points) {
    for (const [metric, told, of, toldOf] of PARTS)
      for (const [rank, whole] of point.ranks(of)) {
        const part = point.get(metric, rank);
        const always = metric === OF_ALL[0] && of === OF_ALL[1];
        // A part that was seen of other requests bounds nothing.
        if (!part || (!always && part.n !== whole.n)) continue;
        const reason = `p${general(rank)} of ${told} is {left} ms, of ${toldOf} {right} ms`;
        yield atMost(part.where, part.value, whole.value * ROUNDED, reason);
      }
    if (point.load.osl > 1) yield* sums(point, point.load.osl - 1, by.order);
  }
}

/** @param {Point} point @param {number} steps @param {Record<string, any>} by */
function* sums(point, steps, { ROUNDED, ASKED_FOR, END_TO_END }) {
  const slack = point.exact ? ROUNDED : ASKED_FOR;
  const [ranks, paces] = [point.ranks("e2e"), point.ranks("tpot")];
  for (const [rank, whole] of ranks) {
    const pace = paces.get(rank);
    const told = `${general(steps)} steps at TPOT p${general(rank)} take {left} ms`;
    const reason = `${told}, the request {right} ms`;
    if (pace) yield atMost(pace.where, pace.value * steps, whole.value * slack, reason);
  }
  // Half of all end by the sum of both p90, all but a tenth by that of both p99. Medians add up to
  // nothing certain: they are held where no p90 is given.
  /** @type {[Rank, Rank, number][]} */
  const pairs = [
    [50, 90, ROUNDED],
    [90, 99, ROUNDED],
    ["mean", "mean", END_TO_END],
  ];
  if (!ranks.has(90)) pairs.push([50, 50, END_TO_END]);
  for (const [inner, outer, tolerance] of pairs) {
    const total = point.get("e2e", inner);
    const [first, step] = [point.get("ttft", outer), point.get("tpot", outer)];
    if (!total || !first || !step) continue;
    const most = (first.value + step.value * steps) * tolerance;
    const reason = "{left} ms, TTFT + TPOT × (OSL − 1) allows {right}";
    yield atMost(total.where, total.least, most, reason);
  }
}

/** The client waits no less than the engine works, and a crowd no less than one alone.
 * @param {Claim} claim */
export function* clocksAgree({ points, by }) {
  const { CLOCKS, ALONE } = by.order;
  const alone = points
    .filter(({ suite, load }) => suite === "inference" && load.batch === 1)
    .flatMap((point) => point.get("tpot", 50)?.least ?? []);
  const fastest = Math.min(...alone);
  for (const point of points) {
    for (const latency of ["tpot", "ttft"]) {
      const [seen, told] = [point.get(latency, 50), point.get(`engine_${latency}`)];
      const reason = "the engine says {left} ms, its client saw {right} ms";
      if (seen && told) yield atMost(seen.where, told.least * CLOCKS, seen.most, reason);
    }
    const pace = point.suite === "serving" ? point.get("tpot", 50) : null;
    if (!pace || !alone.length) continue;
    const quick = `${general(fastest, 4)} ms alone`;
    const reason = `{right} ms a token under load, ${quick}: below {left} ms`;
    yield atMost(pace.where, fastest / ALONE, pace.most, reason);
  }
}

/** More at once, longer contexts and longer prompts take no less time than fewer and shorter.
 * @param {Claim} claim */
export function* moreWorkTakesNoLess(claim) {
  const { NO_LESS, GROWING } = claim.by.order;
  for (const { name, points } of rising(claim))
    for (const metric of GROWING[name][1]) {
      let slowest = 0;
      for (const { size, point } of points) {
        const item = point.get(metric, 50);
        if (!item) continue;
        const less = `of less ${general(slowest, 4)} ms`;
        const reason = `{right} ms at ${name} ${general(size)}, ${less}`;
        if (slowest) yield atMost(item.where, slowest / NO_LESS, item.most, reason);
        slowest = Math.max(slowest, item.least);
      }
    }
}

/** Valid points whose cases differ in one number alone, in its order.
 * @param {Claim} claim */
function rising(claim) {
  const { GROWING, BY_SUITE } = claim.by.order;
  /** @type {Map<string, {name: string, points: {size: number, point: Point}[]}>} */
  const groups = new Map();
  for (const point of claim.points) {
    if (!point.exact || !point.valid) continue;
    const { suite, case: text } = point.items[0];
    const named = claim.caseLoad(suite, text);
    for (const name of member(BY_SUITE, suite) ?? []) {
      if (named[name] === undefined) continue;
      const rest = text.replace(new RegExp(`/${GROWING[name][0]}[0-9][^/]*`), "/");
      const key = JSON.stringify([name, suite, rest]);
      if (!groups.has(key)) groups.set(key, { name, points: [] });
      groups.get(key)?.points.push({ size: named[name], point });
    }
  }
  for (const { points } of groups.values()) points.sort((one, other) => one.size - other.size);
  return groups.values();
}

/** 1000 ÷ TPOT in ms, of the same statistic.
 * @param {Claim} claim */
export function* interactivityIsThePace({ points, by }) {
  const { INTERACTIVITY, FEW, MIDDLE } = by.order;
  for (const point of points)
    for (const rank of /** @type {Rank[]} */ ([50, "mean"])) {
      const bare = rank === 50 ? point.get("interactivity") : null;
      const seen = point.get("interactivity", rank) ?? bare;
      const pace = point.get("tpot", rank);
      if (!seen) continue;
      if (!pace) {
        if (point.exact && rank === 50 && seen.labels.saturated !== true)
          yield held(seen.where, "stands without the TPOT it is one over");
        continue;
      }
      const high = (1e3 / pace.least) * INTERACTIVITY;
      const parted = rank === 50 && pace.n < FEW && pace.n % 2 === 0;
      const low = 1e3 / pace.most / (parted ? MIDDLE : INTERACTIVITY);
      const [{ where }, above] = [seen, "{left} tokens/s a user, 1 ÷ TPOT is at most {right}"];
      yield atMost(where, seen.least, high, above);
      yield atMost(where, low, seen.most, "1 ÷ TPOT is {left} tokens/s, {right} are stated");
    }
}

/** @param {Claim} claim */
export function* goodRequestsAreRequests({ points, by }) {
  for (const point of points) {
    const [good, all] = [point.get("goodput"), point.get("request_throughput")];
    const reason = "{left} good requests/s of {right} in all";
    if (good && all) yield atMost(good.where, good.value, all.value * by.order.ROUNDED, reason);
    const failed = point.stated("failed");
    if (failed && point.exact)
      yield atMost(failed.where, failed.value, failed.n, "{left} of {right} requests failed");
  }
}

/** @param {Claim} claim */
export function* eachFigureStandsOnce(claim) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  for (const item of claim.figures) {
    const key = JSON.stringify([item.suite, item.case, item.metric, ...apart(claim, item)]);
    const other = seen.get(key);
    if (other !== undefined) {
      const reason = `stands twice: ${general(other)} and ${general(item.value)}`;
      yield held(item.where, reason, other, item.value);
    }
    seen.set(key, item.value);
  }
  yield* oneLoadHasOneCase(claim);
}

/** What tells a figure from others of its case and metric.
 * @param {Claim} claim @param {Figure} item */
function apart(claim, item) {
  const { RATES, WHOLE, APART } = claim.by.order;
  if (item.suite !== "attested" && RATES.includes(item.metric)) return [];
  if (item.suite !== "attested" && WHOLE.includes(item.metric)) return [claim.rank(item)];
  const labels = APART.map((/** @type {string} */ name) => comparable(item.labels[name]));
  return [item.method, ...labels];
}

/** A load that is stated twice, under two names, is the better of two.
 * @param {Claim} claim */
function* oneLoadHasOneCase({ points, by }) {
  const { ONE_LOAD, CONDITIONS } = by.order;
  /** @type {Map<string, string>} */
  const seen = new Map();
  for (const point of points) {
    const [first] = point.items;
    const [shape] = first.case.split("/");
    if (!(member(ONE_LOAD, point.suite) ?? []).includes(shape)) continue;
    const told = CONDITIONS.map((/** @type {string} */ name) => comparable(first.labels[name]));
    const key = JSON.stringify([point.suite, shape, ...told]);
    const other = seen.get(key);
    if (other !== undefined)
      yield held(first.where, `is the load of ${other} once more, under another name`);
    else seen.set(key, first.case);
  }
}

/** What Python compares a label by, to which true is 1.
 * @param {any} label */
function comparable(label) {
  if (label instanceof Real) return label.value;
  return typeof label === "boolean" ? Number(label) : (label ?? null);
}
