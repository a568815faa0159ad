// @ts-check
// Signatures of Ed25519 and of ECDSA on P-256, by WebCrypto.

import { unbase64, unhex } from "./bytes.js";

/** A key as data/proofs/keys.json lists it.
 * @typedef {{id: string, keyid: string, keytype: string, public: string, tier: string,
 *   valid_from: string | null, valid_until: string | null, revoked: string | null,
 *   registered_by: string, registered?: Record<string, number>,
 *   distrusted?: Record<string, [number, number | null][]>}} Key */

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const NUMBER = 32; // bytes of each of the two numbers of a signature on P-256

/** @param {Key} key @param {Uint8Array} signature @param {Uint8Array} message */
export async function holds(key, signature, message) {
  if (key.keytype === "ed25519") return holdsRaw(unhex(key.public), signature, message);
  const raw = fromDer(signature);
  const pem = unbase64(key.public.replace(/-----[^-]+-----|\s/g, ""));
  const imported = await crypto.subtle.importKey("spki", pem, P256, false, ["verify"]);
  return raw !== null && crypto.subtle.verify(P256, imported, raw, source(message));
}

/** Check an Ed25519 signature by a key of 32 bytes.
 * @param {Uint8Array} key @param {Uint8Array} signature @param {Uint8Array} message */
export async function holdsRaw(key, signature, message) {
  const imported = await crypto.subtle.importKey("raw", source(key), "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, source(signature), source(message));
}

// TypeScript tells arrays over shared memory apart, of which there are none here.
const source = (/** @type {Uint8Array} */ data) => /** @type {Uint8Array<ArrayBuffer>} */ (data);

/** A DER signature as the two numbers of 32 bytes that WebCrypto takes; null if it is none.
 * @param {Uint8Array} der */
export function fromDer(der) {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const raw = new Uint8Array(2 * NUMBER);
  let at = 2; // past the sequence: at most 72 bytes, so its length is one byte
  for (const end of [NUMBER, 2 * NUMBER]) {
    const [tag, length] = der.slice(at, at + 2);
    const digits = der.slice(at + 2, at + 2 + length);
    if (tag !== 2 || digits.length !== length || !isPositive(digits)) return null;
    const number = digits[0] ? digits : digits.slice(1); // a leading zero is a sign
    if (number.length > NUMBER) return null;
    raw.set(number, end - number.length);
    at += 2 + length;
  }
  return at === der.length ? raw : null;
}

/** Whether an integer of DER is above zero and as short as it can be.
 * @param {Uint8Array} digits */
const isPositive = (digits) =>
  digits.length > 0 && (digits[0] ? digits[0] < 0x80 : digits.length > 1 && digits[1] >= 0x80);
