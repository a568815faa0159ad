// @ts-check
// A key against the log: its window counts for the time of the entry (for that of the run, where the
// log states none), a revocation or rotation from its own entry on. The same rules as
// results/archive/archive.py and results/proof/keylog.py.

/** @import { Key } from "./signature.js" */

const DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z$/;
const TIME = /^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/; // as Fenmark writes it

/** Microseconds since 1970 of a date as results give it: RFC 3339 in UTC.
 * @param {string} date */
export function moment(date) {
  const [, ...digits] = DATE.exec(date) ?? [];
  const [year, month, day, hour, minute, second] = digits.map(Number);
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  time.setUTCHours(hour, minute, second);
  // A 30th of February would be one of March.
  if (!(year > 0) || !time.toISOString().startsWith(date.slice(0, 19)))
    throw new Error(`${date} is not a date`);
  return time.getTime() * 1000 + Number((digits[6] ?? "").padEnd(6, "0"));
}

/** Entries that a key may not have signed: from one on, up to but without another (null: on).
 * @typedef {[number, number | null]} Span */

/** Say what speaks against a key for a run; null where nothing does.
 * @param {Key} key @param {{started_at: string, finished_at: string}} run
 * @param {number} index of its entry @param {string | null} entered by the log's time
 * @param {Span[]} distrusted entries of the log */
export function objection(key, run, index, entered, distrusted) {
  const [began, ended] = [moment(run.started_at), moment(run.finished_at)];
  if (ended < began) return `${run.finished_at} < ${run.started_at}`;
  const time = entered ?? run.finished_at;
  if (!isWithin(key, time)) return `${time}: ${validity(key)}`;
  const span = distrusted.find(([from, to]) => from <= index && (to === null || index < to));
  return span ? `${index}: ${span[0]} … ${span[1] ?? ""}` : null;
}

/** @param {Key} key @param {string} time */
const isWithin = ({ valid_from, valid_until }, time) =>
  (valid_from === null || moment(valid_from) <= moment(time)) &&
  (valid_until === null || moment(time) <= moment(valid_until));

/** @param {Key} key */
export const validity = ({ valid_from, valid_until }) =>
  valid_from || valid_until ? `${valid_from ?? ""} … ${valid_until ?? ""}` : "";

/** The last time that a log's operator stated at or before an entry; null where there is none. One
 * that goes back, or is not a time to the second, is passed over.
 * @param {Record<string, any>[]} records @param {number} index of the entry */
export function timeOf(records, index) {
  let last = null;
  for (const { type, time } of records.slice(0, index + 1))
    if ((type === "key" || type === "time") && isTime(time) && (last === null || last <= time))
      last = time;
  return last;
}

/** @param {any} time */
function isTime(time) {
  try {
    return typeof time === "string" && TIME.test(time) && moment(time) !== null;
  } catch {
    return false;
  }
}

/** Tell what is known of a key where its result stands, and the word that says why no more.
 * @param {Key} key @param {string} folder of the log @param {number} index of the entry
 * @param {string | null} entered by the time of a log that is known; else null
 * @param {boolean} unsaid the key was revoked, and the log does not say when */
export function standing(key, folder, index, entered, unsaid) {
  const since = key.registered?.[folder];
  const registered = key.registered_by === "catalogue" || (since !== undefined && since < index);
  if (!registered) return { tier: "self-signed", doubt: since === undefined ? "" : "earlier" };
  const bounded = key.valid_from !== null || key.valid_until !== null;
  if (bounded && entered === null) return { tier: "self-signed", doubt: "untimed" };
  return { tier: unsaid ? "self-signed" : "registered", doubt: "" };
}

/** Entries of a log that a key may not have signed: those the list of keys was made with, and what
 * the log says since.
 * @param {Key} key @param {string} folder of the log @param {Record<string, any>[]} records
 * @param {number} listed entries that the list was made with @returns {Span[]} */
export function distrusted(key, folder, records, listed) {
  const known = key.distrusted?.[folder] ?? [];
  const at = records.findIndex(
    ({ type, action, keyid }, index) =>
      index >= listed &&
      type === "key" &&
      (action === "revoked" || action === "rotated") &&
      keyid === key.keyid,
  );
  return at < 0 ? known : [...known, [at, null]];
}
