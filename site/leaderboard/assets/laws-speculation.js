// @ts-check
// Do the drafts that a figure says it was made with add up? The law of results/checks/speculation.py.

import { atMost, held, quoted, said, start } from "./laws-held.js";
import { whole } from "./laws-claim.js";

/** @import { Claim, Figure } from "./laws-claim.js" */

/** 1 ≤ tokens a step ≤ drafts + 1, and 1 + the shares accepted up to each place.
 * @param {Claim} claim */
export function* draftsAddUp(claim) {
  for (const { items } of claim.points) {
    const item = items.find(({ labels }) => "speculation" in labels);
    if (!item) continue;
    const length = claim.number(item.labels.acceptance_length);
    const drafts = claim.number(item.labels.draft_tokens);
    if (length !== null) {
      yield atMost(item.where, 1, length, "accepts {right} tokens a step, less than 1");
      yield* within(claim, item, length, drafts);
    }
    yield* byPlace(claim, item, length, drafts);
  }
}

/** @param {Claim} claim @param {Figure} item @param {number} length @param {number | null} drafts */
function* within({ by }, item, length, drafts) {
  if (drafts === null) return;
  const most = (drafts + 1) * (1 + by.speculation.ROUNDED);
  yield atMost(item.where, length, most, "accepts {left} tokens a step, drafts and its own make {right}");
}

/** @param {Claim} claim @param {Figure} item @param {number | null} length
 * @param {number | null} drafts */
function* byPlace({ by }, item, length, drafts) {
  const { LENGTHS, ROUNDED, SHARE } = by.speculation;
  if (!("acceptance_rates" in item.labels)) return;
  const told = said(item.labels.acceptance_rates);
  const shares = sharesOf(told, whole(SHARE));
  if (!shares || (drafts !== null && shares.length > drafts)) {
    yield held(item.where, `accepts by place ${quoted(start(told, 40))}: no such shares`);
    return;
  }
  const rises = shares.slice(1).map((share, before) => share - shares[before]);
  const most = rises.length ? Math.max(...rises) : 0;
  yield atMost(item.where, most, ROUNDED, "accepts a place more often than the one before");
  if (length === null) return;
  const sum = 1 + shares.reduce((all, share) => all + share, 0);
  const reason = "accepts {left} tokens a step by one of its labels, at most {right} by the other";
  yield atMost(item.where, Math.max(length, sum), Math.min(length, sum) * LENGTHS + ROUNDED, reason);
}

/** Shares with slashes between; null where one is none.
 * @param {string} text @param {RegExp} share */
function sharesOf(text, share) {
  const parts = text.split("/");
  const shares = parts.map(Number);
  return parts.every((part) => share.test(part)) && Math.max(...shares) <= 1 ? shares : null;
}
