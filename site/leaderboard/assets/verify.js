// @ts-check
// Check a signed result in the reader's own browser: DSSE signature, checkpoint, inclusion.
// Formats: DSSE v1 (secure-systems-lab/dsse), C2SP signed-note, tlog-checkpoint and tlog-tiles,
// RFC 6962 hashing. Nothing is sent anywhere; the log's files are read from this site.

/** @typedef {{id: string, keyid: string, keytype: string, public: string, tier: string,
 *   valid_from?: string | null, valid_until?: string | null, ended?: Record<string, number>}} Key */

const WIDTH = 256; // hashes in a full tile
const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);
const text = (/** @type {Uint8Array} */ data) => new TextDecoder("utf-8", { fatal: true }).decode(data);
export const hex = (/** @type {Uint8Array} */ data) =>
  Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (/** @type {string} */ digits) =>
  Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
// Either alphabet, as DSSE allows.
const unbase64 = (/** @type {string} */ coded) =>
  Uint8Array.from(atob(coded.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

/** @param {...Uint8Array} parts */
function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {...Uint8Array} parts */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A DER signature as the two numbers of 32 bytes that WebCrypto takes.
 * @param {Uint8Array} der */
export function fromDer(der) {
  const raw = new Uint8Array(64);
  let at = 2; // past the sequence: at most 72 bytes, so its length is one byte
  for (const end of [32, 64]) {
    const number = der.slice(at + 2, at + 2 + der[at + 1]).slice(-32); // a leading zero is a sign
    raw.set(number, end - number.length);
    at += 2 + der[at + 1];
  }
  return raw;
}

/** @param {Key} key @param {Uint8Array} signature @param {Uint8Array} message */
async function holds(key, signature, message) {
  const ed = key.keytype === "ed25519";
  const raw = ed ? unhex(key.public) : unbase64(key.public.replace(/-----[^-]+-----|\s/g, ""));
  const kind = ed ? "Ed25519" : P256;
  const data = /** @type {BufferSource} */ (/** @type {unknown} */ (raw));
  const imported = await crypto.subtle.importKey(ed ? "raw" : "spki", data, kind, false, ["verify"]);
  const sig = /** @type {BufferSource} */ (ed ? signature : fromDer(signature));
  return crypto.subtle.verify(kind, imported, sig, /** @type {BufferSource} */ (message));
}

/** Find the key whose signature over the payload holds; every key is tried, keyid is a hint only.
 * @param {{payloadType: string, payload: string, signatures: {sig: string}[]}} envelope
 * @param {Key[]} keys */
export async function signer(envelope, keys) {
  const payload = unbase64(envelope.payload);
  const pae = joined(
    bytes(`DSSEv1 ${bytes(envelope.payloadType).length} ${envelope.payloadType} ${payload.length} `),
    payload,
  );
  for (const key of keys.filter((one) => ["ed25519", "ecdsa"].includes(one.keytype)))
    for (const { sig } of envelope.signatures)
      if (await holds(key, unbase64(sig), pae)) return { key, payload };
  return null;
}

/** Read a signed checkpoint and find the key that signed it.
 * @param {string} note @param {Key[]} keys */
export async function checkpoint(note, keys) {
  const cut = note.lastIndexOf("\n\n");
  const body = note.slice(0, cut + 1);
  const [origin, size, root] = body.split("\n");
  for (const line of note.slice(cut + 2).split("\n").filter(Boolean)) {
    const [dash, name, coded] = line.split(" ");
    if (dash !== "—" || name !== origin) continue;
    const blob = unbase64(coded);
    for (const key of keys.filter((one) => one.keytype === "ed25519")) {
      const id = await sha256(bytes(`${name}\n`), Uint8Array.of(1), unhex(key.public));
      if (hex(id.slice(0, 4)) !== hex(blob.slice(0, 4))) continue;
      if (await holds(key, blob.slice(4), bytes(body)))
        return { origin, size: Number(size), root: hex(unbase64(root)), key };
    }
  }
  return null;
}

/** Merkle tree hash over node hashes, RFC 6962 section 2.1.
 * @param {Uint8Array[]} nodes @returns {Promise<Uint8Array>} */
export async function merkleRoot(nodes) {
  if (nodes.length === 1) return nodes[0];
  let split = 1;
  while (split * 2 < nodes.length) split *= 2;
  const [left, right] = await Promise.all([
    merkleRoot(nodes.slice(0, split)),
    merkleRoot(nodes.slice(split)),
  ]);
  return sha256(Uint8Array.of(1), left, right);
}

/** @param {number} level @param {number} number @param {number} width */
export function tilePath(level, number, width) {
  const groups = [String(number % 1000).padStart(3, "0")];
  for (let rest = Math.floor(number / 1000); rest; rest = Math.floor(rest / 1000))
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  return `tile/${level}/${groups.join("/")}${width < WIDTH ? `.p/${width}` : ""}`;
}

/** Compute the log's root from its tiles, and check that entry `index` is this envelope.
 * @param {(path: string) => Promise<Uint8Array>} tile
 * @param {string} digest @param {number} index @param {number} size
 * @param {string[]} [flags] rules that the entry names */
export async function provenRoot(tile, digest, index, size, flags = []) {
  if (!(index < size)) return null;
  /** @param {number} level @param {number} number @param {number} count */
  const nodes = async (level, number, count) => {
    const data = await tile(tilePath(level, number, count));
    return Array.from({ length: count }, (_, at) => data.slice(at * 32, at * 32 + 32));
  };
  const full = Math.floor(size / WIDTH);
  const own = Math.floor(index / WIDTH);
  const leaves = await nodes(0, own, own < full ? WIDTH : size % WIDTH);
  const leaf = await sha256(
    Uint8Array.of(0),
    bytes(JSON.stringify({ envelope: digest, ...(flags.length ? { flags } : {}), type: "result" })),
  );
  if (hex(leaves[index % WIDTH]) !== hex(leaf)) return null;
  /** @type {Uint8Array[]} */
  const blocks = [];
  for (let at = 0; at < full; at += WIDTH)
    blocks.push(...(await nodes(1, at / WIDTH, Math.min(WIDTH, full - at))));
  if (own < full && hex(await merkleRoot(leaves)) !== hex(blocks[own])) return null;
  if (size % WIDTH)
    blocks.push(await merkleRoot(own === full ? leaves : await nodes(0, full, size % WIDTH)));
  return hex(await merkleRoot(blocks));
}

/** Whether a key might sign a run that ended then, and the entry of a log: the window counts for
 * the run, a revocation or rotation from its own entry on.
 * @param {Key} key @param {string} finished @param {string} log @param {number} index
 * @returns {[boolean, string]} */
export function lifetime(key, finished, log, index) {
  const at = Date.parse(finished);
  const [from, until] = [key.valid_from, key.valid_until].map((bound) => (bound ? Date.parse(bound) : null));
  const window = `${key.valid_from ?? ""} … ${key.valid_until ?? ""}`;
  if (!(at >= (from ?? -Infinity) && at <= (until ?? Infinity))) return [false, `${finished}: ${window}`];
  const end = key.ended?.[log];
  return end === undefined ? [true, window] : [index < end, `${index} < ${end}`];
}

/** The page: steps light up one by one. */
class Check {
  /** @param {HTMLElement} page */
  constructor(page) {
    this.page = page;
    this.root = page.dataset.root ?? "";
    /** @type {Key[]} */
    this.keys = [];
  }

  /** @param {string} step @param {boolean} good @param {string} detail */
  mark(step, good, detail) {
    const line = /** @type {HTMLElement} */ (this.page.querySelector(`[data-step="${step}"]`));
    line.className = good ? "good" : "bad";
    const state = /** @type {HTMLElement} */ (line.querySelector(".state"));
    state.textContent = this.word(good ? "holds" : "fails");
    /** @type {HTMLElement} */ (line.querySelector(".detail")).textContent = detail;
    return good;
  }

  /** @param {string} key */
  word(key) {
    return this.page.querySelector(`[data-word="${key}"]`)?.textContent ?? key;
  }

  /** @param {string} path */
  async fetched(path) {
    const answer = await fetch(this.root + path);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** @param {Uint8Array} file @param {string} expected */
  async run(file, expected) {
    for (const line of this.page.querySelectorAll("[data-step]")) {
      line.className = "";
      for (const part of line.querySelectorAll(".state, .detail")) part.textContent = "";
    }
    const verdict = /** @type {HTMLElement} */ (this.page.querySelector(".verdict"));
    verdict.className = "verdict";
    verdict.textContent = "";
    const good = await this.steps(file, expected).catch((error) => {
      const waiting = this.page.querySelector("[data-step]:not(.good):not(.bad)");
      const step = /** @type {HTMLElement | null} */ (waiting)?.dataset.step ?? "inclusion";
      return this.mark(step, false, String(error.message ?? error));
    });
    verdict.classList.add(good ? "good" : "bad");
    verdict.textContent = this.word(good ? "verified" : "refused");
  }

  /** @param {Uint8Array} file @param {string} expected */
  async steps(file, expected) {
    const digest = hex(await sha256(file));
    if (!this.mark("digest", !expected || digest === expected, digest)) return false;
    this.keys = JSON.parse(text(await this.fetched("data/proofs/keys.json")));
    const envelope = JSON.parse(text(file));
    const signed = await signer(envelope, this.keys);
    if (!signed) {
      const keyless = envelope.signatures.some((/** @type {object} */ one) => "bundle" in one);
      return this.mark("signature", false, keyless ? this.word("keyless") : "");
    }
    this.mark("signature", true, `${signed.key.id} (${signed.key.tier})`);
    const statement = JSON.parse(text(/** @type {any} */ (signed).payload));
    const { predicateType, predicate } = statement;
    const version = [1, 2].find((known) => predicateType === `urn:fenmark:result:v${known}`);
    if (!this.mark("statement", !!version && predicate.schema_version === version, predicateType))
      return false;
    this.show(predicate, digest);
    const places = JSON.parse(text(await this.fetched(`data/proofs/${digest.slice(0, 2)}.json`)));
    const [log, index, flags] = places[digest] ?? [];
    if (!log) return this.mark("checkpoint", false, this.word("unlogged"));
    const note = await checkpoint(text(await this.fetched(`logs/${log}/checkpoint`)), this.keys);
    if (!this.mark("checkpoint", !!note, note ? `${note.origin}, ${note.size}` : "")) return false;
    const { size, root } = /** @type {{size: number, root: string}} */ (note);
    const computed = await provenRoot((path) => this.fetched(`logs/${log}/${path}`), digest, index, size, flags);
    if (!this.mark("inclusion", computed === root, `${index} / ${size}: ${computed ?? "–"}`))
      return false;
    const [good, why] = lifetime(signed.key, predicate.run.finished_at, log, index);
    return this.mark("lifetime", good, why);
  }

  /** @param {any} predicate @param {string} digest */
  show(predicate, digest) {
    const rows = /** @type {HTMLElement} */ (this.page.querySelector("tbody"));
    rows.replaceChildren(
      ...predicate.measurements.slice(0, 500).map((/** @type {any} */ m) => {
        const row = document.createElement("tr");
        const [value, low, high] = [m.value, m.low, m.high].map((figure) =>
          figure === null ? null : Number(figure.toPrecision(6)),
        );
        const interval = low === null || high === null ? "–" : `${low} – ${high}`;
        for (const cell of [m.case, m.metric, value, interval, m.unit, m.n, m.method])
          row.insertCell().textContent = String(cell);
        return row;
      }),
    );
    const { run, machine } = predicate;
    /** @type {HTMLElement} */ (this.page.querySelector(".about")).textContent =
      `${machine.chip.name} · ${run.finished_at} · ${run.profile} · Fenmark ${run.suite_version}`;
    const link = /** @type {HTMLAnchorElement} */ (this.page.querySelector(".raw"));
    link.href = `${this.root}statements/${digest}.dsse.json`;
    /** @type {HTMLElement} */ (this.page.querySelector(".contents")).hidden = false;
  }
}

const page = /** @type {HTMLElement | null} */ (document.querySelector(".verify"));
if (page) {
  const check = new Check(page);
  const input = /** @type {HTMLInputElement} */ (page.querySelector("input[type=file]"));
  const controls = /** @type {HTMLElement} */ (page.querySelector(".controls"));
  controls.hidden = false;
  /** @param {File | null | undefined} file */
  const read = async (file) => file && check.run(new Uint8Array(await file.arrayBuffer()), "");
  input.addEventListener("change", () => read(input.files?.[0]));
  page.addEventListener("dragover", (event) => event.preventDefault());
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    read(event.dataTransfer?.files[0]);
  });
  const digest = new URLSearchParams(location.search).get("statement") ?? "";
  if (/^[0-9a-f]{64}$/.test(digest))
    check
      .fetched(`statements/${digest}.dsse.json`)
      .then((file) => check.run(file, digest))
      .catch((error) => check.mark("digest", false, String(error.message)));
}
