// @ts-check
// Does a serving point say all that was seen: failures, tails, cached prompts, its instrument? The
// laws of results/checks/points.py.

import { atMost, held } from "./laws-held.js";

/** @import { Claim, Point } from "./laws-claim.js" */
/** @typedef {Record<string, any>} Constants */

/** What a point leaves out may be what speaks against it.
 * @param {Claim} claim */
export function* pointsSayAllThatWasSeen(claim) {
  for (const point of claim.points) {
    if (point.suite !== "serving") continue;
    yield* failures(point);
    yield* populations(point, claim.by.points);
    yield* tails(point, claim.by.points);
    if (point.valid && !point.replayed) {
      yield* cached(claim, point);
      yield* counted(claim, point);
    }
    yield* instrument(point, claim.by.points);
  }
}

/** @param {Point} point */
function* failures(point) {
  const rate = point.get("request_throughput");
  if (rate) yield held(rate.where, point.stated("failed") ? null : "stands without its failures");
}

/** All figures of a point are of its requests: each answered one has all of its times.
 * @param {Point} point @param {Constants} by */
function* populations(point, { ALL, EACH, ROUNDED }) {
  const [answered, failed] = [point.get("e2e", 50), point.stated("failed")];
  if (!answered) return;
  for (const { metric, n, where } of point.items)
    if (EACH.includes(metric) && n > answered.n)
      yield held(where, `has ${n} samples, of ${answered.n} requests`, n, answered.n);
    else if (ALL.includes(metric) && n !== answered.n) {
      const told = `is of ${n} requests, their end-to-end time of ${answered.n}`;
      yield held(where, told, n, answered.n);
    }
  if (!failed) return;
  const [low, high] = [failed.n - failed.value, answered.n].sort((one, other) => one - other);
  const reason = "{left} of its requests were answered by one figure, {right} by another";
  yield atMost(failed.where, high, low * ROUNDED + 1, reason);
}

/** @param {Point} point @param {Constants} by */
function* tails(point, { TIMES, TAILS }) {
  for (const metric of TIMES) {
    const middle = point.get(metric, 50);
    if (!middle) continue;
    for (const rank of TAILS)
      if (middle.n * (100 - rank) >= 100 && !point.stated(metric, rank))
        yield held(middle.where, `has no p${rank}, though ${middle.n} requests lie behind it`);
  }
}

/** Prompts that a cache knew were not read: no more of them than were said to be shared.
 * @param {Claim} claim @param {Point} point */
function* cached(claim, point) {
  const { CACHED, ROUNDED } = claim.by.points;
  const [item, isl] = [point.get("cached_tokens"), point.load.isl];
  if (!item?.n) return;
  const told = claim.number(item.labels.share_of_input) || 0;
  const share = isl ? Math.max(told, item.value / item.n / isl) : told;
  const most = (point.load.shared_prefix ?? 0) + CACHED * ROUNDED;
  yield atMost(item.where, share, most, "{left} of the input was cached, of a valid point {right} may be");
}

/** A prompt of which the server counts far fewer tokens was cut, or never as long.
 * @param {Claim} claim @param {Point} point */
function* counted(claim, point) {
  const item = point.get("request_throughput");
  const [asked, told] = ["isl", "isl_counted"].map((name) => claim.number(item?.labels[name]));
  if (!item || !asked || !told) return;
  const reason = "{right} input tokens were counted of a prompt of at least {left}";
  const { COUNTED, FRAME } = claim.by.points;
  yield atMost(item.where, asked * COUNTED, told, reason);
  const more = "{left} input tokens were counted of a prompt of at most {right}";
  yield atMost(item.where, told, asked / COUNTED + FRAME, more);
}

/** @param {Point} point @param {Constants} by */
function* instrument(point, { JUDGED, INSTRUMENT, ROUNDED }) {
  for (const rank of JUDGED) {
    const [error, item] = [point.get("instrument_ttft_error", rank), point.get("ttft", rank)];
    if (!error || !item || item.labels.valid === false) continue;
    const most = item.value * INSTRUMENT * ROUNDED;
    yield atMost(error.where, error.value, most, `p${rank} is {left} ms, of a valid TTFT {right} ms may be`);
  }
}
