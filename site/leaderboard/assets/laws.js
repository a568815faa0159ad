// @ts-check
// Hold a signed result against the table of laws, as `fenmark verify` does: the table itself, its
// tolerances and all data come from data/proofs/laws.json (results/checks/tables.py), and
// tests/site/test_laws.py holds both readers together.

import { sha256, utf8 } from "./bytes.js";
import { Claim } from "./laws-claim.js";
import * as machine from "./laws-machine.js";
import * as names from "./laws-names.js";
import * as order from "./laws-order.js";
import * as points from "./laws-points.js";
import * as power from "./laws-power.js";
import * as queueing from "./laws-queueing.js";
import * as roofline from "./laws-roofline.js";
import * as speculation from "./laws-speculation.js";

/** @import { Tables } from "./laws-claim.js" */
/** @import { Held } from "./laws-held.js" */
/** What a law has against a result; left and right are the two numbers that do not fit.
 * @typedef {{rule: string, outcome: string, where: string, reason: string, formula: string,
 *   left: number | null, right: number | null}} Finding */

/** @typedef {(claim: Claim, seed: number | null, clock: number | null) => Iterable<Held>} Find */

/** By the name that the table gives them, in camel case.
 * @type {Record<string, any>} */
const FIND = {
  ...order, ...queueing, ...power, ...roofline, ...machine, ...names, ...points, ...speculation,
};

/** @param {string} find such as each_figure_stands_once @returns {Find | undefined} */
const named = (find) => FIND[find.replace(/_./g, (letter) => letter[1].toUpperCase())];

/** Rules and formulas that are for other readers: they ask for other results, raw samples, a challenge's
 * state or a certificate.
 * @param {Tables} tables */
export const elsewhere = ({ laws }) => laws.filter(({ find }) => !named(find));

/** Say what the laws find; partly: rules that could not all be held here.
 * @param {any} statement that fits its schema @param {Tables} tables
 * @param {number | null} clock of the reader in seconds since 1970; null where none is asked
 * @returns {Promise<{held: number, findings: Finding[], unchecked: string[], partly: string[]}>} */
export async function judge(statement, tables, clock = null) {
  const claim = new Claim(statement, tables);
  const { nonce = null } = claim.predicate.run;
  const seed = nonce === null ? null : await seedOf(nonce);
  /** @type {Finding[]} */
  const findings = [];
  let held = 0;
  for (const { find, name: rule, outcome, formula } of tables.laws)
    for (const { where, reason, left, right } of named(find)?.(claim, seed, clock) ?? []) {
      held += 1;
      if (reason !== null)
        findings.push({ rule, outcome, where, reason, formula, left: finite(left), right: finite(right) });
    }
  const partly = claim.unexpressed ? roofline.OF_MODELS : [];
  return { held, findings, unchecked: [...roofline.unchecked(claim)], partly };
}

/** 48 bits of a challenge, as results/statement/nonce.py takes them.
 * @param {string} nonce */
async function seedOf(nonce) {
  const bytes = (await sha256(utf8(nonce))).slice(0, 6);
  return bytes.reduce((whole, byte) => whole * 256 + byte, 0);
}

/** JSON has no infinity, which products of two large figures reach.
 * @param {number | null} value */
const finite = (value) => (value !== null && Number.isFinite(value) ? value : null);
