// @ts-check
// Signed checkpoints (C2SP tlog-checkpoint in a signed note). The same rules as
// results/proof/checkpoint.py: a log is signed by its own key and by no other.

import { equal, hex, sha256, text, unbase64, utf8 } from "./bytes.js";
import { holdsRaw } from "./signature.js";

const ED25519 = 1; // signature type of a signed note
const HASH = 32; // bytes
const KEY_HASH = 4;

/** Read a checkpoint that the log's key signed.
 * @param {Uint8Array} data @param {string} origin name of the log @param {Uint8Array} key of the log
 * @returns {Promise<{size: number, root: string}>} root in hex */
export async function checkpoint(data, origin, key) {
  const note = text(data);
  const cut = note.lastIndexOf("\n\n");
  const body = note.slice(0, cut + 1);
  const [name, size, root] = body.split("\n");
  const signatures = note.slice(cut + 2).split("\n").filter(Boolean).map(signature);
  if (cut < 0 || !signatures.length || !isSize(size) || !isHash(root))
    throw new Error("is no checkpoint");
  if (name !== origin) throw new Error(`is of ${name}, expected ${origin}`);
  const hash = await sha256(utf8(`${origin}\n`), Uint8Array.of(ED25519), key);
  for (const { whose, blob } of signatures)
    if (whose === origin && equal(blob.slice(0, KEY_HASH), hash.slice(0, KEY_HASH)))
      if (await holdsRaw(key, blob.slice(KEY_HASH), utf8(body)))
        return { size: Number(size), root: hex(unbase64(root)) };
  throw new Error(`no signature by the key of ${origin}`);
}

/** @param {string} line */
function signature(line) {
  const [dash, whose, coded, ...more] = line.split(" ");
  if (dash !== "—" || coded === undefined || more.length) throw new Error("is no checkpoint");
  return { whose, blob: unbase64(coded) };
}

/** @param {string | undefined} digits */
const isSize = (digits) =>
  digits !== undefined && /^(0|[1-9][0-9]*)$/.test(digits) && Number.isSafeInteger(Number(digits));

/** @param {string | undefined} coded */
const isHash = (coded) => coded !== undefined && unbase64(coded).length === HASH;
