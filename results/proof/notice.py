"""Notices: signed words about a key, entered in the log beside results.

A notice is a DSSE envelope around an in-toto Statement, like a result, of another predicate type;
its subject is what it speaks of: a key by its id here, a result in `results.proof.moderation`. The
log holds its digest, the envelope lies beside (`notices/`). Who has to sign which is for
`results.proof.keylog`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from results.keys.identity import read_runner
from results.proof import envelope
from results.statement import strict_json
from results.statement.statement import STATEMENT_TYPE, Count, Subject, Timestamp
from suites.base.errors import CheckError, UserError
from suites.base.files import read_limited, write_atomically
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import Key, Signer

    from results.keys.identity import Runner

__all__ = [
    "NOTICES",
    "NOTICE_TYPE",
    "KeyAction",
    "Notice",
    "countersign",
    "draft",
    "files",
    "fitted",
    "is_about_key",
    "lay",
    "notice_entry",
    "paths",
    "payload_sha256",
    "place",
    "read",
]

NOTICE_TYPE = "urn:fenmark:notice:v1"
# Folder of the envelopes, beside the log.
NOTICES = "notices"
_SUFFIX = ".dsse.json"

KeyAction = Literal["registered", "revoked", "reinstated"]
_Shape = TypeVar("_Shape", bound=BaseModel)


class _NoticePredicate(StrictModel):
    """What is said.

    Attributes:
        at: when, by the clock of who says it; what counts is the place in the log.
        key_file: of a registration: the public key file, with owner, contact and validity.
        distrust_from: of a revocation: entries of the key from this index on are not valid.
        trust_from: of a reinstatement: they are again from this one on.
    """

    schema_version: Literal[1]
    action: KeyAction
    at: Timestamp
    reason: Annotated[str, Field(max_length=1000)] = ""
    key_file: Annotated[str, Field(max_length=70_000)] | None = None
    distrust_from: Count | None = None
    trust_from: Count | None = None

    @model_validator(mode="after")
    def _fits_its_action(self) -> _NoticePredicate:
        allowed = {
            "registered": {"key_file"},
            "revoked": {"distrust_from"},
            "reinstated": {"trust_from"},
        }[self.action]
        given = {
            name
            for name in ("key_file", "distrust_from", "trust_from")
            if getattr(self, name) is not None
        }
        if given - allowed:
            raise ValueError(f"{self.action} takes no {', '.join(sorted(given - allowed))}")
        if self.action == "registered" and not given:
            raise ValueError("a registration needs a key_file")
        if self.action != "registered" and not self.reason.strip():
            raise ValueError(f"{self.action} needs a reason")
        return self


class _NoticeStatement(StrictModel):
    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[list[Subject], Field(min_length=1, max_length=1)]
    predicateType: Literal["urn:fenmark:notice:v1"]  # noqa: N815 - in-toto's own name
    predicate: _NoticePredicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice, read; nobody's word until `signed_by` somebody.

    Attributes:
        digest: SHA-256 of the envelope, which is what the log holds.
        keyid: of the key it speaks of.
        since: index from which on it holds; None: its own.
        runner: of a registration: whose key, as its file says.
        data: the envelope.
    """

    digest: str
    action: KeyAction
    keyid: str
    reason: str
    since: int | None
    runner: Runner | None
    data: bytes

    def signed_by(self, keys: Iterable[Key]) -> bool:
        """Tell whether one of the keys signed it."""
        try:
            envelope.verify(self.data, keys, self.digest)
        except UserError:  # of another kind of key, too: it is not one of these
            return False
        return True


def draft(
    action: KeyAction,
    runner: Runner,
    now: datetime,
    *,
    reason: str = "",
    key_file: str | None = None,
    since: int | None = None,
) -> bytes:
    """Return the payload of a notice about a runner's key, to be signed.

    Args:
        key_file: text of the public key file, of a registration.
        since: index of the log from which on a revocation or reinstatement holds.

    Raises:
        UserError: the words do not fit the action.
    """
    named: dict[str, Any] = {"key_file": key_file}
    if action != "registered":
        named = {"distrust_from" if action == "revoked" else "trust_from": since}
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": runner.id, "digest": {"sha256": runner.key.keyid}}],
        "predicateType": NOTICE_TYPE,
        "predicate": {
            "schema_version": 1,
            "action": action,
            "at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "reason": reason,
            **{name: value for name, value in named.items() if value is not None},
        },
    }
    payload = strict_json.canonical(statement)
    _parse(payload, "the notice")
    return payload


def countersign(data: bytes, signer: Signer, where: str) -> bytes:
    """Add a signature to a notice; its digest is another then.

    Raises:
        UserError: it is not a notice.
        CheckError: the signature just made does not verify.
    """
    notice = read(data, where)
    if notice.signed_by([signer.public_key]):
        return data
    payload = envelope.payload_of(data, where)
    made = strict_json.loads(envelope.sign(payload, signer), where)
    given = strict_json.loads(data, where)["signatures"]
    return strict_json.canonical({**made, "signatures": [*given, *made["signatures"]]}) + b"\n"


def place(home: Path, digest: str) -> Path:
    """Return where the envelope of a notice lies in an archive."""
    return home / NOTICES / f"{digest}{_SUFFIX}"


def lay(home: Path, data: bytes) -> Path:
    """Lay a notice where a server's data folder or an archive takes it from; return its place.

    Raises:
        UserError: the folder holds no log.
    """
    if not (home / "log").is_dir():
        raise UserError(
            "holds no log", where=str(home), expected="a server's data folder or an archive"
        )
    target = place(home, envelope.digest(data))
    target.parent.mkdir(exist_ok=True)
    write_atomically(target, data)
    return target


def paths(home: Path) -> list[Path]:
    """List the files of envelopes in an archive, in order of name."""
    return sorted((home / NOTICES).glob(f"*{_SUFFIX}"))


def files(home: Path, *, known: Container[str] = ()) -> dict[str, bytes]:
    """Read the envelopes that lie in an archive, by digest, whether its log holds them or not.

    Args:
        known: digests of those that need not be read.

    Raises:
        UserError: one cannot be read.
    """
    files_by_digest = {}
    for path in paths(home):
        if path.name.removesuffix(_SUFFIX) in known:
            continue
        try:
            data = read_limited(path)
        except OSError as error:
            raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
        if (digest := envelope.digest(data)) not in known:
            files_by_digest[digest] = data
    return files_by_digest


def notice_entry(digest: str) -> bytes:
    """Return the log entry of a notice's envelope."""
    return strict_json.canonical({"notice": digest, "type": "notice"})


def read(data: bytes, where: str) -> Notice:
    """Read a notice's envelope strictly, before its signatures: it names the key they are of.

    Raises:
        UserError: it is not a notice, or its key is not the one it is about.
    """
    statement = _parse(envelope.payload_of(data, where), where)
    [subject] = statement.subject
    predicate = statement.predicate
    runner = read_runner(predicate.key_file, where) if predicate.key_file else None
    if runner and runner.key.keyid != subject.digest.sha256:
        raise CheckError("registers another key than it names", where=where)
    return Notice(
        digest=envelope.digest(data),
        action=predicate.action,
        keyid=subject.digest.sha256,
        reason=predicate.reason,
        since=predicate.trust_from if predicate.distrust_from is None else predicate.distrust_from,
        runner=runner,
        data=data,
    )


def payload_sha256(data: bytes, where: str) -> str:
    """Return the digest of what is signed, no matter who else signs it."""
    return hashlib.sha256(envelope.payload_of(data, where)).hexdigest()


def is_about_key(data: bytes) -> bool:
    """Tell a notice about a key from anything else, before it is believed."""
    try:
        stated = strict_json.loads(envelope.payload_of(data, "notice"), "notice")
    except UserError:
        return False
    return isinstance(stated, dict) and stated.get("predicateType") == NOTICE_TYPE


def _parse(payload: bytes, where: str) -> _NoticeStatement:
    return fitted(payload, _NoticeStatement, where)


def fitted(payload: bytes, shape: type[_Shape], where: str) -> _Shape:
    """Read the payload of a notice as a statement of this shape.

    Raises:
        UserError: it is not, with its first field that does not fit.
    """
    try:
        return shape.model_validate(strict_json.loads(payload, where))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "statement"
        raise UserError(first["msg"], where=f"{where}:{field}", expected="a notice") from error
