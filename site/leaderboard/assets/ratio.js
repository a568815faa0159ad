// @ts-check
// Ratios with their intervals; the same rule as leaderboard/figures/ratios.py, and a test holds them together.

const Z95 = 1.959964; // half-width of a 95% interval in standard deviations

/** @typedef {{value: number, low: number | null, high: number | null}} Span */

/** Ratio a ÷ b of two independent figures; the interval is taken on the logarithm.
 * @param {Span} a @param {Span} b @returns {{value: number, low: number | null, high: number | null} | null} null unless both are positive */
export function ratio(a, b) {
  if (a.value <= 0 || b.value <= 0) return null;
  const value = a.value / b.value;
  if (a.low === null || a.high === null || b.low === null || b.high === null)
    return { value, low: null, high: null };
  if (a.low <= 0 || b.low <= 0) return { value, low: null, high: null };
  const spread = (/** @type {Span} */ span) =>
    Math.log(/** @type {number} */ (span.high) / /** @type {number} */ (span.low)) / (2 * Z95);
  const error = Z95 * Math.hypot(spread(a), spread(b));
  return { value, low: value * Math.exp(-error), high: value * Math.exp(error) };
}

/** "better", "worse", "none" (the interval holds 1) or "unknown" (no interval).
 * @param {{value: number, low: number | null, high: number | null}} quotient
 * @param {"higher" | "lower"} better */
export function verdict(quotient, better) {
  if (quotient.low === null || quotient.high === null) return "unknown";
  if (quotient.low <= 1 && quotient.high >= 1) return "none";
  return quotient.value > 1 === (better === "higher") ? "better" : "worse";
}
