"""Keyless signatures: Sigstore vouches for the workflow that signed, and no key has to be kept.

Such a signature is verified against a root of trust that lies in the runner's key file and whose
digest is part of the key's id: nothing else is read, and the network never. Needs the extra
`sigstore`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import lru_cache
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, Signer, SigstoreKey

from results.statement import strict_json
from suites.base.errors import CheckError, UserError
from suites.base.extras import install

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore.verify.policy import VerificationPolicy

__all__ = [
    "GITHUB",
    "KEYTYPE",
    "SCHEME",
    "Caller",
    "KeylessKey",
    "KeylessSigner",
]

KEYTYPE, SCHEME = SigstoreKey.DEFAULT_KEY_TYPE, SigstoreKey.DEFAULT_SCHEME
# Who vouches for a workflow's identity on GitHub Actions.
GITHUB = "https://token.actions.githubusercontent.com"
# Extensions of Fulcio's certificates (sigstore/fulcio, docs/oid-info.md), each a DER UTF8String.
_CLAIMS = {
    "runner_environment": "1.3.6.1.4.1.57264.1.11",
    "source_repository": "1.3.6.1.4.1.57264.1.12",
    "source_commit": "1.3.6.1.4.1.57264.1.13",
    "source_ref": "1.3.6.1.4.1.57264.1.14",
    "build_config": "1.3.6.1.4.1.57264.1.18",
    "run": "1.3.6.1.4.1.57264.1.21",
}
# A file of a repository's workflows at a ref, as GitHub names it.
_WORKFLOW = re.compile(
    r"(https://github\.com/[\w.-]+/[\w.-]+)/\.github/workflows/[\w.-]+@(refs/[\w./-]+)"
)
# Roots of trust kept ready: an archive may bring any number of key files.
_ROOTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose job may sign: any repository can call a reusable workflow, whose identity is the same.

    Attributes:
        source_repository: `https://github.com/OWNER/REPOSITORY` whose code the job is for.
        source_ref: its branch or tag, `refs/heads/main`.
        build_config: the workflow that was started and calls the one that signs,
            `https://github.com/OWNER/REPOSITORY/.github/workflows/FILE@REF`.
    """

    source_repository: str
    source_ref: str
    build_config: str

    @classmethod
    def of(cls, build_config: str) -> Caller:
        """Take repository and ref from the workflow that is started.

        Raises:
            ValueError: it is not a workflow.
        """
        named = _WORKFLOW.fullmatch(build_config)
        if named is None:
            raise ValueError(f"{build_config!r} is not a workflow")
        repository, ref = named.groups()
        return cls(source_repository=repository, source_ref=ref, build_config=build_config)


class KeylessKey(SigstoreKey):
    """A workflow's identity, and the root of trust under which it is vouched for.

    Attributes:
        trusted_root: Sigstore's trusted root, JSON.
        caller: whose job may sign as the workflow; None: anybody's that calls it.
    """

    def __init__(
        self, *, identity: str, issuer: str, trusted_root: str, caller: Caller | None = None
    ) -> None:
        """Pin identity, issuer, root and caller: all of them are part of the key's id.

        Args:
            identity: what the certificate must name; of a workflow,
                `https://github.com/OWNER/REPOSITORY/.github/workflows/FILE@REF`.
            issuer: who must have vouched for it.
            trusted_root: as Sigstore publishes it, byte for byte.
            caller: left out only by key files older than the question.
        """
        digest = hashlib.sha256(trusted_root.encode()).hexdigest()
        value = {"identity": identity, "issuer": issuer, "trusted_root_sha256": digest}
        value |= asdict(caller) if caller else {}
        public = {"keytype": KEYTYPE, "scheme": SCHEME, "keyval": value}
        keyid = hashlib.sha256(strict_json.canonical(public)).hexdigest()
        super().__init__(keyid, KEYTYPE, SCHEME, dict(value))
        self.trusted_root = trusted_root
        self.caller = caller

    def require(self) -> None:
        """Make sure that signatures of this key can be verified here.

        Raises:
            UserError: the extra is not installed, or the trusted root is none.
        """
        _verifier(self.trusted_root)

    def verify_signature(self, signature: Signature, data: bytes) -> None:
        """Verify a signature whose `bundle` holds certificate, time and log entry.

        Raises:
            UnverifiedSignatureError: it does not hold, or is not a keyless signature.
            UserError: see `require`.
        """
        if "bundle" not in signature.unrecognized_fields:
            raise UnverifiedSignatureError("no keyless signature")
        verifier = _verifier(self.trusted_root)
        try:
            bundle = _bundle(signature)
            verifier.verify_artifact(data, bundle, self._policy())
        # Bytes made to confuse it raise errors of all the parts the library is made of.
        except Exception as error:
            raise UnverifiedSignatureError(str(error)) from error
        if bundle.signature.hex() != signature.signature:
            raise UnverifiedSignatureError("its bundle holds another signature")

    def _policy(self) -> VerificationPolicy:
        from sigstore.verify import policy

        signer = policy.Identity(identity=self.keyval["identity"], issuer=self.keyval["issuer"])
        if self.caller is None:
            return signer
        return policy.AllOf(
            [
                signer,
                policy.OIDCSourceRepositoryURI(self.caller.source_repository),
                policy.OIDCSourceRepositoryRef(self.caller.source_ref),
                policy.OIDCBuildConfigURI(self.caller.build_config),
            ]
        )

    @staticmethod
    def claims(signature: Signature) -> dict[str, str]:
        """Return what the certificate of a verified signature says of the job that signed.

        Keys, where stated: "runner_environment" ("github-hosted" or "self-hosted"),
        "source_repository", "source_commit", "source_ref", "build_config", "run" (URLs but for
        commit and ref).
        """
        certificate = _bundle(signature).signing_certificate
        values = {name: _extension(certificate, oid) for name, oid in _CLAIMS.items()}
        return {name: value for name, value in values.items() if value}


class KeylessSigner(Signer):
    """Signs as the CI job it runs in; needs the network and Sigstore's services."""

    def __init__(self, key: KeylessKey) -> None:
        """Sign as the workflow a key names."""
        self._key = key

    @property
    def public_key(self) -> KeylessKey:
        """The workflow's key."""
        return self._key

    @classmethod
    def from_priv_key_uri(cls, *_: Any, **__: Any) -> KeylessSigner:
        """Refuse: there is no private key to name."""
        raise NotImplementedError

    def sign(self, payload: bytes) -> Signature:
        """Sign; the signature's `bundle` holds what verification needs.

        Raises:
            UserError: see `KeylessKey.require`.
            CheckError: this is not a CI job with an identity, or Sigstore did not answer.
        """
        from securesystemslib.signer import SigstoreSigner

        self._key.require()
        try:
            made = SigstoreSigner.from_priv_key_uri(f"{SigstoreSigner.SCHEME}:", self._key)
            bundle = made.sign(payload).unrecognized_fields["bundle"]
        # What it raises is not documented, and reaches from HTTP to X.509.
        except Exception as error:
            raise CheckError(
                f"cannot sign keyless: {_first_line(error)}",
                where=self._key.keyval["identity"],
                expected="a job of this workflow with the permission `id-token: write`",
            ) from error
        unsigned = Signature(self._key.keyid, "", {"bundle": bundle})
        return Signature(self._key.keyid, _bundle(unsigned).signature.hex(), {"bundle": bundle})


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _bundle(signature: Signature) -> Bundle:
    from sigstore.models import Bundle

    return Bundle.from_json(json.dumps(signature.unrecognized_fields["bundle"]))


def _extension(certificate: Certificate, oid: str) -> str:
    from cryptography.hazmat import asn1
    from cryptography.x509 import ExtensionNotFound, ObjectIdentifier

    try:
        extension = certificate.extensions.get_extension_for_oid(ObjectIdentifier(oid)).value
        return asn1.decode_der(str, extension.public_bytes())
    except (ExtensionNotFound, ValueError):
        return ""


@lru_cache(_ROOTS)
def _verifier(trusted_root: str) -> Verifier:
    try:
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier
    except ImportError as error:
        raise UserError(
            "a keyless signature needs Sigstore's library",
            where="sigstore",
            remedy=install("sigstore"),
        ) from error
    try:
        with NamedTemporaryFile("w", encoding="utf-8") as file:  # its one public door is a file
            file.write(trusted_root)
            file.flush()
            return Verifier(trusted_root=TrustedRoot.from_file(file.name))
    except Exception as error:
        raise UserError(
            f"is not a trusted root: {_first_line(error)}",
            where="trusted_root",
            expected="Sigstore's trusted_root.json",
        ) from error
