"""DSSE around an in-toto Statement: sign, verify before parsing, parse strictly.

The envelope is that of the DSSE protocol v1 (secure-systems-lab/dsse); the payload bytes are
opaque until a signature over them holds, and are kept verbatim.
"""

from __future__ import annotations

import binascii
import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key, Signature, Signer

from results.keys import ed25519
from results.keys.keyless import KeylessKey
from results.statement import strict_json
from results.statement.statement_v2 import read_statement
from suites.base.errors import CheckError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from results.statement.statement import Statement

__all__ = ["PAYLOAD_TYPE", "Verified", "digest", "encode", "parse", "payload_of", "sign", "verify"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MAX_SIGNATURES = 8
# Decodes five times as fast as `binascii`, and refuses some of what that takes.
_BASE64 = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Payload bytes a signature was found good for, and the key it was.

    Attributes:
        claims: what a keyless signature's certificate says of the job that signed.
    """

    payload: bytes
    key: Key
    claims: Mapping[str, str] = field(default_factory=dict)


def encode(statement: Statement) -> bytes:
    """Return the payload bytes of a statement: canonical JSON."""
    return strict_json.canonical(statement.to_json())


def digest(envelope: bytes) -> str:
    """Return the SHA-256 of an envelope's bytes in hex: its name and its log entry."""
    return hashlib.sha256(envelope).hexdigest()


def sign(payload: bytes, signer: Signer) -> bytes:
    """Sign payload bytes and return the envelope file's bytes.

    Raises:
        CheckError: the signature just made does not verify (a broken token or key file).
    """
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    data = strict_json.canonical(envelope.to_dict()) + b"\n"
    if verify(data, [signer.public_key], "the new envelope").payload != payload:
        raise CheckError("the signature just made is not for this payload", where="signer")
    return data


def verify(data: bytes, keys: Iterable[Key], where: str) -> Verified:
    """Find a key whose signature over the payload holds.

    A signature is tried with the key it names, and no other, so that eight signatures are eight
    attempts however many keys are known. `keyid` is an unauthenticated hint all the same (DSSE
    protocol, "keyid"): what counts is the key that verifies. One that names no known key is tried
    where one key alone is known.

    Raises:
        UserError: `data` is not a DSSE envelope of an in-toto payload, or a keyless signature
            cannot be checked here.
        CheckError: no key verifies any signature.
    """
    envelope, signatures = _read(data, where)
    pae = envelope.pae()
    unable: UserError | None = None
    for key, signature in _attempts(keys, signatures, where):
        try:
            held = _holds(key, signature, pae)
        except UserError as error:  # another key may still verify
            unable, held = error, False
        if held:
            claims = key.claims(signature) if isinstance(key, KeylessKey) else {}
            return Verified(payload=envelope.payload, key=key, claims=claims)
    if unable:
        raise unable
    raise CheckError(
        "no signature verifies",
        where=where,
        expected="a signature by the key it names",
        remedy="the file was changed since it was signed",
    )


def payload_of(data: bytes, where: str) -> bytes:
    """Return the payload of an envelope without verifying it: to look at, not to believe.

    Raises:
        UserError: it is not a DSSE envelope of an in-toto payload.
    """
    payload: bytes = _read(data, where)[0].payload
    return payload


def parse(payload: bytes, where: str) -> Statement:
    """Parse payload bytes that a signature was found good for.

    Raises:
        UserError: the JSON is ambiguous or does not fit the schema; names the first field.
    """
    value = strict_json.loads(payload, where)
    try:
        return read_statement(value)
    except LookupError as error:
        raise UserError(
            f"schema version {error}",
            where=f"{where}:predicate.schema_version",
            expected="1 or 2",
            remedy="a newer Fenmark may read it",
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "statement"
        version = 2 if error.title == "StatementV2" else 1
        raise UserError(
            first["msg"], where=f"{where}:{field}", expected=f"the schema of version {version}"
        ) from error


def _attempts(
    keys: Iterable[Key], signatures: Sequence[Signature], where: str
) -> list[tuple[Key, Signature]]:
    known = {key.keyid: key for key in keys}
    alone = next(iter(known.values())) if len(known) == 1 else None
    attempts = [(key, item) for item in signatures if (key := known.get(item.keyid, alone))]
    if not attempts:
        raise CheckError(
            f"is signed by the unknown key {signatures[0].keyid[:64]!r}",
            where=where,
            expected="a key in runners/ or in the catalogue",
            remedy="its key file is missing, or names another key",
        )
    return attempts


def _holds(key: Key, signature: Signature, pae: bytes) -> bool:
    if key.keytype == "ed25519":
        public, raw = key.keyval["public"], signature.signature
        return ed25519.holds(bytes.fromhex(public), bytes.fromhex(raw), pae)
    try:
        whose = Signature(key.keyid, signature.signature, signature.unrecognized_fields)
        key.verify_signature(whose, pae)
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True


def _read(data: bytes, where: str) -> tuple[Envelope, list[Signature]]:
    value = strict_json.loads(data, where)
    match value:
        case {"payload": str(payload), "payloadType": str(kind), "signatures": list(signatures)}:
            pass
        case _:
            raise UserError(
                "is not a DSSE envelope", where=where, expected="payload, payloadType, signatures"
            )
    if kind != PAYLOAD_TYPE:
        raise UserError(f"holds {kind[:80]!r}", where=f"{where}:payloadType", expected=PAYLOAD_TYPE)
    if not 1 <= len(signatures) <= _MAX_SIGNATURES:
        raise UserError(
            f"holds {len(signatures)} signatures",
            where=f"{where}:signatures",
            expected=f"1 to {_MAX_SIGNATURES}",
        )
    raw = [_signature(item, f"{where}:signatures[{i}]") for i, item in enumerate(signatures)]
    return Envelope(_base64(payload, f"{where}:payload"), kind, {}), raw


def _signature(item: Any, where: str) -> Signature:
    match item:
        case {"sig": str(text), **more}:
            bundle = {"bundle": more["bundle"]} if "bundle" in more else {}
            keyid = more.get("keyid")
            named = keyid if isinstance(keyid, str) else ""
            return Signature(named, _base64(text, f"{where}.sig").hex(), bundle)
        case _:
            raise UserError("is not a signature", where=where, expected="an object with sig")


def _base64(text: str, where: str) -> bytes:
    """Decode either base64 alphabet, as DSSE asks of a verifier; anything else is refused."""
    if "\\" not in text:  # an escape of JSON is not base64
        with suppress(ValidationError):
            return _BASE64.validate_json(f'"{text}"')
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise UserError("is not base64", where=where, expected="base64") from error
