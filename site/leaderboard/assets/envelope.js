// @ts-check
// DSSE v1 (secure-systems-lab/dsse): who signed a payload. The same rules as results/proof/envelope.py.

import { joined, unbase64, utf8 } from "./bytes.js";
import { parsed } from "./json.js";
import { holds } from "./signature.js";

/** @import { Key } from "./signature.js" */
/** @typedef {{payload: Uint8Array, signatures: Signature[]}} Envelope */
/** @typedef {{keyid: any, sig: Uint8Array, keyless: boolean}} Signature */

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const MOST_SIGNATURES = 8;

/** @param {Uint8Array} data @returns {Envelope} */
export function opened(data) {
  const { payload, payloadType, signatures } = Object(parsed(data));
  if (typeof payload !== "string" || typeof payloadType !== "string" || !Array.isArray(signatures))
    throw new Error("is not a DSSE envelope");
  if (payloadType !== PAYLOAD_TYPE) throw new Error(`holds ${payloadType.slice(0, 80)}`);
  if (signatures.length < 1 || signatures.length > MOST_SIGNATURES)
    throw new Error(`holds ${signatures.length} signatures, expected 1 to ${MOST_SIGNATURES}`);
  return { payload: eitherBase64(payload), signatures: signatures.map(signature) };
}

/** Find the key whose signature holds; a signature is tried with the key it names and no other.
 * @param {Envelope} envelope @param {Key[]} keys */
export async function signer({ payload, signatures }, keys) {
  const length = `${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length}`;
  const encoding = joined(utf8(`DSSEv1 ${length} `), payload);
  for (const { keyid, sig } of signatures)
    for (const key of keys.filter((candidate) => candidate.keyid === keyid && candidate.public))
      if (await holds(key, sig, encoding)) return key;
  return null;
}

/** @param {any} item @returns {Signature} */
function signature(item) {
  const { keyid, sig, bundle } = Object(item);
  if (typeof sig !== "string") throw new Error("holds what is not a signature");
  return { keyid, sig: eitherBase64(sig), keyless: bundle !== undefined };
}

/** Read either alphabet, padded or not, as DSSE allows.
 * @param {string} coded */
function eitherBase64(coded) {
  const usual = coded.replaceAll("-", "+").replaceAll("_", "/");
  return unbase64(usual.padEnd(Math.ceil(usual.length / 4) * 4, "="));
}
