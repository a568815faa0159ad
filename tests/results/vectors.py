"""Archives, whole and tampered with, and what every reader of proofs must say of each.

All is made from fixed keys: the same bytes each time. `test_vectors` asks `fenmark verify`, and
`tests/site/test_vectors` the verify page in a browser.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey

from results.keys.identity import read_runner, runner_id, runner_toml
from results.proof import checkpoint, cosignature, envelope, notice, tiles
from results.proof.keylog import key_added, time_entry
from results.proof.receipt import result_entry
from results.statement import strict_json
from tests.results import honest
from tests.results.conftest import make_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from securesystemslib.signer import Key

__all__ = ["VECTORS", "Vector"]

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """An archive, one result of it, and the verdict.

    Attributes:
        files: of the archive, by path.
        digest: name of the result's file.
        step: of the verify page that does not hold; empty where all do.
        says: part of what `fenmark verify` has against it.
        flags: rules that its figures do not keep, that the log entered, or of its key and signer.
        catalogue: key files that both readers have from elsewhere.
        seen: checkpoint of the log that both readers have from elsewhere.
        listed: key files that the page was made with, those of `files` by default.
        known: both readers know the log, so that what it says of time counts.
        tier: of the key where the result stands.
        policy: witnesses that both readers ask for.
    """

    files: Mapping[str, bytes]
    digest: str
    step: str = ""
    says: str = ""
    flags: frozenset[str] = frozenset()
    catalogue: Mapping[str, bytes] = field(default_factory=dict)
    seen: bytes | None = None
    listed: Mapping[str, bytes] | None = None
    known: bool = False
    tier: str = "self-signed"
    policy: cosignature.Policy | None = None


def _ed25519(byte: bytes) -> CryptoSigner:
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(byte * 32))


# Whose log it is, who measured, and somebody else; and a key of the other kind.
LOG, LAB, OTHER = _ed25519(b"1"), _ed25519(b"2"), _ed25519(b"3")
CURVE = ec.derive_private_key(0xFE17, ec.SECP256R1())
CURVE_KEY = SSlibKey.from_crypto(CURVE.public_key())
WITNESS = _ed25519(b"4")
ORIGIN = f"fenmark.local/{runner_id(LOG.public_key)}"
KIND = envelope.PAYLOAD_TYPE


ENGINE = {
    "name": "e",
    "version": "1",
    "model": "m",
    "weights_sha256": None,
    "weights": "random",
    "precision": "q8_0",
}

# Envelopes


def stated(*path: str | int, to: Any = None, drop: bool = False) -> bytes:
    """Payload of a good statement in which one member is changed or left out."""
    whole = make_statement().to_json()
    whole["predicate"]["run"]["runner"] = runner_id(LAB.public_key)
    whole["predicate"]["engines"] = [ENGINE]
    if path:
        inner: Any = whole
        for name in path[:-1]:
            inner = inner[name]
        if drop:
            del inner[path[-1]]
        else:
            inner[path[-1]] = to
    return strict_json.canonical(whole)


PAYLOAD = stated()


def encoded(payload: bytes, kind: str = KIND) -> bytes:
    """Pre-authentication encoding of DSSE."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def raw_signature(message: bytes, by: CryptoSigner = LAB) -> bytes:
    return bytes.fromhex(by.sign(message).signature)


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def signature(raw: bytes, key: Key = LAB.public_key) -> dict[str, str]:
    return {"keyid": key.keyid, "sig": coded(raw)}


def enclosed(payload: bytes = PAYLOAD, /, **changes: Any) -> dict[str, Any]:
    """Members of a good envelope, some of them changed."""
    signed = [signature(raw_signature(encoded(payload)))]
    return {"payload": coded(payload), "payloadType": KIND, "signatures": signed} | changes


def sealed(payload: bytes = PAYLOAD, /, **changes: Any) -> bytes:
    return strict_json.canonical(enclosed(payload, **changes))


def sealed_by(signer: CryptoSigner, payload: bytes = PAYLOAD, key: Key | None = None) -> bytes:
    raw = raw_signature(encoded(payload), signer)
    return sealed(payload, signatures=[signature(raw, key or signer.public_key)])


def on_curve(payload: bytes = PAYLOAD) -> bytes:
    way = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return CURVE.sign(encoded(payload), way)


def stretched(der: bytes) -> bytes:
    """Add a byte within the sequence, behind its two numbers."""
    return bytes([der[0], der[1] + 1]) + der[2:] + b"\0"


# Archives


def key_file(key: Key, *lines: str) -> Files:
    text = runner_toml(key) + "".join(f"{line}\n" for line in lines)
    return {f"runners/{runner_id(key)}.toml": text.encode()}


def keys(*all_keys: Key) -> Files:
    return {path: text for key in all_keys for path, text in key_file(key).items()}


KEYS = keys(LOG.public_key, LAB.public_key, OTHER.public_key, CURVE_KEY)
ADDED = strict_json.canonical(key_added(runner_id(LAB.public_key), LAB.public_key))


def tree(entries: Sequence[bytes]) -> tiles.Growth:
    growth = tiles.Growth()
    for entry in entries:
        list(growth.add(entry))
    return growth


def note(
    entries: Sequence[bytes],
    signer: CryptoSigner = LOG,
    origin: str = ORIGIN,
    size: int | None = None,
) -> bytes:
    growth = tree(entries)
    size = growth.size if size is None else size
    return checkpoint.write(
        checkpoint.Checkpoint(origin=origin, size=size, root=growth.root()), signer
    )


def log(entries: Sequence[bytes], **signed: Any) -> Files:
    growth, tile_files = tiles.Growth(), Files()
    for entry in entries:
        tile_files |= dict(growth.add(entry))
    tile_files |= dict(growth.unfinished())
    files = {f"log/{path}": content for path, content in tile_files.items()}
    return files | {"log/checkpoint": note(entries, **signed)}


def fillers(count: int) -> list[bytes]:
    """Entries of a kind that no reader knows, and all pass over."""
    return [strict_json.canonical({"type": "note", "number": n}) for n in range(count)]


def result_file(data: bytes) -> Files:
    return {f"{envelope.digest(data)}.dsse.json": data}


def entries_of(
    data: bytes, before: Sequence[bytes] = (), after: Sequence[bytes] = ()
) -> list[bytes]:
    return [ADDED, *before, result_entry(envelope.digest(data)), *after]


def archive(data: bytes, entries: Sequence[bytes] | None = None, **signed: Any) -> Files:
    logged = entries_of(data) if entries is None else entries
    return {**KEYS, **result_file(data), **log(logged, **signed)}


GOOD = sealed()
GOOD_DIGEST = envelope.digest(GOOD)
HOME = archive(GOOD)


def without(files: Files, *paths: str) -> Files:
    return {path: content for path, content in files.items() if path not in paths}


def of(data: bytes, step: str = "", says: str = "", **more: Any) -> Vector:
    """A vector of one envelope, properly logged."""
    files = archive(data) | more.pop("files", {})
    return Vector(files=files, digest=envelope.digest(data), step=step, says=says, **more)


def around(step: str = "", says: str = "", home: Files = HOME, **more: Any) -> Vector:
    """A vector of the good envelope in other surroundings."""
    return Vector(files=home, digest=GOOD_DIGEST, step=step, says=says, **more)


# What JSON may not hold: in an envelope, and in a statement. `MARK` is where a member stands.
MARK = b'"mark":0'
BAD_JSON: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a key twice": (lambda text: text.replace(MARK, b'"mark":0,"mark":0'), "twice"),
    "a key twice, once escaped": (
        lambda text: text.replace(MARK, rb'"mark":0,"m\u0061rk":0'),
        "twice",
    ),
    "NaN": (lambda text: text.replace(MARK, b'"mark":NaN'), "NaN"),
    "infinity": (lambda text: text.replace(MARK, b'"mark":-Infinity'), "Infinity"),
    "an integer of 2^53": (lambda text: text.replace(MARK, b'"mark":9007199254740992'), "integer"),
    "an integer of 5,000 digits": (
        lambda text: text.replace(MARK, b'"mark":' + b"9" * 5000),
        "integer",
    ),
    "a number above all doubles": (lambda text: text.replace(MARK, b'"mark":1e400'), "double"),
    "a number with a leading zero": (lambda text: text.replace(MARK, b'"mark":01'), "not JSON"),
    "a nest of 60 lists": (
        lambda text: text.replace(MARK, b'"mark":' + b"[" * 60 + b"]" * 60),
        "deeply",
    ),
    "a nest of 60,000 lists": (
        lambda text: text.replace(MARK, b'"mark":' + b"[" * 60_000 + b"]" * 60_000),
        "deeply",
    ),
    "250,000 values": (
        lambda text: text.replace(MARK, b'"mark":[' + b"0," * 250_000 + b"0]"),
        "too many values",
    ),
    "more than a mebibyte": (lambda text: text + b" " * 2**20, "bytes"),
    "a byte order mark": (lambda text: b"\xef\xbb\xbf" + text, "byte order mark"),
    "a byte that is not UTF-8": (lambda text: text.replace(MARK, b'"mark":"\xff"'), "UTF-8"),
    "half a character": (lambda text: text.replace(MARK, rb'"mark":"\ud800"'), "half a character"),
    "half a character in a key": (
        lambda text: text.replace(MARK, rb'"\udc00":0'),
        "half a character",
    ),
    "NUL": (lambda text: text.replace(MARK, rb'"mark":"\u0000"'), "NUL"),
    "a line break within a string": (lambda text: text.replace(MARK, b'"mark":"\n"'), "not JSON"),
    "single quotes": (lambda text: text.replace(MARK, b"'mark':0"), "not JSON"),
    "a comma too many": (lambda text: text.replace(MARK, MARK + b",,"), "not JSON"),
    "more after its end": (lambda text: text + b"{}", "not JSON"),
    "no end": (lambda text: text[:-1], "not JSON"),
}
# Where a reader without a schema would let a member pass.
MARKED_PAYLOAD = stated("predicate", "run", "options", to={"mark": 0})


def ambiguous() -> Iterator[tuple[str, Vector]]:
    for name, (spoilt, says) in BAD_JSON.items():
        data = spoilt(strict_json.canonical(enclosed(mark=0)))
        yield f"envelope with {name}", of(data, "signature", says)
        if says != "bytes":  # the envelope around it would be too large as well
            yield f"statement with {name}", of(sealed(spoilt(MARKED_PAYLOAD)), "statement", says)


def envelopes() -> Iterator[tuple[str, Vector]]:
    refused = {
        "envelope that is a list": (b"[]", "not a DSSE envelope"),
        "envelope that is empty": (b"", "not JSON"),
        "payload that is a number": (sealed(payload=7), "not a DSSE envelope"),
        "payload type left out": (
            strict_json.canonical({k: v for k, v in enclosed().items() if k != "payloadType"}),
            "not a DSSE envelope",
        ),
        "payload type of another kind": (
            sealed(
                payloadType="application/json",
                signatures=[signature(raw_signature(encoded(PAYLOAD, "application/json")))],
            ),
            "payloadType",
        ),
        "payload type changed after signing": (
            sealed(payloadType="application/json"),
            "payloadType",
        ),
        "signature made for another payload type": (
            sealed(signatures=[signature(raw_signature(encoded(PAYLOAD, "application/json")))]),
            "no signature verifies",
        ),
        "signature of the bare payload": (
            sealed(signatures=[signature(raw_signature(PAYLOAD))]),
            "no signature verifies",
        ),
        "payload changed after signing": (
            sealed(payload=coded(PAYLOAD.replace(b"42.0", b"41.0"))),
            "no signature verifies",
        ),
        "payload in broken lines": (
            sealed(payload=coded(PAYLOAD)[:64] + "\n" + coded(PAYLOAD)[64:]),
            "not base64",
        ),
        "payload with a stray character": (sealed(payload=coded(PAYLOAD) + "!"), "not base64"),
        "no signature": (sealed(signatures=[]), "0 signatures"),
        "nine signatures": (sealed(signatures=enclosed()["signatures"] * 9), "9 signatures"),
        "signature that is a text": (sealed(signatures=["sig"]), "not a signature"),
        "signature that is not base64": (
            sealed(signatures=[{"keyid": LAB.public_key.keyid, "sig": "?"}]),
            "not base64",
        ),
        "signature cut short": (
            sealed(signatures=[signature(raw_signature(encoded(PAYLOAD))[:-1])]),
            "no signature verifies",
        ),
        "signature of zeros": (sealed(signatures=[signature(bytes(64))]), "no signature verifies"),
        "signature by a key that nobody listed": (sealed_by(WITNESS), "unknown key"),
        "signature by another than it names": (
            sealed_by(WITNESS, key=LAB.public_key),
            "no signature verifies",
        ),
        "signature by another listed key than it names": (
            sealed_by(OTHER, key=LAB.public_key),
            "no signature verifies",
        ),
        "ECDSA signature with a byte too many": (
            sealed(signatures=[signature(on_curve() + b"\0", CURVE_KEY)]),
            "no signature verifies",
        ),
        "ECDSA signature with a byte too many inside": (
            sealed(signatures=[signature(stretched(on_curve()), CURVE_KEY)]),
            "no signature verifies",
        ),
        "ECDSA signature of another payload": (
            sealed(signatures=[signature(on_curve(PAYLOAD + b" "), CURVE_KEY)]),
            "no signature verifies",
        ),
        "ECDSA signature that is not a DER": (
            sealed(signatures=[signature(b"\x31" + on_curve()[1:], CURVE_KEY)]),
            "no signature verifies",
        ),
    }
    for name, (data, says) in refused.items():
        yield name, of(data, "signature", says)
    renamed = HOME | {f"{GOOD_DIGEST}.dsse.json": GOOD + b"\n"}
    yield "envelope changed under its name", around("digest", "the name of the file", renamed)


def sound_envelopes() -> Iterator[tuple[str, Vector]]:
    loose = PAYLOAD.replace(b'"Linux"', '"Linux \u00fb\u00ff\u00fe\u00bf"'.encode())
    safe = coded(loose).replace("+", "-").replace("/", "_")
    own = enclosed()["signatures"]
    stranger = signature(raw_signature(encoded(PAYLOAD), WITNESS), WITNESS.public_key)
    curve = signature(on_curve(), CURVE_KEY)
    named = frozenset({"runner"})
    yield "result", of(GOOD)
    yield "result by ECDSA", of(sealed(signatures=[curve]), flags=named)
    yield "result by another than it names", of(sealed_by(OTHER), flags=named)
    yield "envelope in URL-safe base64", of(sealed(loose, payload=safe))
    yield "envelope in base64 without padding", of(sealed(payload=coded(PAYLOAD).rstrip("=")))
    yield "envelope with a member of its own", of(sealed(note={"by": "somebody"}))
    yield "envelope in many lines", of(json.dumps(enclosed(), indent=2).encode())
    yield "envelope with a stranger's signature too", of(sealed(signatures=[stranger, *own]))
    yield "envelope with eight signatures", of(sealed(signatures=[stranger] * 7 + own))


def statements() -> Iterator[tuple[str, Vector]]:
    run, chip = ("predicate", "run"), ("predicate", "machine", "chip")
    row = ("predicate", "measurements", 0)
    refused: dict[str, tuple[bytes, str]] = {
        "statement that is a list": (b"[]", "statement"),
        "statement of another in-toto version": (
            stated("_type", to="https://in-toto.io/Statement/v0.1"),
            "_type",
        ),
        "statement of another predicate": (stated("predicateType", to="urn:x"), "predicateType"),
        "statement of a version to come": (
            stated("predicate", "schema_version", to=99),
            "schema version 99",
        ),
        "version that is true": (stated("predicate", "schema_version", to=True), "schema_version"),
        "version with a fraction": (
            stated("predicate", "schema_version", to=1.0),
            "schema_version",
        ),
        "version left out": (stated("predicate", "schema_version", drop=True), "schema_version"),
        "unknown member of the statement": (stated("extra", to=1), "extra"),
        "unknown member of the predicate": (stated("predicate", "price", to=1), "predicate.price"),
        "unknown member of a measurement": (stated(*row, "flags", to=[]), "measurements.0.flags"),
        "member called __proto__": (stated(*run, "__proto__", to={}), "__proto__"),
        "run without a seed": (stated(*run, "seed", drop=True), "run.seed"),
        "seed with a fraction": (stated(*run, "seed", to=1.0), "run.seed"),
        "seed that is true": (stated(*run, "seed", to=True), "run.seed"),
        "seed below zero": (stated(*run, "seed", to=-1), "run.seed"),
        "profile of no kind": (stated(*run, "profile", to="slow"), "run.profile"),
        "no suite": (stated(*run, "suites", to=[]), "run.suites"),
        "17 suites": (stated(*run, "suites", to=["kernels"] * 17), "run.suites"),
        "id that is empty": (stated(*run, "id", to=""), "run.id"),
        "id of 257 characters": (stated(*run, "id", to="\U0001f600" * 257), "run.id"),
        "date with an offset": (
            stated(*run, "finished_at", to="2026-11-23T00:05:00+01:00"),
            "run.finished_at",
        ),
        "date with a line break": (
            stated(*run, "finished_at", to="2026-11-23T00:05:00Z\n"),
            "run.finished_at",
        ),
        "option within an option": (stated(*run, "options", to={"a": {"b": 1}}), "run.options"),
        "digest in upper case": (stated(*run, "reproduces", to="A" * 64), "run.reproduces"),
        "no chips": (stated(*chip, "count", to=0), "chip.count"),
        "chip that is null": (stated(*chip, "name", to=None), "chip.name"),
        "modified that is 0": (stated("predicate", "source", "modified", to=0), "source.modified"),
        "commit of 39 digits": (stated("predicate", "source", "commit", to="a" * 39), "commit"),
        "package without a version": (
            stated("predicate", "software", "packages", to={"numpy": ""}),
            "software.packages",
        ),
        "package without a name": (
            stated("predicate", "software", "packages", to={"": "1"}),
            "software.packages",
        ),
        "no measurement": (stated("predicate", "measurements", to=[]), "predicate.measurements"),
        "value that is a text": (stated(*row, "value", to="42"), "measurements.0.value"),
        "value that is true": (stated(*row, "value", to=True), "measurements.0.value"),
        "label that is a list": (stated(*row, "labels", to={"batch": [1]}), "labels.batch"),
        "label that is null": (stated(*row, "labels", to={"batch": None}), "labels.batch"),
        "no subject": (stated("subject", to=[]), "subject"),
    }
    for name, (payload, says) in refused.items():
        yield name, of(sealed(payload), "statement", says)
    sound = {
        "value that is a whole number": stated(*row, "value", to=42),
        "value of minus zero": PAYLOAD.replace(b"42.0", b"-0.0").replace(b"41.0", b"-1E-3"),
        "id of 256 characters": stated(*run, "id", to="\U0001f600" * 256),
        "options of every kind": stated(
            *run, "options", to={"a": True, "b": 1.5, "c": 2, "d": "x", "e": [1, "y", False, 2.5]}
        ),
        "member of another's name": stated(*run, "options", to={"__proto__": 1, "toString": 2}),
        "nest of 20 lists in a label's place": stated(*row, "labels", to={"text": "[" * 20}),
        "bound that is null": stated(*row, "low", to=None),
    }
    for name, payload in sound.items():
        yield name, of(sealed(payload))


def bounded(**bounds: str) -> dict[str, Any]:
    """Key files in which the lab's key has bounds."""
    lines = (f'{name} = "{value}"' for name, value in bounds.items())
    return {"files": key_file(LAB.public_key, *lines)}


def dates() -> Iterator[tuple[str, Vector]]:
    run, finished = ("predicate", "run"), "2026-11-23T00:05:00Z"
    late = sealed(stated(*run, "finished_at", to="2026-11-23T00:05:00.000001Z"))
    outside = ("lifetime", "outside the validity")
    yield (
        "run before the key is valid",
        of(GOOD, *outside, **bounded(valid_from="2026-11-23T00:05:01Z")),
    )
    yield (
        "run after the key was valid",
        of(GOOD, *outside, **bounded(valid_until="2026-11-23T00:04:59Z")),
    )
    yield "run a microsecond too late", of(late, *outside, **bounded(valid_until=finished))
    yield "run at both bounds", of(GOOD, **bounded(valid_from=finished, valid_until=finished))
    yield "run at the bound in other digits", of(GOOD, **bounded(valid_until=finished[:-1] + ".0Z"))
    for name, day in {"13th month": "2026-13-01", "30th of February": "2026-02-30"}.items():
        data = sealed(stated(*run, "finished_at", to=f"{day}T00:05:00Z"))
        yield f"run that ended in the {name}", of(data, "lifetime", "not a date")
    data = sealed(stated(*run, "finished_at", to="2026-11-23T00:05:60Z"))
    yield "run that ended in the 61st second", of(data, "lifetime", "not a date")
    data = sealed(stated(*run, "started_at", to="2026-11-23T00:05:01Z"))
    yield "run that ended before it began", of(data, "lifetime", "before it began")
    data = sealed(stated(*run, "started_at", to="2026-11-31T00:05:01Z"))
    yield "run that began on a 31st of November", of(data, "lifetime", "not a date")


def event(action: str, key: Key = LAB.public_key) -> bytes:
    return strict_json.canonical({"type": "key", "action": action, "keyid": key.keyid})


def key_events() -> Iterator[tuple[str, Vector]]:
    def logged(**entries: Sequence[bytes]) -> Files:
        return archive(GOOD, entries_of(GOOD, **entries))

    ended = ("lifetime", "revoked or replaced")
    again = result_entry(GOOD_DIGEST)
    revoked = key_file(LAB.public_key, 'revoked_reason = "stolen"')
    for action in ("revoked", "rotated"):
        yield f"key {action} before", around(*ended, logged(before=[event(action)]))
        yield f"key {action} afterwards", around(home=logged(after=[event(action)]))
    yield (
        "another key revoked before",
        around(home=logged(before=[event("revoked", OTHER.public_key)])),
    )
    yield (
        "logged again after its key was revoked",
        around(home=logged(after=[event("revoked"), again])),
    )
    yield (
        "key revoked twice, first before",
        around(*ended, logged(before=[event("revoked")], after=[event("revoked")])),
    )
    yield "key revoked in its file alone", around(home=HOME | revoked, flags=frozenset({"key"}))
    yield "key revoked in the catalogue alone", around(catalogue=revoked, flags=frozenset({"key"}))
    yield (
        "key revoked in the catalogue and the log",
        around(home=logged(after=[event("revoked")]), catalogue=revoked, tier="registered"),
    )


def times() -> Iterator[tuple[str, Vector]]:
    """The run ended at 00:05; what counts is when the log says that it was entered."""
    path = f"runners/{runner_id(LAB.public_key)}.toml"

    def at(clock: str) -> str:
        return f"2026-11-23T{clock}Z"

    def stated(until: str, *before: str, after: Sequence[str] = (), kind: str = "time") -> Files:
        entries = entries_of(GOOD, *([_time(time, kind) for time in ts] for ts in (before, after)))
        return archive(GOOD, entries) | key_file(LAB.public_key, f'valid_until = "{at(until)}"')

    late = ("lifetime", "it was entered at 2026-11-23T00:08:00Z, outside the validity")
    ended = ("lifetime", "the run ended at 2026-11-23T00:05:00Z, outside the validity")
    eight, three = at("00:08:00"), at("00:03:00")
    yield "entered in the key's time, run after it", around(home=stated("00:04:00", three))
    yield "entered after the key's time", around(*late, stated("00:06:00", eight))
    yield "entered at the end of the key's time", around(home=stated("00:08:00", eight))
    yield "time of a key event", around(*late, stated("00:06:00", eight, kind="key"))
    yield "time of another kind of entry", around(home=stated("00:06:00", eight, kind="note"))
    yield "time stated after the entry", around(*ended, stated("00:04:00", after=[three]))
    yield "two times, the later counts", around(*late, stated("00:06:00", three, eight))
    yield "time that goes back", around(*late, stated("00:06:00", eight, three))
    for odd in ("2026-02-30T00:08:00Z", at("00:08:00.5"), "2026-11-23T00:08:00+00:00", "later"):
        yield f"time of {odd}", around(*ended, stated("00:04:00", odd))
    number = strict_json.canonical({"type": "time", "time": 8})
    home = archive(GOOD, entries_of(GOOD, [number])) | {path: stated("00:04:00")[path]}
    yield "time that is a number", around(*ended, home)
    listed = {"catalogue": {path: stated("00:09:00")[path]}}
    home = without(stated("00:09:00", eight), path)
    yield (
        "registered for a time, by the log's clock",
        around(home=home, **listed, known=True, tier="registered"),
    )
    yield "registered for a time, in a log of your own", around(home=home, **listed)
    yield "registered for a time, never stated", around(home=HOME, **listed, known=True)


def registrations() -> Iterator[tuple[str, Vector]]:
    """The lab's key, registered by a notice that it and the log's own key signed."""
    text = runner_toml(LAB.public_key, owner="Lab", contact="lab@example.org")
    runner = read_runner(text, "lab")
    when = datetime(2026, 11, 22, tzinfo=UTC)
    asked = envelope.sign(notice.draft("registered", runner, when, key_file=text), LAB)
    data = notice.countersign(asked, LOG, "notice")
    entry = notice.notice_entry(envelope.digest(data))

    def home(**entries: Sequence[bytes]) -> Files:
        place = f"{notice.NOTICES}/{envelope.digest(data)}.dsse.json"
        return archive(GOOD, entries_of(GOOD, **entries)) | {place: data}

    yield "key registered before", around(home=home(before=[entry]), known=True, tier="registered")
    yield "key registered afterwards", around(home=home(after=[entry]), known=True)
    yield "key registered in a log of your own", around(home=home(before=[entry]))


def _time(time: str, kind: str) -> bytes:
    if kind == "time":
        return time_entry(time)
    return strict_json.canonical({"type": kind, "time": time})


def key_files() -> Iterator[tuple[str, Vector]]:
    lab, path = LAB.public_key, f"runners/{runner_id(LAB.public_key)}.toml"
    text = KEYS[path].decode()
    none = ("signature", "unknown key")
    yield "key file missing", around(*none, without(HOME, path))
    broken = {
        "is not TOML": "id = ",
        "has an unknown member": text + 'trusted = "yes"\n',
        "has a key twice": text + f'id = "{runner_id(lab)}"\n',
        "has a key of 31 bytes": text.replace(lab.keyval["public"], lab.keyval["public"][2:]),
        "has another's id": text.replace(runner_id(lab), "somebody-else"),
        "has another's key": text.replace(
            lab.keyval["public"], WITNESS.public_key.keyval["public"]
        ),
        "names another kind of key": text.replace("ed25519", "ecdsa"),
        "names another scheme": text.replace(
            'scheme = "ed25519"', 'scheme = "ecdsa-sha2-nistp256"'
        ),
        "has a bound that is not a date": text + 'valid_from = "2026-02-30T00:00:00Z"\n',
    }
    for name, changed in broken.items():
        yield f"key file that {name}", around(*none, HOME | {path: changed.encode()})
    curve = f"runners/{runner_id(CURVE_KEY)}.toml"
    wide = SSlibKey.from_crypto(ec.derive_private_key(0xFE17, ec.SECP384R1()).public_key())
    data = sealed(signatures=[signature(on_curve(), CURVE_KEY)])
    files = {curve: KEYS[curve].decode().replace(CURVE_KEY.keyval["public"], wide.keyval["public"])}
    pem = json.dumps(CURVE_KEY.keyval["public"])[1:-1], json.dumps(wide.keyval["public"])[1:-1]
    files = {curve: KEYS[curve].decode().replace(*pem).encode()}
    yield "key file of another curve", of(data, *none, files=files)
    yield "key list swapped, and all signed anew", swapped()


def swapped() -> Vector:
    """Somebody puts their own key in the place of everybody's and signs everything again."""
    stranger = WITNESS.public_key.keyval["public"].encode()
    files = {path: re.sub(rb"[0-9a-f]{64}", stranger, text) for path, text in KEYS.items()}
    files |= keys(WITNESS.public_key)
    data = sealed_by(WITNESS, PAYLOAD.replace(b"42.0", b"4.2"))
    files |= {**result_file(data), **log(entries_of(data), signer=WITNESS)}
    says = "is signed by"
    return Vector(
        files=files, digest=envelope.digest(data), step="signature", says=says, listed=KEYS
    )


def checkpoints() -> Iterator[tuple[str, Vector]]:
    entries, own = entries_of(GOOD), HOME["log/checkpoint"]
    line = own.split(b"\n\n")[1]
    hashed = own.split(b" ")[-1]
    stolen = own.replace(hashed, note(entries, OTHER).split(b" ")[-1])
    unsigned = ("checkpoint", "no signature verifies the checkpoint")
    broken = ("checkpoint", "is not a checkpoint")
    root = own.split(b"\n")[2]
    zeros = base64.b64encode(bytes(32))
    changed: dict[str, tuple[bytes, tuple[str, str]]] = {
        "by another runner's key": (note(entries, OTHER), unsigned),
        "by the key of those who measured": (note(entries, LAB), unsigned),
        "by another runner's key in the log's name": (stolen, unsigned),
        "with another size": (own.replace(b"\n2\n", b"\n1\n"), unsigned),
        "with another root": (own.replace(root, zeros), unsigned),
        "with another origin": (own.replace(b"local/", b"global/"), unsigned),
        "of another log in this one's name": (
            renamed(own, b"fenmark.global/log"),
            ("checkpoint", "is signed by 'log'"),
        ),
        "with a line added": (own.replace(b"\n\n", b"\nmore\n\n"), unsigned),
        "with a signature of another name": (
            own.replace("— fenmark.local".encode(), "— fenmark".encode()),
            unsigned,
        ),
        "without a signature": (own.replace(line, b""), broken),
        "with a line that is not a signature": (own + b"signed\n", broken),
        "with a signature that is not base64": (own.replace(hashed, b"?\n"), broken),
        "with a size of 02": (own.replace(b"\n2\n", b"\n02\n"), broken),
        "with a size in words": (own.replace(b"\n2\n", b"\ntwo\n"), broken),
        "with a root of 31 bytes": (own.replace(root, base64.b64encode(bytes(31))), broken),
        "that is not UTF-8": (own.replace(b"fenmark", b"\xff", 1), broken),
        "that is empty": (b"", broken),
    }
    for name, (data, verdict) in changed.items():
        yield f"checkpoint {name}", around(*verdict, HOME | {"log/checkpoint": data})
    yield "checkpoint with a line of its own", around(home=HOME | {"log/checkpoint": extended(own)})
    cosigned = own + cosignature.cosign(own, "w.example/w", WITNESS, 1_800_000_000)
    yield "checkpoint with a cosignature", around(home=HOME | {"log/checkpoint": cosigned})
    for name, size in {"below zero": -1, "of 2^40": 2**40, "of 2^62": 2**62}.items():
        files = HOME | {"log/checkpoint": note(entries, size=size)}
        step = "inclusion" if size == 2**40 else "checkpoint"
        yield f"checkpoint of a size {name}", around(step, "", files)
    foreign = archive(
        GOOD, entries, signer=OTHER, origin=f"fenmark.local/{runner_id(OTHER.public_key)}"
    )
    yield (
        "another's whole log in its place",
        around("checkpoint", "no signature verifies", foreign, seen=own),
    )


def renamed(own: bytes, origin: bytes) -> bytes:
    """Have the log's key sign for another log, under the name and key hash of this one."""
    text = own.split(b"\n\n")[0].replace(ORIGIN.encode(), origin) + b"\n"
    blob = base64.b64decode(own.split(b" ")[-1])[:4] + raw_signature(text, LOG)
    return text + f"\n— {ORIGIN} {coded(blob)}\n".encode()


def extended(own: bytes) -> bytes:
    """Sign a checkpoint anew with an extension line, which the format allows."""
    text = own.split(b"\n\n")[0] + b"\nextension\n"
    blob = base64.b64decode(own.split(b" ")[-1])[:4] + raw_signature(text, LOG)
    return text + f"\n— {ORIGIN} {coded(blob)}\n".encode()


def histories() -> Iterator[tuple[str, Vector]]:
    entries = entries_of(GOOD, fillers(3), fillers(5))
    seen = note(entries)
    forked = [*entries[:-1], b'{"type":"other"}']
    yield "log that grew", around(home=archive(GOOD, entries + fillers(1)), seen=seen)
    yield "log as it was", around(home=archive(GOOD, entries), seen=seen)
    yield (
        "log rolled back",
        around("checkpoint", "rolled back", archive(GOOD, entries[:-1]), seen=seen),
    )
    for name, more in {"": [], " and extended": fillers(2)}.items():
        files = archive(GOOD, forked + more)
        yield f"log forked{name}", around("inclusion", "forked", files, seen=seen)
    home = archive(GOOD, entries)
    cosigned: dict[str, tuple[bytes, str, str]] = {
        "of an earlier size": (note(entries[:-2]), "", ""),
        "of this size": (note(entries), "", ""),
        "of a fork": (note(forked), "inclusion", "forked"),
        "of a larger log": (note(entries + fillers(1)), "checkpoint", "rolled back"),
        "of another log": (note(entries, origin="x/y"), "checkpoint", "is of"),
        "by another's key": (note(entries, OTHER), "checkpoint", "no signature verifies"),
        "that is none": (b"cosigned\n", "checkpoint", "is not a checkpoint"),
    }
    for name, (data, step, says) in cosigned.items():
        yield f"cosigned checkpoint {name}", around(step, says, home | {"log/cosigned": data})


def policy(quorum: int, **witnesses: CryptoSigner) -> cosignature.Policy:
    listed = [
        {"name": f"w.example/{name}", "public_key": signer.public_key.keyval["public"]}
        for name, signer in witnesses.items()
    ]
    return cosignature.Policy.model_validate({"quorum": quorum, "witness": listed})


def witnesses() -> Iterator[tuple[str, Vector]]:
    entries = entries_of(GOOD, after=fillers(2))
    home, now = archive(GOOD, entries), 1_800_000_000
    own, earlier = home["log/checkpoint"], note(entries[:-1])
    either, both = policy(1, a=WITNESS, b=OTHER), policy(2, a=WITNESS, b=OTHER)

    def line(of: bytes = own, by: CryptoSigner = WITNESS, name: str = "a", at: int = now) -> bytes:
        return cosignature.cosign(of, f"w.example/{name}", by, at)

    def blob(of: bytes) -> bytes:
        return base64.b64decode(of.split(b" ")[-1])

    def written(raw: bytes, name: str = "a") -> bytes:
        return f"— w.example/{name} {coded(raw)}\n".encode()

    few = ("checkpoint", "cosigned by 0 of the policy's witnesses")
    fewer = ("checkpoint", "cosigned by 1 of the policy's witnesses")
    good = blob(line())
    later = good[:4] + (now + 1).to_bytes(8, "big") + good[12:]
    bare = checkpoint.write(
        checkpoint.Checkpoint(origin="w.example/a", size=1, root=bytes(32)), WITNESS
    )
    cases: dict[str, tuple[cosignature.Policy, bytes, tuple[str, str]]] = {
        "by its witness": (either, own + line(), ("", "")),
        "by its witness, in the year 1970": (either, own + line(at=0), ("", "")),
        "by both witnesses": (both, own + line() + line(by=OTHER, name="b"), ("", "")),
        "by a stranger too": (either, own + line(by=LAB, name="c") + line(), ("", "")),
        "when it was shorter": (either, earlier + line(earlier), ("", "")),
        "by nobody": (either, own, few),
        "by one witness of two": (both, own + line(), fewer),
        "by one witness twice": (both, own + line() + line(at=now + 1), fewer),
        "by a witness under another's name": (either, own + line(name="b"), few),
        "by another in a witness's name": (either, own + line(by=OTHER), few),
        "by another under a witness's key hash": (
            either,
            own + written(good[:4] + blob(line(by=OTHER))[4:]),
            few,
        ),
        "with another time": (either, own + written(later), few),
        "with the line of an earlier size": (either, own + line(earlier), few),
        "with a line cut short": (either, own + written(good[:-1]), few),
        "with a line of four bytes": (either, own + written(good[:4]), few),
        "with a byte too many": (either, own + written(good + b"\0"), few),
        "with a signature that is not a cosignature": (
            either,
            own + written(good[:4] + raw_signature(own.split(b"\n\n")[0] + b"\n", WITNESS)),
            few,
        ),
        "with a log's signature of the witness": (either, own + written(blob(bare)), few),
    }
    for name, (asked, cosigned, verdict) in cases.items():
        files = home | {"log/cosigned": cosigned}
        yield f"log cosigned {name}", around(*verdict, files, policy=asked)
    yield "log without cosignatures", around("checkpoint", "cannot be read", home, policy=either)


def bundle(*items: bytes) -> bytes:
    return b"".join(len(item).to_bytes(2, "big") + item for item in items)


def logs() -> Iterator[tuple[str, Vector]]:
    # Two full tiles and a bit, so that there are two levels; the result is in the first.
    entries = entries_of(GOOD, fillers(6), fillers(510))
    home = archive(GOOD, entries)
    full, rest = "log/tile/entries/000", f"log/tile/entries/002.p/{len(entries) - 512}"
    own, low = "log/tile/0/000", f"log/tile/0/002.p/{len(entries) - 512}"
    high = "log/tile/1/000.p/2"
    for at, where in {3: "before it", 7: "in its place", 300: "after it"}.items():
        changed = [*entries]
        changed[at] = changed[at].replace(b"e", b"f")
        other = log(changed) | {"log/checkpoint": home["log/checkpoint"]}
        entry = full if at < 256 else "log/tile/entries/001"
        yield (
            f"entry changed {where}",
            around("inclusion", "does not match", home | {entry: other[entry]}),
        )
        yield f"entry and tiles changed {where}", around("inclusion", "root", home | other)
    swapped_entries = bundle(entries[1], entries[0], *entries[2:256])
    spoilt: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
        "bundle with two entries swapped": (full, lambda _: swapped_entries, "does not match"),
        "bundle cut short": (full, lambda data: data[:-1], "whole entries"),
        "bundle with a byte too many": (full, lambda data: data + b"\0", "whole entries"),
        "bundle with an entry too many": (full, lambda data: data + bundle(b"{}"), "whole entries"),
        "bundle with an entry too few": (rest, lambda data: data[: -2 - len(entries[-1])], "whole"),
        "bundle that is empty": (rest, lambda _: b"", "whole entries"),
        "tile with one hash changed": (own, lambda data: data[:-1] + b"x", "does not match"),
        "tile with a byte too many": (own, lambda data: data + b"x", "does not match"),
        "tile cut short": (own, lambda data: data[:-32], "does not match"),
        "partial tile changed": (low, lambda data: b"x" + data[1:], "does not match"),
        "tile of the level above changed": (high, lambda data: b"x" * len(data), "does not match"),
    }
    for name, (path, change, says) in spoilt.items():
        yield name, around("inclusion", says, home | {path: change(home[path])})
    for name, path in {"bundle": full, "tile": own, "tile above": high}.items():
        yield f"{name} missing", around("inclusion", "cannot be read", without(home, path))
    yield (
        "log without its checkpoint",
        around("checkpoint", "cannot be read", without(home, "log/checkpoint")),
    )
    for size in (1, 2, 255, 256, 257, 520):
        yield (
            f"log of {size} entries",
            around(home=archive(GOOD, [result_entry(GOOD_DIGEST), *fillers(size - 1)])),
        )
    yield (
        "result in the last of 257 entries",
        around(home=archive(GOOD, entries_of(GOOD, fillers(255)))),
    )
    yield (
        "entry that is not JSON",
        around("inclusion", "not JSON", archive(GOOD, entries_of(GOOD, after=[b"{"]))),
    )
    yield (
        "entry with a key twice",
        around("inclusion", "twice", archive(GOOD, entries_of(GOOD, [b'{"type":"x","type":"y"}']))),
    )
    flagged = strict_json.canonical(
        {"type": "result", "envelope": GOOD_DIGEST, "flags": ["queueing", "roofline"]}
    )
    yield (
        "result that the log flagged",
        around(home=archive(GOOD, [flagged]), flags=frozenset({"queueing", "roofline"})),
    )
    yield (
        "result that the log flagged later",
        around(home=archive(GOOD, entries_of(GOOD, after=[flagged]))),
    )
    yield (
        "result that is not in the log",
        around("inclusion", "not in the log", archive(GOOD, [ADDED, *fillers(3)])),
    )
    yield (
        "result of another kind of entry",
        around(
            "inclusion",
            "not in the log",
            archive(GOOD, [strict_json.canonical({"type": "seen", "envelope": GOOD_DIGEST})]),
        ),
    )


def figures() -> Iterator[tuple[str, Vector]]:
    """Results whose signatures and log hold, and figures that the laws have something against."""

    def of_lab(whole: dict[str, Any]) -> dict[str, Any]:
        whole["predicate"]["run"]["runner"] = runner_id(LAB.public_key)
        return whole

    def entered(data: bytes, *rules: str) -> Files:
        return archive(data, [ADDED, result_entry(envelope.digest(data), rules)])

    row, honest_one = ("predicate", "measurements", 0), of_lab(honest.h100())
    yield "honest run of an H100", of(sealed(strict_json.canonical(honest_one)))
    for item in honest_one["predicate"]["measurements"]:
        if item["metric"] == "output_throughput":
            item |= {name: item[name] * 1.3 for name in ("value", "low", "high")}
    false = sealed(strict_json.canonical(honest_one))
    told, digest = frozenset({"queueing"}), envelope.digest(false)
    yield "rates raised by a third", of(false, flags=told)
    for rules in (["queueing"], ["queueing", "samples"], ["roofline"]):
        yield (
            f"rates raised by a third, and flagged in the log for {', '.join(rules)}",
            Vector(files=entered(false, *rules), digest=digest, flags=told | {*rules}),
        )
    unread = stated("predicate", "run", "suite_version", to="9.9.9")
    yield "measured by no released version", of(sealed(unread), flags=frozenset({"suite"}))
    refused = {
        "value outside its interval": (stated(*row, "value", to=99.0), "latency-order"),
        "label of another type, in version 1": (stated(*row, "labels", to={"isl": True}), "labels"),
        "metric that nobody knows": (stated(*row, "metric", to="toString"), "labels"),
        "seed that is not its challenge's": (stated("predicate", "run", "nonce", to="n"), "nonce"),
    }
    for name, (payload, rule) in refused.items():
        yield name, of(sealed(payload), "laws", f"refused ({rule})")


def _all() -> Iterator[tuple[str, Vector]]:
    for group in (
        sound_envelopes,
        envelopes,
        ambiguous,
        statements,
        dates,
        key_events,
        times,
        registrations,
        key_files,
        checkpoints,
        histories,
        witnesses,
        logs,
        figures,
    ):
        yield from group()


VECTORS: dict[str, Vector] = dict(_all())
