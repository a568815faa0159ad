// @ts-check
// Signed checkpoints (C2SP tlog-checkpoint in a signed note). The same rules as
// results/proof/checkpoint.py: a log is signed by its own key and by no other.

import { equal, hex, sha256, text, unbase64, unhex, utf8 } from "./bytes.js";
import { holdsRaw } from "./signature.js";

const ED25519 = 1; // signature types of a signed note
const COSIGNATURE = 4;
const HASH = 32; // bytes
const KEY_HASH = 4;
const TIME = 8;
const SIGNATURE = 64;

/** Read a checkpoint that the log's key signed.
 * @param {Uint8Array} data @param {string} origin name of the log @param {Uint8Array} key of the log
 * @returns {Promise<{size: number, root: string}>} root in hex */
export async function checkpoint(data, origin, key) {
  const { body, name, size, root, signatures } = read(data);
  if (name !== origin) throw new Error(`is of ${name}, expected ${origin}`);
  const hash = await keyHash(origin, ED25519, key);
  for (const { whose, blob } of signatures)
    if (whose === origin && equal(blob.slice(0, KEY_HASH), hash))
      if (await holdsRaw(key, blob.slice(KEY_HASH), utf8(body))) return { size, root };
  throw new Error(`no signature by the key of ${origin}`);
}

/** Names of the witnesses whose cosignature on a checkpoint holds (C2SP tlog-cosignature, version 1
 * with Ed25519), each once; the same rules as results/proof/cosignature.py.
 * @param {Uint8Array} data @param {Record<string, string>} witnesses raw keys in hex, by name */
export async function cosigners(data, witnesses) {
  const { body, signatures } = read(data);
  const names = new Set();
  for (const { whose, blob } of signatures) {
    if (!Object.hasOwn(witnesses, whose) || blob.length !== KEY_HASH + TIME + SIGNATURE) continue;
    const key = unhex(witnesses[whose]);
    if (!equal(blob.slice(0, KEY_HASH), await keyHash(whose, COSIGNATURE, key))) continue;
    const time = new DataView(blob.buffer).getBigUint64(KEY_HASH);
    const message = utf8(`cosignature/v1\ntime ${time}\n${body}`);
    if (await holdsRaw(key, blob.slice(KEY_HASH + TIME), message)) names.add(whose);
  }
  return [...names];
}

/** @param {Uint8Array} data */
function read(data) {
  const note = text(data);
  const cut = note.lastIndexOf("\n\n");
  const body = note.slice(0, cut + 1);
  const [name, size, root] = body.split("\n");
  const signatures = note.slice(cut + 2).split("\n").filter(Boolean).map(signature);
  if (cut < 0 || !signatures.length || !isSize(size) || !isHash(root))
    throw new Error("is not a checkpoint");
  return { body, name, size: Number(size), root: hex(unbase64(root)), signatures };
}

/** @param {string} name @param {number} type @param {Uint8Array} key */
async function keyHash(name, type, key) {
  return (await sha256(utf8(`${name}\n`), Uint8Array.of(type), key)).slice(0, KEY_HASH);
}

/** @param {string} line */
function signature(line) {
  const [dash, whose, coded, ...more] = line.split(" ");
  if (dash !== "—" || coded === undefined || more.length) throw new Error("is not a checkpoint");
  return { whose, blob: unbase64(coded) };
}

/** @param {string | undefined} digits */
const isSize = (digits) =>
  digits !== undefined && /^(0|[1-9][0-9]*)$/.test(digits) && Number.isSafeInteger(Number(digits));

/** @param {string | undefined} coded */
const isHash = (coded) => coded !== undefined && unbase64(coded).length === HASH;
