// @ts-check
// Is it possible on that chip: below the roofline, and within its memory? The laws of
// results/checks/roofline.py.

import { atMost, general, said, start } from "./laws-held.js";
import { highestPeak, isSaid, kernelPeak, leastTimes, sockets } from "./laws-models.js";

/** @import { Claim, Point } from "./laws-claim.js" */

/** Attained rate ≤ datasheet peak of its dtype × chips; memory bandwidth likewise.
 * @param {Claim} claim */
export function* kernelsStayBelowTheRoofline(claim) {
  const { chip, figures, by } = claim;
  if (!chip) return;
  const chips = chip.kind === "cpu" ? chipsOf(claim) : 1; // a kernel is one chip's
  for (const item of figures) {
    const { family, dtype, cache = "cold" } = item.labels;
    if (item.suite !== "kernels" || by.roofline.LINKS.includes(said(family))) continue;
    let peak = null;
    if (["compute_rate", "integer_rate"].includes(item.metric)) {
      peak = kernelPeak(chip, isSaid(dtype) ? said(dtype) : "", by.peaks);
    } else if (item.metric === "bandwidth" && cache === "cold")
      peak = chip.memory_bandwidth_gb_s ?? null;
    if (peak === null) continue;
    const whose = `the datasheet of ${chips} × ${chip.name}`;
    const reason = `{left} ${item.unit}, ${whose} allows {right}`;
    yield atMost(item.where, item.least, peak * chips * by.finding.TOLERANCE, reason);
  }
}

/** A token takes its roofline time at least: weights once a step, cache, and two FLOPs.
 * @param {Claim} claim */
export function* ratesStayBelowTheRoofline(claim) {
  const { chip, count, what, points, by } = claim;
  if (!what || !chip) return;
  for (const point of points)
    for (const metric of by.roofline.RATES) {
      const item = point.get(metric);
      if (!item) continue;
      const { isl, shared_prefix: shared = 0 } = point.load;
      // A shared prefix is computed once for all.
      const load = { ...point.load };
      if (isl) load.isl = Math.max(1, isl * (1 - Math.min(1, shared)));
      const times = leastTimes(metric, load, what, chip, count, by);
      if (metric !== "prefill_throughput" && times.bandwidth !== undefined)
        times.bandwidth /= tokensAStep(claim, point);
      const shortest = Math.max(0, ...Object.values(times));
      if (!shortest) continue;
      const reason = `{left} tokens/s, ${whose(claim)} can give {right}`;
      yield atMost(item.where, item.least, by.finding.TOLERANCE / shortest, reason);
    }
}

/** A decode step reads every touched weight once: bytes ÷ TPOT ≤ bandwidth × chips.
 * @param {Claim} claim */
export function* stepsReadTheirWeights(claim) {
  const { chip, what, points, by } = claim;
  if (!what || !chip?.memory_bandwidth_gb_s) return;
  const limit = chip.memory_bandwidth_gb_s * chipsOf(claim);
  for (const point of points) {
    const context = Math.trunc(point.load.context ?? 1);
    const read = what.geometry.decodeMinBytes(context, 1, what.stored, what.bits / 8);
    const reason = `takes {left} GB/s, ${whose(claim)} has {right}`;
    for (const item of middles(point, "tpot")) {
      const rate = ((read / by.roofline.GIGA) * 1e3) / item.most / tokensAStep(claim, point);
      yield atMost(item.where, rate, limit * by.finding.TOLERANCE, reason);
    }
  }
}

/** Reading a token costs two FLOPs a weight: FLOPs ÷ TTFT ≤ highest peak × chips.
 * @param {Claim} claim */
export function* promptsAreComputed(claim) {
  const { chip, what, points, by } = claim;
  const peak = what && chip ? highestPeak(chip, what.bits, by.peaks) : null;
  if (!what || peak === null) return;
  const limit = peak * chipsOf(claim);
  for (const point of points) {
    const { isl, shared_prefix: shared = 0 } = point.load;
    // The middle one of a trace is not a request of mean length.
    if (isl === undefined || point.replayed) continue;
    const fresh = Math.max(1, Math.trunc(isl * (1 - Math.min(1, shared))));
    const reason = `takes {left} TFLOP/s, ${whose(claim)} has {right}`;
    for (const item of middles(point, "ttft")) {
      const rate = ((what.geometry.prefillFlops(fresh) / by.roofline.TERA) * 1e3) / item.most;
      yield atMost(item.where, rate, limit * by.finding.TOLERANCE, reason);
    }
  }
}

/** Mean and median: who states both is held to both.
 * @param {Point} point @param {string} latency */
const middles = (point, latency) =>
  [point.get(latency, "mean"), point.get(latency, 50)].flatMap((item) => item ?? []);

/** All weights at their narrowest ≤ memory of all chips, with the host's where it holds some.
 * @param {Claim} claim */
export function* weightsFitTheMemory(claim) {
  const { what, by } = claim;
  const bytes = memoryBytes(claim);
  if (!what || bytes === null) return;
  const { GIGA } = by.roofline;
  const size = what.geometry.weightBytes(what.stored) / GIGA;
  const reason = `${what.geometry.name} takes {left} GB, the memory is {right} GB`;
  yield atMost("engines", size, bytes / GIGA, reason);
  if (size * GIGA <= bytes) yield* cachesFit(claim, size, bytes / GIGA);
}

/** @param {Claim} claim @param {number} weights GB @param {number} memory GB */
function* cachesFit({ what, points, by }, weights, memory) {
  const { GIGA, DECODED, LEAST_CACHE_BITS } = by.roofline;
  for (const point of points) {
    const { isl, osl = 0, shared_prefix: shared = 0 } = point.load;
    if (isl === undefined || point.replayed) continue;
    const context = Math.max(1, Math.trunc(isl * (1 - Math.min(1, shared)) + osl / 2));
    const cache = what.geometry.kvBytes(context, LEAST_CACHE_BITS / 8) / GIGA;
    for (const metric of DECODED)
      for (const pace of middles(point, "tpot")) {
        const item = point.get(metric);
        if (!item) continue;
        const together = (item.least * pace.least) / 1e3;
        const reason = `with ${general(together, 4)} caches takes {left} GB, the memory is {right} GB`;
        yield atMost(item.where, weights + together * cache, memory, reason);
      }
  }
}

/** Rules that ask for the sums of a model. */
export const OF_MODELS = ["roofline", "memory"];

/** Say which laws could not be held, and why.
 * @param {Claim} claim */
export function* unchecked({ figures, predicate, what, unexpressed, chip, by }) {
  const asked = [...by.roofline.RATES, "tpot", "ttft"];
  if (!figures.some(({ suite, metric }) => suite !== "kernels" && asked.includes(metric))) return;
  const models = predicate.engines.map((/** @type {any} */ { model }) => model);
  const named = start([...new Set(models)].sort().join(", "), 80);
  if (unexpressed)
    yield `${OF_MODELS.join(", ")}: computed by \`fenmark verify\`, no sums of ${unexpressed} are known here`;
  else if (!what)
    yield `roofline, memory: not checked, ${named ? `${named} is not a model of ours` : "no model"}`;
  else if (!chip) yield "roofline, memory, power: not checked, the chip is not in the catalogue";
}

/** Chips; of a CPU the most sockets that its cores can lie on.
 * @param {Claim} claim */
const chipsOf = ({ chip, count }) => (chip.kind === "cpu" ? sockets(chip, count) : count);

/** @param {Claim} claim */
const whose = (claim) => `${chipsOf(claim)} × ${claim.chip.name}`;

/** Tokens of a step from above: those that the point says, where an engine was made to.
 * @param {Claim} claim @param {Point} point */
function tokensAStep(claim, { items }) {
  const { MOST_TOKENS_A_STEP: most } = claim.by.roofline;
  if (!claim.speculative) return 1;
  const told = items.map(({ labels }) => claim.number(labels.acceptance_length) ?? 0).filter(Boolean);
  const length = told.length ? claim.by.speculation.LENGTHS * Math.max(...told) : most;
  const pinned = items.some(({ labels }) => labels.acceptance === "pinned");
  return pinned ? length : Math.min(length, most);
}

/** Memory that could hold the weights, from above; null where it is not known.
 * @param {Claim} claim @returns {number | null} */
function memoryBytes({ chip, count, predicate, by }) {
  const { machine, engines } = predicate;
  if (machine.chip.kind === "cpu") return machine.memory_bytes;
  if (chip?.memory_gb === undefined) return null;
  const chips = chip.memory_gb * by.roofline.GIGA * count * by.finding.TOLERANCE;
  const names = engines.flatMap((/** @type {any} */ { flags = {} }) => Object.keys(flags));
  const flags = names.join(" ").toLowerCase();
  const spills = by.roofline.SPILLS.some((/** @type {string} */ word) => flags.includes(word));
  return spills ? chips + machine.memory_bytes : chips;
}
