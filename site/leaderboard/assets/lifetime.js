// @ts-check
// Dates of a run against its key: the window counts for the run, a revocation or rotation from its
// own entry of the log on. The same rules as results/archive/archive.py and results/proof/keylog.py.

/** @import { Key } from "./signature.js" */

const DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z$/;

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
    throw new Error(`${date} is no date`);
  return time.getTime() * 1000 + Number((digits[6] ?? "").padEnd(6, "0"));
}

/** Entries that a key may not have signed: from one on, up to but without another (null: on).
 * @typedef {[number, number | null]} Span */

/** Say what speaks against a key for a run; null where nothing does.
 * @param {Key} key @param {{started_at: string, finished_at: string}} run
 * @param {number} index of its entry @param {Span[]} distrusted entries of the log */
export function objection(key, run, index, distrusted) {
  const [began, ended] = [moment(run.started_at), moment(run.finished_at)];
  if (ended < began) return `${run.finished_at} < ${run.started_at}`;
  const early = key.valid_from !== null && ended < moment(key.valid_from);
  const late = key.valid_until !== null && ended > moment(key.valid_until);
  if (early || late) return `${run.finished_at}: ${validity(key)}`;
  const span = distrusted.find(([from, to]) => from <= index && (to === null || index < to));
  return span ? `${index}: ${span[0]} … ${span[1] ?? ""}` : null;
}

/** @param {Key} key */
export const validity = (key) => `${key.valid_from ?? ""} … ${key.valid_until ?? ""}`;

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
