// @ts-check
// Dates of a run against its key: the window counts for the run, a revocation or rotation from its
// own entry of the log on. The same rules as results/archive.py and results/keylog.py.

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

/** Say what speaks against a key for a run; null where nothing does.
 * @param {Key} key @param {{started_at: string, finished_at: string}} run
 * @param {number} index of its entry @param {number | undefined} end entry that ended the key */
export function objection(key, run, index, end) {
  const [began, ended] = [moment(run.started_at), moment(run.finished_at)];
  if (ended < began) return `${run.finished_at} < ${run.started_at}`;
  const early = key.valid_from !== null && ended < moment(key.valid_from);
  const late = key.valid_until !== null && ended > moment(key.valid_until);
  if (early || late) return `${run.finished_at}: ${span(key)}`;
  return end === undefined || index < end ? null : `${index} ≥ ${end}`;
}

/** @param {Key} key */
export const span = (key) => `${key.valid_from ?? ""} … ${key.valid_until ?? ""}`;

/** Index of the entry that revoked or replaced a key; undefined while it is good.
 * @param {Record<string, any>[]} records of a log @param {Key} key */
export function endOf(records, key) {
  const at = records.findIndex(
    ({ type, action, keyid }) =>
      type === "key" && (action === "revoked" || action === "rotated") && keyid === key.keyid,
  );
  return at < 0 ? undefined : at;
}
