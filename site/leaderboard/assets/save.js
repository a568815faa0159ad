// @ts-check
// The rows of a view as a file: every figure with its interval, method and the statement it is from.

/** @typedef {import("./data.js").Rows} Rows */
/** @typedef {Record<string, string | number | null>} Line */

const TEXTS = ["chip", "chip_id", "model", "precision", "engine", "suite", "case", "load"];
/** @type {[string, string, string][]} column, its name with the unit, column of its method; of money, which
 * is derived, what it was derived with */
const FIGURES = [
  ["throughput", "output_throughput_tokens_per_s", "throughput_method"],
  ["ttft", "ttft_ms", ""],
  ["tpot", "tpot_ms", ""],
  ["energy", "energy_j_per_output_token", "energy_method"],
  ["rent_usd", "rent_usd_per_mtok", ""],
  ["owned_usd", "owned_usd_per_mtok", "electricity_method"],
  ["electricity_fens", "electricity_fen_per_mtok", "electricity_method"],
  ["floor_usd", "floor_usd_per_mtok", "floor_method"],
];
const ORIGIN = ["meter", "price_sheet", "tier", "date", "profile"];
/** Columns of numbers; what is in no line of a file is a number all the same. */
export const NUMBERS = new Set([
  ...FIGURES.flatMap(([, title]) => [title, `${title}_low`, `${title}_high`, `${title}_n`]),
  "flags",
]);
const MEDIA = { csv: "text/csv", json: "application/json" };

/** One line of a file: what the row is, its figures, and where they are from.
 * @param {Rows} rows @param {number} row @param {Line} figures @returns {Promise<Line>} */
export async function line(rows, row, figures) {
  const texts = (/** @type {string[]} */ names) => Object.fromEntries(names.map((name) => [name, rows.text(row, name)]));
  return {
    ...texts(TEXTS),
    ...figures,
    ...texts(ORIGIN),
    flags: rows.number(row, "flags"),
    statement_sha256: await rows.digest(row),
  };
}

/** The figures of a row of the board. @param {Rows} rows @param {number} row */
export function figures(rows, row) {
  /** @type {Line} */
  const named = {};
  for (const [name, title, method] of FIGURES) {
    const own = rows.span(row, name);
    const count = rows.numbers[`${name}_n`]?.[row];
    named[title] = own?.value ?? null;
    named[`${title}_low`] = own?.low ?? null;
    named[`${title}_high`] = own?.high ?? null;
    if (count !== undefined) named[`${title}_n`] = own ? count : null;
    named[`${title}_method`] = own ? told(title, method && rows.text(row, method)) : null;
  }
  return named;
}

/** How a figure is known. @param {string} title @param {string} method */
function told(title, method) {
  if (!title.endsWith("_per_mtok")) return method || "measured";
  const from = { "": "", measured: ", energy measured", modelled: ", energy modelled" }[method] ?? `, ${method}`;
  return `derived${from}`;
}

/** @param {Line[]} table */
export function csv(table) {
  const names = Object.keys(table[0] ?? {});
  const cell = (/** @type {string | number | null} */ value) => {
    if (typeof value !== "string") return String(value ?? "");
    // A spreadsheet runs what begins like a formula: the same rule as leaderboard/output/downloads.py.
    const inert = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
  };
  return [names, ...table.map((record) => names.map((name) => record[name]))]
    .map((cells) => `${cells.map(cell).join(",")}\n`)
    .join("");
}

/** @param {Line[]} table @param {ReadonlySet<string>} numbers @param {string} kind */
async function file(table, numbers, kind) {
  const view = location.href;
  if (kind === "csv") return new Blob([csv(table)], { type: MEDIA.csv });
  if (kind === "json") return new Blob([`${JSON.stringify({ view, rows: table }, null, 1)}\n`], { type: MEDIA.json });
  // Few readers want it: it is loaded for those who do.
  const { parquet } = await import("./parquet.js");
  return parquet(table, numbers, { view });
}

/** Let the buttons of a page save its view.
 * @param {HTMLElement} page @param {string} name of the file @param {ReadonlySet<string>} numbers
 * @param {() => Promise<Line[]>} table what is in the view when it is asked for */
export function offer(page, name, numbers, table) {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (page.querySelectorAll("[data-save]")))
    button.addEventListener("click", async () => {
      const kind = button.dataset.save ?? "csv";
      const made = document.createElement("a");
      made.href = URL.createObjectURL(await file(await table(), numbers, kind));
      made.download = `fenmark-${name}.${kind}`;
      made.click();
      URL.revokeObjectURL(made.href);
    });
}
