// @ts-check
// The rows of a view as a file: every figure with its interval, method and the statement it is from.

/** @typedef {import("./data.js").Rows} Rows */

const TEXTS = ["chip", "chip_id", "model", "precision", "engine", "suite", "case", "load"];
/** @type {[string, string, string][]} column, its name with the unit, column of its method */
const FIGURES = [
  ["throughput", "output_throughput_tokens_per_s", "throughput_method"],
  ["ttft", "ttft_ms", ""],
  ["tpot", "tpot_ms", ""],
  ["energy", "energy_j_per_output_token", "energy_method"],
  ["rent_cny", "rent_cny_per_mtok", ""],
  ["electricity_fens", "electricity_fen_per_mtok", "electricity_method"],
];
const ORIGIN = ["meter", "price_sheet", "tier", "date", "profile"];

/** @param {Rows} rows @param {number[]} chosen @returns {Promise<Record<string, string | number | null>[]>} */
export async function records(rows, chosen) {
  const digests = await Promise.all(chosen.map((row) => rows.digest(row)));
  return chosen.map((row, at) => {
    /** @type {Record<string, string | number | null>} */
    const record = {};
    for (const name of TEXTS) record[name] = rows.text(row, name);
    for (const [name, title, method] of FIGURES) {
      const own = rows.span(row, name);
      record[title] = own?.value ?? null;
      record[`${title}_low`] = own?.low ?? null;
      record[`${title}_high`] = own?.high ?? null;
      record[`${title}_method`] = own ? (method && rows.text(row, method)) || "measured" : null;
    }
    for (const name of ORIGIN) record[name] = rows.text(row, name);
    record.flags = rows.number(row, "flags");
    record.statement_sha256 = digests[at];
    return record;
  });
}

/** @param {Record<string, string | number | null>[]} table */
export function csv(table) {
  const names = Object.keys(table[0] ?? {});
  const cell = (/** @type {string | number | null} */ value) => {
    if (typeof value !== "string") return String(value ?? "");
    // A spreadsheet runs what begins like a formula: the same rule as leaderboard/downloads.py.
    const inert = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
  };
  return [names, ...table.map((record) => names.map((name) => record[name]))]
    .map((line) => `${line.map(cell).join(",")}\n`)
    .join("");
}

/** Have the browser save the rows. @param {Rows} rows @param {number[]} chosen @param {"csv" | "json"} kind */
export async function offer(rows, chosen, kind) {
  const table = await records(rows, chosen);
  const text = kind === "csv" ? csv(table) : `${JSON.stringify({ view: location.href, rows: table }, null, 1)}\n`;
  const made = document.createElement("a");
  made.href = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "application/json" }));
  made.download = `fenmark-leaderboard.${kind}`;
  made.click();
  URL.revokeObjectURL(made.href);
}
