// @ts-check
// Do rate, latency and load fit each other? Little's law, and tokens over time: the laws of
// results/checks/queueing.py.

import { atMost, general, held } from "./laws-held.js";

/** @import { Claim, Figure, Point } from "./laws-claim.js" */
/** @typedef {Record<string, any>} Constants */

// Rates of tokens that are served, by what of a request they count: where nothing is generated it is
// the input.
const SERVED = /** @type {const} */ ([
  ["output_throughput", "osl"],
  ["prefill_throughput", "isl"],
]);

/** Requests in flight = request rate × mean time in the system, by tokens and by requests.
 * @param {Claim} claim */
export function* requestsInFlightAreTheLoad({ points, by }) {
  for (const point of points) {
    const { concurrency, rate } = point.load;
    const closed = rate === undefined && !point.replayed;
    if (point.suite === "serving") yield* latenciesAreStated(point, by.queueing);
    const time = meanTime(point, closed, by.queueing);
    if (concurrency === undefined || !time) continue;
    const requests = point.get("request_throughput");
    for (const [metric, length] of SERVED) {
      const [tokens, each] = [point.get(metric), point.load[length]];
      if (tokens && each) yield* inFlight(point, tokens, time, 1 / each, closed, by.queueing);
    }
    if (requests) yield* inFlight(point, requests, time, 1, closed, by.queueing);
  }
}

/** Between what the mean time of a request lies, ms; null where none is stated: percentiles bound
 * it, and the lower half is taken to fall as far as the upper one rises.
 * @param {Point} point @param {boolean} closed @param {Constants} by
 * @returns {[number, number] | null} */
function meanTime(point, closed, by) {
  const stated = closed ? point.get("e2e", "mean") : point.get("service_time", 50);
  if (stated || !closed) return stated && [stated.least, stated.most];
  const known = [...point.ranks("e2e")].map(([rank, item]) => ({ part: rank / 100, item }));
  if (!known.some(({ part }) => part === 0.5)) return null;
  const [lowest, highest] = [known[0], known[known.length - 1]];
  let [below, above] = [0, 0];
  for (const [place, { part, item }] of known.slice(1).entries()) {
    const before = known[place];
    below += (part - before.part) * before.item.least;
    above += (part - before.part) * item.most;
  }
  below += (1 - highest.part) * highest.item.least;
  const rises = lowest.part === 0.5 && highest !== lowest;
  const rise = rises ? above / (highest.part - lowest.part) / lowest.item.least : 1;
  const floor = lowest.part >= 0.5 ? lowest.item.least / Math.max(1, rise) : 0;
  const tail = (1 - highest.part) * by.BEYOND * highest.item.most;
  return [lowest.part * floor + below, lowest.part * lowest.item.most + above + tail];
}

/** A rate alone could be anything; one of a saturated load is bounded by what was offered.
 * @param {Point} point @param {Record<string, any>} by */
function* latenciesAreStated(point, by) {
  for (const [metric, length] of SERVED) {
    const tokens = point.get(metric);
    if (!tokens) continue;
    const missing = missingOf(point, tokens, length, by);
    yield held(tokens.where, missing ? `stands without ${missing}` : null);
  }
}

/** What a rate cannot be checked without; empty where all is there.
 * @param {Point} point @param {Figure} rate @param {string} length @param {Record<string, any>} by */
function missingOf(point, rate, length, { GENERATED, LOADS }) {
  const { load } = point;
  const saturated = load.rate !== undefined && rate.labels.saturated === true;
  if (!saturated && !point.middle("e2e")) return "the end-to-end time of its requests";
  if (GENERATED.includes(rate.metric) && !saturated && !point.middle("ttft"))
    return "the time of its first tokens";
  if (point.replayed) return "";
  if (!LOADS.some((/** @type {string} */ name) => load[name] !== undefined))
    return "the load it was taken under";
  return load[length] === undefined ? "the length of its requests" : "";
}

/** @param {Point} point @param {Figure} rate @param {[number, number]} time @param {number} perToken
 * @param {boolean} closed @param {Constants} by */
function* inFlight({ load: { concurrency: streams }, valid }, rate, time, perToken, closed, by) {
  const share = perToken / 1e3;
  const told = `rate × latency${perToken === 1 ? "" : " ÷ OSL"}`;
  const low = rate.least * time[0] * share;
  yield atMost(rate.where, low, streams * by.MOST, `${told} is {left} requests, {right} may be`);
  // An open loop's cap need not be reached, nor what an invalid point was asked for.
  if (!closed || !valid) return;
  const high = rate.most * time[1] * share;
  const reason = `${told} is {right} requests, ${general(streams)} are in flight`;
  yield atMost(rate.where, streams * by.LEAST, high, reason);
}

/** Open loop: completed ≤ offered.
 * @param {Claim} claim */
export function* noMoreIsServedThanAsked({ points, by }) {
  for (const point of points) {
    const { rate: offered, osl } = point.load;
    if (offered === undefined || point.replayed) continue;
    for (const [metric, each] of /** @type {const} */ ([
      ["request_throughput", 1],
      ["output_throughput", osl],
    ])) {
      const item = point.get(metric);
      if (!item || each === undefined) continue;
      const asked = offered * each;
      // How many would arrive in the window that these were counted in.
      const share = item.value > 0 ? Math.min(1, asked / item.value) : 0;
      const bound = asked * strayOf(point, by.queueing, share) * by.queueing.MOST;
      yield atMost(item.where, item.least, bound, "{left} done, {right} at most asked");
    }
  }
}

const STEPS = /** @type {const} */ ([
  ["decode_throughput", "tpot", "batch"],
  ["prefill_throughput", "ttft", "isl"],
]);

/** Decode rate × TPOT = batch, prefill rate × TTFT = ISL, of the same isolated case.
 * @param {Claim} claim */
export function* stepsGiveTheRate({ points, by }) {
  const { ARITHMETIC } = by.queueing;
  // What is served together is for `requestsInFlightAreTheLoad`.
  for (const point of points.filter(({ suite }) => suite !== "serving"))
    for (const [metric, latency, tokens] of STEPS) {
      const [rate, time] = [point.get(metric), point.get(latency, 50)];
      if (!rate) continue;
      const each = point.load[tokens];
      if (!time || each === undefined) {
        if (point.exact) yield held(rate.where, `stands without its ${latency} or ${tokens}`);
        continue;
      }
      const [expected, told] = [each * 1e3, `rate × ${latency}`];
      const [low, high] = [rate.least * time.least, rate.most * time.most];
      const above = `${told} is {left}, ${tokens} × 1000 allows {right}`;
      yield atMost(rate.where, low, expected * ARITHMETIC, above);
      const below = `${told} is {right}, ${tokens} × 1000 needs {left}`;
      yield atMost(rate.where, expected / ARITHMETIC, high, below);
    }
}

/** Bandwidth × time = the bytes that the case is named after.
 * @param {Claim} claim */
export function* kernelsMoveTheirBytes({ points, by }) {
  const { ARITHMETIC, MOVERS, SIZE, MIB } = by.queueing;
  const sized = new RegExp(`^(?:${SIZE})$`);
  for (const point of points) {
    const [family, ...parts] = point.items[0].case.split("/");
    if (point.suite === "kernels") yield* computed(point, by.queueing);
    if (point.suite !== "kernels" || !MOVERS.includes(family)) continue;
    const [rate, time] = [point.get("bandwidth"), point.get("time")];
    const named = parts.flatMap((part) => sized.exec(part)?.[1] ?? [])[0];
    if (!rate || !time || named === undefined) continue;
    const size = Number(named);
    const moved = [(rate.least * time.least) / MIB, (rate.most * time.most) / MIB];
    const above = "rate × time is {left} MiB, the case allows {right}";
    yield atMost(rate.where, moved[0], size * ARITHMETIC, above);
    const below = "rate × time is {right} MiB, the case needs {left}";
    yield atMost(rate.where, size / ARITHMETIC, moved[1], below);
  }
}

/** Rate × time = the operations that the case is named after.
 * @param {Point} point @param {Constants} by */
function* computed(point, { PEAK, SIDE, RATES_OF_WORK, ARITHMETIC }) {
  const [family, ...parts] = point.items[0].case.split("/");
  const [side] = parts.flatMap((part) => new RegExp(`^(?:${SIDE})$`).exec(part)?.[1] ?? []);
  const time = point.get("time");
  if (family !== PEAK || side === undefined || !time) return;
  const work = (2 * Number(side) ** 3) / 1e9; // of a rate in T/s times ms
  for (const metric of RATES_OF_WORK) {
    const rate = point.get(metric);
    if (!rate) continue;
    const above = "rate × time is {left} G operations, the case has {right}";
    yield atMost(rate.where, rate.least * time.least, work * ARITHMETIC, above);
    const below = "rate × time is {right} G operations, the case needs {left}";
    yield atMost(rate.where, work / ARITHMETIC, rate.most * time.most, below);
  }
}

/** Total = input + output, and tokens/s = requests/s × tokens, of one window.
 * @param {Claim} claim */
export function* ratesAreTokensOverTime({ points, by }) {
  const { ARITHMETIC } = by.queueing;
  for (const point of points) {
    const [input, output] = [point.get("input_throughput"), point.get("output_throughput")];
    const total = point.get("total_throughput");
    if (input && output && total) {
      const span = [input.least + output.least, input.most + output.most];
      yield* isEqual(total, span, "input + output", ARITHMETIC);
    }
    const requests = point.get("request_throughput");
    if (!requests || !point.exact) continue; // lengths only asked for bound nothing from below
    const stray = strayOf(point, by.queueing);
    for (const { item, length } of [
      { item: input, length: point.load.isl },
      { item: output, length: point.load.osl },
    ]) {
      if (!item || !length) continue;
      const span = [(requests.least * length) / stray, requests.most * length * stray];
      yield* isEqual(item, span, "requests/s × tokens", ARITHMETIC);
    }
  }
}

/** @param {Figure} item @param {number[]} span @param {string} told @param {number} slack */
function* isEqual(item, [low, high], told, slack) {
  yield atMost(item.where, item.least, high * slack, `{left}, ${told} allows {right}`);
  yield atMost(item.where, low / slack, item.most, `{right}, ${told} needs {left}`);
}

/** How far arrivals in a window of its requests, or of a share of them, may stray.
 * @param {Point} point @param {Constants} by */
const strayOf = (point, { ARRIVALS }, share = 1) =>
  1 + ARRIVALS / Math.sqrt(Math.max(1, (point.get("e2e", 50)?.n ?? 1) * share));
