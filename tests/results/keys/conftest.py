"""A Sigstore of the tests' own: a certificate authority, a log of certificates, one of signatures.

Made anew for each run, so that nothing here needs the real services and everything can be forged.
Formats: RFC 6962 (certificate timestamps), sigstore/protobuf-specs (bundle, trusted root),
sigstore/fulcio and sigstore/rekor (their answers).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from securesystemslib.signer import Signature, Signer

from results.keys.keyless import GITHUB, Caller, KeylessKey

WORKFLOW = "https://github.com/lab/bench/.github/workflows/measure.yml@refs/heads/main"
STARTED = "https://github.com/lab/bench/.github/workflows/nightly.yml@refs/heads/main"
COMMIT = "c" * 40
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_FULCIO = "1.3.6.1.4.1.57264.1."
_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER


def _new_key():
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What GitHub says of a job."""

    identity: str = WORKFLOW
    issuer: str = GITHUB
    environment: str = "github-hosted"
    commit: str = COMMIT
    repository: str = "https://github.com/lab/bench"
    ref: str = "refs/heads/main"
    started: str = STARTED
    run: str = "https://github.com/lab/bench/actions/runs/1/attempts/1"

    def extensions(self):
        # The first is older than the rest, and raw text.
        yield x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{_FULCIO}1"), self.issuer.encode())
        numbered = {
            8: self.issuer,
            11: self.environment,
            12: self.repository,
            13: self.commit,
            14: self.ref,
            18: self.started,
            21: self.run,
        }
        for number, text in numbered.items():
            oid = x509.ObjectIdentifier(f"{_FULCIO}{number}")
            yield x509.UnrecognizedExtension(oid, _tagged(0x0C, text.encode()))


@dataclass
class Sigstore:
    """Certifies and logs whatever it is asked to."""

    authority: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    certificates: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    signatures: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @cached_property
    def root(self):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        public = self.authority.public_key()
        builder = self._builder(name, public, 1, timedelta(days=365))
        extensions = [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(key_cert_sign=True, crl_sign=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
        ]
        return self._sealed(builder.issuer_name(name), extensions)

    def trusted_root(self):
        since = {"start": (self.now - timedelta(days=300)).isoformat()}
        authority = {
            "subject": {"organization": "test", "commonName": "test authority"},
            "uri": "https://ca.invalid",
            "certChain": {"certificates": [{"rawBytes": _b64(self.root.public_bytes(_DER))}]},
            "validFor": since,
        }
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.signatures, "https://log.invalid", since)],
            "certificateAuthorities": [authority],
            "ctlogs": [_log(self.certificates, "https://ct.invalid", since)],
            "timestampAuthorities": [],
        }
        return json.dumps(root, indent=1)

    def certificate(self, public, claims):
        """Certify a key for a job; the promise of the log of certificates lies inside."""
        builder = self._builder(x509.Name([]), public, 2, timedelta(minutes=5))
        builder = builder.issuer_name(self.root.subject)
        named = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(claims.identity)])
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key())
        extensions = [
            (_usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
            (named, True),
            (above, False),
            *((extension, False) for extension in claims.extensions()),
        ]
        unlogged = self._sealed(builder, extensions)
        promise = _tagged(0x04, self._promise(unlogged.tbs_certificate_bytes))
        logged = x509.UnrecognizedExtension(_SCT_LIST, promise)
        return self._sealed(builder, [*extensions, (logged, False)])

    def sign(self, data, claims):
        """Do what a job and the services do, and return the bundle."""
        key = _new_key()
        certificate = self.certificate(key.public_key(), claims)
        signature, digest = _signed(key, data), hashlib.sha256(data)
        spec = {
            "data": {"hash": {"algorithm": "sha256", "value": digest.hexdigest()}},
            "signature": {
                "content": _b64(signature),
                "publicKey": {"content": _b64(certificate.public_bytes(_PEM))},
            },
        }
        body = {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}
        material = {
            "certificate": {"rawBytes": _b64(certificate.public_bytes(_DER))},
            "tlogEntries": [self._entry(body)],
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": _b64(digest.digest())},
                "signature": _b64(signature),
            },
        }

    def log(self, body):
        """Log an entry; what the log then says of it."""
        data, log = _canonical(body), _keyid(self.signatures)
        at, root = int(self.now.timestamp()), hashlib.sha256(b"\0" + data).digest()
        promised = {"body": _b64(data), "integratedTime": at, "logID": log.hex(), "logIndex": 0}
        note = f"log.invalid\n1\n{_b64(root)}\n"
        line = _b64(log[:4] + _signed(self.signatures, note.encode()))
        proof = {
            "logIndex": 0,
            "rootHash": root.hex(),
            "treeSize": 1,
            "hashes": [],
            "checkpoint": f"{note}\n— log.invalid {line}\n",
        }
        stamp = _b64(_signed(self.signatures, _canonical(promised)))
        return promised | {"verification": {"signedEntryTimestamp": stamp, "inclusionProof": proof}}

    def _entry(self, body):
        entry = self.log(body)
        proof = entry["verification"]["inclusionProof"]
        stamp = entry["verification"]["signedEntryTimestamp"]
        return {
            "logIndex": "0",
            "logId": {"keyId": _b64(_keyid(self.signatures))},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(entry["integratedTime"]),
            "inclusionPromise": {"signedEntryTimestamp": stamp},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _b64(bytes.fromhex(proof["rootHash"])),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": proof["checkpoint"]},
            },
            "canonicalizedBody": entry["body"],
        }

    def _builder(self, subject, public, serial, around):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(public)
            .serial_number(serial)
            .not_valid_before(self.now - around)
            .not_valid_after(self.now + around)
        )

    def _sealed(self, builder, extensions):
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.authority, hashes.SHA256())

    def _promise(self, certificate):
        """A signed certificate timestamp, RFC 6962 section 3.2, in a list of one (3.3)."""
        at = int(self.now.timestamp() * 1000)
        entry = _keyid(self.authority) + struct.pack("!I", len(certificate))[1:] + certificate
        content = struct.pack("!BBQH", 0, 0, at, 1) + entry + struct.pack("!H", 0)
        signature = _signed(self.certificates, content)
        stamp = struct.pack("!B32sQH", 0, _keyid(self.certificates), at, 0)
        stamp += struct.pack("!BBH", 4, 3, len(signature)) + signature
        return struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp


class Job(Signer):
    """Signs as a job does, with the tests' Sigstore."""

    def __init__(self, key, services, **claims):
        self._key, self._services, self._claims = key, services, Claims(**claims)

    @property
    def public_key(self):
        return self._key

    @classmethod
    def from_priv_key_uri(cls, *_):
        raise NotImplementedError

    def sign(self, payload):
        bundle = self._services.sign(payload, self._claims)
        raw = base64.b64decode(bundle["messageSignature"]["signature"]).hex()
        return Signature(self._key.keyid, raw, {"bundle": bundle})


@pytest.fixture(scope="session")
def services():
    pytest.importorskip("sigstore", reason="the extra `sigstore` is not installed")
    return Sigstore()


@pytest.fixture(scope="session")
def other_services(services):
    return Sigstore()


@pytest.fixture(scope="session")
def workflow(services):
    """The workflow's key, under the root of the tests' Sigstore."""
    return KeylessKey(
        identity=WORKFLOW,
        issuer=GITHUB,
        trusted_root=services.trusted_root(),
        caller=Caller.of(STARTED),
    )


@pytest.fixture
def job(workflow, services):
    """Makes a job's signer; keywords are what GitHub says of the job."""
    return lambda by=services, key=workflow, **claims: Job(key, by, **claims)


@pytest.fixture
def claims(identity):
    """What GitHub says of the job that a test runs in."""
    return Claims(identity=identity, environment="self-hosted")


@pytest.fixture
def identity():
    return WORKFLOW


@pytest.fixture(scope="session")
def signature(workflow, services):
    """One of a job, over b"payload"."""
    return Job(workflow, services).sign(b"payload")


def _spki(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(_DER, form)


def _keyid(key):
    return hashlib.sha256(_spki(key)).digest()


def _signed(key, data):
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _log(key, url, since):
    public = {"rawBytes": _b64(_spki(key)), "validFor": since}
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {**public, "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
        "logId": {"keyId": _b64(_keyid(key))},
    }


def _usage(**yes):
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**dict.fromkeys(names.split(), False) | yes)


def _tagged(tag, data):
    """DER: tag, length, bytes."""
    size = bytes([len(data)]) if len(data) < 128 else b"\x82" + struct.pack("!H", len(data))
    return bytes([tag]) + size + data


def _b64(data):
    return base64.b64encode(data).decode()


def _canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
