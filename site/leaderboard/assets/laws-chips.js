// @ts-check
// Which chip of the catalogue a machine shows, by name, on the bus, by the processor's numbers or by the
// machine's tables. The same rules as results/catalog/identity.py and results/catalog/chip_names.py.

/** @import { Tables } from "./laws-claim.js" */
/** What a machine shows of a chip; CPUID or its like of a processor only, an id on the bus of others.
 * @typedef {{name: string, tables: string[], pci?: string,
 *   cpu?: {vendor: string, family: number, model: number, stepping: number | null}}} Seen */

/** The entry of a chip, null where it is not listed: by the longest part of a name; bus, numbers and
 * tables decide only where no name does.
 * @param {Seen} seen @param {Tables} tables @returns {string | null} */
export function identify(seen, { chips, chip_names, constants }) {
  const entry = meant(seen.name, chip_names, constants.chip_names);
  if (entry) return entry;
  const onTheBus = Object.entries(chips).find(([, { pci }]) => pci.includes(seen.pci));
  const numbered = Object.entries(chips).filter(([, { cpuid }]) => cpuid && isOf(cpuid, seen));
  // An entry that names the machine too is the narrower one.
  const narrow = numbered.find(([, { cpuid }]) => cpuid.alone.length);
  const tabled = Object.entries(chips).find(([, entry]) => stand(entry.tables, seen.tables));
  return (onTheBus ?? narrow ?? numbered[0] ?? tabled)?.[0] ?? null;
}

/** The entry that a name means; null where it means none.
 * @param {string} name @param {Tables} tables */
export const named = (name, { chip_names, constants }) =>
  meant(name, chip_names, constants.chip_names);

/** @param {any} cpuid @param {Seen} seen */
const isOf = ({ vendor, family, models, steppings, alone }, { cpu, tables }) =>
  cpu !== undefined &&
  cpu.vendor === vendor &&
  cpu.family === family &&
  models.includes(cpu.model) &&
  (!steppings.length || cpu.stepping === null || steppings.includes(cpu.stepping)) &&
  (!alone.length || stand(alone, tables));

/** Whether a table's name begins a word with one of these parts: "c7a." is not in "abc7a.large".
 * @param {string[]} parts @param {string[]} tables */
const stand = (parts, tables) =>
  parts.some((part) => {
    const word = new RegExp(`(?<![A-Za-z0-9])${part.replace(/[^\w\s]/g, "\\$&")}`, "i");
    return tables.some((name) => word.test(name));
  });

/** The chip with the longest part in a name; null where there is none.
 * @param {string} name @param {[string, string][]} parts @param {Record<string, any>} by */
function meant(name, parts, by) {
  if (new RegExp(by.SLICE).test(name.toLowerCase())) return null;
  const words = plain(name, by);
  const bare = words.replace(new RegExp(by.SIZE, "g"), "").split(" ").filter(Boolean).join(" ");
  return longest(words, parts, by) ?? longest(bare, parts, by);
}

/** A name in the words that tell chips apart.
 * @param {string} name @param {Record<string, any>} by */
function plain(name, { LONGEST, MARKS, PUNCTUATION, COUNT, SXM, OMITTED }) {
  const cut = [...name].slice(0, LONGEST).join("").toLowerCase();
  const words = cut
    .replace(new RegExp(MARKS, "g"), "")
    .replace(new RegExp(PUNCTUATION, "g"), " ")
    .replace(new RegExp(COUNT, "g"), "")
    .replace(new RegExp(SXM, "g"), "sxm");
  return words.split(" ").filter((word) => word && !OMITTED.includes(word)).join(" ");
}

/** Of the parts that a name holds and no longer part of it covers, the longest, and of those the first.
 * @param {string} words @param {[string, string][]} parts @param {Record<string, any>} by */
function longest(words, parts, { ANOTHER, AND_LETTERS }) {
  const spans = parts.flatMap(([part, entry]) => {
    const letters = part.endsWith(AND_LETTERS);
    const word = letters ? part.slice(0, -AND_LETTERS.length) : part;
    const first = word ? begins(words, word, letters) : -1;
    return first < 0 ? [] : [{ first, last: first + word.length, entry }];
  });
  /** @param {{first: number, last: number}} span */
  const length = ({ first, last }) => last - first;
  const next = new RegExp(`^(?:${ANOTHER})`);
  const whole = spans.filter(
    (span) =>
      !next.test(words.slice(span.last)) &&
      !spans.some(
        (more) =>
          more.first <= span.first && span.last <= more.last && length(more) > length(span),
      ),
  );
  return whole.sort((a, b) => length(b) - length(a))[0]?.entry ?? null;
}

/** Where a part stands in a name, as words of it; -1 where it does not.
 * @param {string} words @param {string} word @param {boolean} letters may follow it */
function begins(words, word, letters) {
  if (!letters) return ` ${words} `.indexOf(` ${word} `);
  const first = ` ${words}`.indexOf(` ${word}`);
  return /\d/.test(words[first + word.length] ?? "") ? -1 : first;
}
