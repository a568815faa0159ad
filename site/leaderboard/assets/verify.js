// @ts-check
// The verify page: check a signed result in the reader's own browser, step by step. Nothing is sent
// anywhere; keys, schema and log are read from this site, and checked against what the page knows.

import { equal, hex, sha256, text, unhex } from "./bytes.js";
import { checkpoint, cosigners } from "./checkpoint.js";
import { opened, signer } from "./envelope.js";
import { Findings } from "./findings.js";
import { COLON, COMMA, SEMICOLON } from "./format.js";
import { number, parsed } from "./json.js";
import { judge } from "./laws.js";
import { distrusted, objection, standing, timeOf, validity } from "./lifetime.js";
import { readLog } from "./log.js";
import { fault } from "./schema.js";

/** @import { Said } from "./findings.js" */
/** @import { Tables } from "./laws-claim.js" */
/** @import { Key } from "./signature.js" */
/** A log when the page was made: whose it is, and how long it was at least.
 * @typedef {{origin: string, key: string, size: number, root: string, cosigned: boolean,
 *   known: boolean}} KnownLog */
/** Whose cosignatures on a checkpoint count, and how many it needs.
 * @typedef {{quorum: number, witnesses: Record<string, string>}} Policy */
/** SHA-256 of the list of keys, of the tables of laws and of the schemas by version, and the logs by
 * their folder.
 * @typedef {{keys: string, laws: string, schemas: Record<string, string>,
 *   logs: Record<string, KnownLog>, policy: Policy | null}} Known */

/** Of a result: action, index and digest of the notice, its reason, and what is newer.
 * @typedef {[string, number, string, string, string]} Notice */

/** Steps hold or fail one by one; what fails throws, and the rest is not looked at. */
class Check {
  /** @param {HTMLElement} page */
  constructor(page) {
    this.page = page;
    this.root = page.dataset.root ?? "";
    /** @type {Known} */
    this.known = JSON.parse(page.dataset.known ?? "");
    this.state = "";
    this.findings = new Findings(this.part(".findings"), (key) => this.word(key));
  }

  /** @param {string} selector */
  part(selector) {
    return /** @type {HTMLElement} */ (this.page.querySelector(selector));
  }

  /** @param {string} key */
  word(key) {
    return this.part(`[data-word="${key}"]`).textContent ?? key;
  }

  /** @param {string} step @param {boolean} good @param {string} detail */
  mark(step, good, detail) {
    const line = this.part(`[data-step="${step}"]`);
    line.className = good ? "good" : "bad";
    /** @type {HTMLElement} */ (line.querySelector(".state")).textContent =
      this.word(good ? "holds" : "fails");
    /** @type {HTMLElement} */ (line.querySelector(".detail")).textContent = detail;
  }

  /** @param {Promise<Uint8Array>} file @param {string} expected digest; empty if it has no name */
  async run(file, expected) {
    this.clear();
    let good = true;
    try {
      const data = await file.catch((error) => this.tombstone(expected, error));
      if (data) await this.steps(data, expected);
    } catch (error) {
      const waiting = this.part("[data-step]:not(.good)");
      this.mark(waiting.dataset.step ?? "", false, error instanceof Error ? error.message : String(error));
      good = false;
    }
    const verdict = this.part(".verdict");
    if (good && this.state === "removed") {
      verdict.textContent = this.word("removed-whole");
      return;
    }
    verdict.classList.add(good ? "good" : "bad");
    const doubted = good && this.findings.any ? this.word("doubted") : "";
    const moderated = good && this.state ? `${this.word(this.state)}.` : "";
    const words = [this.word(good ? "verified" : "refused"), moderated, doubted];
    verdict.textContent = words.filter(Boolean).join(" ");
  }

  clear() {
    for (const line of this.page.querySelectorAll("[data-step]")) {
      line.className = "";
      for (const part of line.querySelectorAll(".state, .detail")) part.textContent = "";
    }
    this.part(".verdict").className = "verdict";
    this.part(".verdict").textContent = "";
    delete this.part(".verdict").dataset.tier;
    this.findings.clear();
    this.state = "";
    this.part(".notices").replaceChildren();
    this.part(".contents").hidden = true;
  }

  /** @param {Uint8Array} file @param {string} expected */
  async steps(file, expected) {
    const digest = hex(await sha256(file));
    if (expected && digest !== expected) throw new Error(digest);
    this.mark("digest", true, digest);

    const { payload, key } = await this.signed(file);
    this.mark("signature", true, key.id);

    const statement = await this.statement(payload);
    const { predicateType, predicate } = statement;
    this.mark("statement", true, predicateType);
    this.show(predicate, digest);

    const place = await this.place(digest);
    const { records, index, flags, inclusion } = await this.included(place, digest);
    // The site's pages show what its data says: it must be what the log says.
    const [held, told] = [[index, ...flags], [place.index, ...place.flags]].map(String);
    if (held !== told) throw new Error(`${held} ≠ ${told}`);
    this.notices(place.notices, records);
    this.mark("inclusion", true, inclusion);

    const about = this.lifetime(key, predicate.run, place, index, records);
    await this.laws(statement, flags, about);
  }

  /** Find a result in its log, once all of that holds.
   * @param {{folder: string, log: KnownLog}} place @param {string} digest */
  async included({ folder, log }, digest) {
    const heads = await this.heads(folder, log);
    const { size, root } = heads[0];
    const witnesses = await this.witnesses(folder);
    this.mark("checkpoint", true, [log.origin, size, ...witnesses].join(", "));
    const records = await this.records(folder, heads);
    const index = records.findIndex((record) => record.type === "result" && record.envelope === digest);
    if (index < 0) throw new Error(this.word("unlogged"));
    return { records, index, flags: flagsOf(records[index]), inclusion: `${index} / ${size}: ${root}` };
  }

  /** Of a result that was removed its entry and the notice stay: hold those.
   * @param {string} digest @param {unknown} error why its envelope is not here */
  async tombstone(digest, error) {
    const place = await this.place(digest).catch(() => null);
    if (!place?.notices.some(([action]) => action === "removed")) throw error;
    const { records, inclusion } = await this.included(place, digest);
    this.notices(place.notices, records);
    this.mark("inclusion", true, inclusion);
    return null;
  }

  /** Show what notices say of a result: each must be the entry that the site's data names.
   * @param {Notice[]} notices @param {Record<string, any>[]} records */
  notices(notices, records) {
    for (const [, index, digest] of notices)
      if (records[index]?.type !== "moderation" || records[index].moderation !== digest)
        throw new Error(`${index} ≠ ${digest}`);
    this.part(".notices").replaceChildren(
      ...notices.map(([action, index, , reason, newer]) => {
        const line = document.createElement("li");
        line.textContent = [`${this.word(action)} (${index}): ${reason}`, newer].filter(Boolean).join(" → ");
        return line;
      }),
    );
    this.state = stateOf(notices.map(([action]) => action));
  }

  /** Hold the figures against the laws, and what the log entered against what they give.
   * @param {any} statement @param {string[]} entered rules, with the result
   * @param {Said[]} about its key and signer */
  async laws(statement, entered, about) {
    const data = await this.pinned("data/proofs/laws.json", this.known.laws);
    const tables = /** @type {Tables} */ (JSON.parse(text(data)));
    const judged = await judge(statement, tables, Date.now() / 1000);
    this.findings.show(judged, tables, entered, about);
    const refused = judged.findings.find(({ outcome }) => outcome === "refused");
    if (refused) throw new Error(`${refused.rule}: ${refused.where} ${refused.reason}`);
    const [held, flagged] = [judged.held, judged.findings.length];
    this.mark("laws", true, `${held} ${this.word("compared")}${COMMA}${flagged} ${this.word("flagged-figure")}`);
  }

  /** Hold a key against what the log says of it; returns what a reader should know, by rule.
   * @param {Key} key @param {any} run @param {{folder: string, log: KnownLog}} place
   * @param {number} index of the entry @param {Record<string, any>[]} records */
  lifetime(key, run, { folder, log }, index, records) {
    const spans = distrusted(key, folder, records, log.size);
    const time = timeOf(records, index);
    const against = objection(key, run, index, time, spans);
    if (against) throw new Error(against);
    // A thief of a key can begin a log of their own, in which it was never revoked.
    const unsaid = key.revoked !== null && !spans.some(([, to]) => to === null);
    const { tier, doubt } = standing(key, folder, index, log.known ? time : null, unsaid);
    const known = doubt ? `${this.word(tier)}${COLON}${this.word(doubt)}` : this.word(tier);
    const bounds = validity(key);
    this.mark("lifetime", true, [known, time ?? run.finished_at, bounds].filter(Boolean).join(SEMICOLON));
    this.part(".verdict").dataset.tier = tier;
    return this.doubts(key, run, unsaid);
  }

  /** @param {Uint8Array} file */
  async signed(file) {
    const list = await this.pinned("data/proofs/keys.json", this.known.keys);
    const envelope = opened(file);
    const key = await signer(envelope, /** @type {Key[]} */ (JSON.parse(text(list))));
    if (key) return { payload: envelope.payload, key };
    const keyless = envelope.signatures.some((signature) => signature.keyless);
    throw new Error(this.word(keyless ? "keyless" : "unsigned"));
  }

  /** @param {Uint8Array} payload @returns {Promise<any>} */
  async statement(payload) {
    const statement = parsed(payload);
    const stated = Object(Object(statement).predicate).schema_version;
    const version = typeof stated === "number" ? stated : 1;
    if (!Object.hasOwn(this.known.schemas, version)) throw new Error(`schema version ${version}`);
    const schema = await this.pinned(`schema/statement-v${version}.json`, this.known.schemas[version]);
    const wrong = fault(statement, JSON.parse(text(schema)));
    if (wrong) throw new Error(`statement${wrong}`);
    return statement;
  }

  /** Ask the site for a result's log, index and flags; all are checked later.
   * @param {string} digest */
  async place(digest) {
    const places = JSON.parse(text(await this.fetched(`data/proofs/${digest.slice(0, 2)}.json`)));
    const [folder, index, flags = [], notices = []] = places[digest] ?? [];
    if (!folder || !Object.hasOwn(this.known.logs, folder)) throw new Error(this.word("unlogged"));
    return { folder, index, flags, notices: /** @type {Notice[]} */ (notices), log: this.known.logs[folder] };
  }

  /** Checkpoints of a log: its own, and earlier ones that it must extend.
   * @param {string} folder @param {KnownLog} log */
  async heads(folder, log) {
    const files = log.cosigned ? ["checkpoint", "cosigned"] : ["checkpoint"];
    const read = files.map(async (name) =>
      checkpoint(await this.fetched(`logs/${folder}/${name}`), log.origin, unhex(log.key)),
    );
    const [own, ...earlier] = [...(await Promise.all(read)), log];
    for (const { size } of earlier)
      if (size > own.size) throw new Error(`${own.size} < ${size}: ${this.word("shorter")}`);
    return [own, ...earlier];
  }

  /** Names of the witnesses that cosigned a log, as many as the page's policy needs.
   * @param {string} folder */
  async witnesses(folder) {
    const { policy } = this.known;
    if (!policy) return [];
    const names = await cosigners(await this.fetched(`logs/${folder}/cosigned`), policy.witnesses);
    if (names.length < policy.quorum)
      throw new Error(`${names.length} < ${policy.quorum}: ${this.word("cosigned")}`);
    return names;
  }

  /** Records of a whole log, once its tiles and entries give every root.
   * @param {string} folder @param {{size: number, root: string}[]} heads */
  async records(folder, heads) {
    const log = await readLog((path) => this.fetched(`logs/${folder}/${path}`), heads[0].size);
    for (const { size, root } of heads) {
      const given = await log.root(size);
      if (given !== root) throw new Error(`${size}: ${given} ≠ ${root}`);
    }
    return log.records();
  }

  /** Read a file that the page knows by its digest.
   * @param {string} path @param {string} digest */
  async pinned(path, digest) {
    const data = await this.fetched(path);
    if (!equal(await sha256(data), unhex(digest))) throw new Error(`${path}: ${this.word("changed")}`);
    return data;
  }

  /** @param {string} path */
  async fetched(path) {
    // Tiles never change; of all else a copy kept from an earlier visit may be too old.
    const cache = path.includes("/tile/") ? "default" : "no-cache";
    const answer = await fetch(this.root + path, { cache });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Say what a reader should know of a key whose signature holds, by rule.
   * @param {Key} key @param {{runner: string}} run @param {boolean} unsaid when it was revoked
   * @returns {Said[]} */
  doubts(key, run, unsaid) {
    const own = `runner-${key.keyid.slice(0, 12)}`;
    const names = unsaid ? [own] : [own, key.id];
    const revoked = `${key.id}: ${this.word("revoked")} (${key.revoked})`;
    const other = `${run.runner}: ${this.word("other")} (${own})`;
    return [
      ...(unsaid ? [{ rule: "key", told: revoked }] : []),
      ...(names.includes(run.runner) ? [] : [{ rule: "runner", told: other }]),
    ];
  }

  /** @param {any} predicate @param {string} digest */
  show(predicate, digest) {
    const rows = this.part("tbody");
    rows.replaceChildren(
      ...predicate.measurements.slice(0, 500).map((/** @type {any} */ m) => {
        const row = document.createElement("tr");
        const [value, low, high] = [m.value, m.low, m.high].map((figure) =>
          figure === null ? null : Number(number(figure).toPrecision(6)),
        );
        const interval = low === null || high === null ? "–" : `${low} – ${high}`;
        const percentile = m.labels?.percentile;
        const metric = typeof percentile === "number" ? `${m.metric} p${percentile}` : m.metric;
        for (const cell of [m.case, metric, value, interval, m.unit, m.n, m.method])
          row.insertCell().textContent = String(cell);
        return row;
      }),
    );
    const { run, machine } = predicate;
    this.part(".about").textContent =
      `${machine.chip.name} · ${run.finished_at} · ${run.profile} · Fenmark ${run.suite_version}`;
    /** @type {HTMLAnchorElement} */ (this.part(".raw")).href =
      `${this.root}statements/${digest}.dsse.json`;
    this.part(".contents").hidden = false;
  }
}

/** What the board says of a result after these notices, by the rule of results/proof/moderation.py;
 * empty where it says nothing. @param {string[]} actions in the log's order */
function stateOf(actions) {
  const strongest = ["removed", "withdrawn", "superseded"].find((action) => actions.includes(action));
  if (strongest) return strongest;
  return actions.lastIndexOf("disputed") > actions.lastIndexOf("resolved") ? "disputed" : "";
}

/** Rules that the log's operator entered with a result, which its figures did not keep.
 * @param {Record<string, any>} entry @returns {string[]} */
const flagsOf = ({ flags }) => (Array.isArray(flags) ? flags.map(String) : []);

/** @param {File} file */
const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

const page = /** @type {HTMLElement | null} */ (document.querySelector(".verify"));
if (page) {
  const check = new Check(page);
  const input = /** @type {HTMLInputElement} */ (page.querySelector("input[type=file]"));
  check.part(".controls").hidden = false;
  /** @param {File | null | undefined} file */
  const read = (file) => file && check.run(bytesOf(file), "");
  input.addEventListener("change", () => read(input.files?.[0]));
  page.addEventListener("dragover", (event) => event.preventDefault());
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    read(event.dataTransfer?.files[0]);
  });
  const digest = new URLSearchParams(location.search).get("statement") ?? "";
  if (/^[0-9a-f]{64}$/.test(digest))
    check.run(check.fetched(`statements/${digest}.dsse.json`), digest);
}
