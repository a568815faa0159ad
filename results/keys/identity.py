"""Runners' public keys as files: `runners/<id>.toml`, in an archive or in the catalogue."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key, Signature, SSlibKey

from results.keys import keyless
from results.statement.statement import Timestamp  # noqa: TC001 - pydantic reads it
from suites.base import files, toml_file
from suites.base.errors import UserError
from suites.base.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from securesystemslib.signer import Signer

__all__ = [
    "REGISTERED",
    "KeyFolder",
    "Runner",
    "ed25519_key",
    "endorse",
    "hands_over",
    "is_time",
    "one_key_a_name",
    "read_folder",
    "read_key_file",
    "read_runner",
    "read_to_publish",
    "revoked_toml",
    "runner_id",
    "runner_toml",
]

# Keys added by pull request. Those in an archive's own folder only say who claims to have signed.
REGISTERED = Path(__file__).parent.parent / "catalog" / "runners"

_EXPECTED = "a key file as `fenmark keys show` prints it"
_MOST_BYTES = 2**17  # of a key file; a root of trust in it takes at most half of them

_Text = Annotated[str, Field(max_length=256)]


class _KeyFile(StrictModel):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    keytype: Literal["ed25519", "ecdsa", "sigstore-oidc"]
    scheme: Literal["ed25519", "ecdsa-sha2-nistp256", "Fulcio"]
    public_key: _Text = ""
    identity: _Text = ""
    issuer: _Text = keyless.GITHUB
    source_repository: _Text = ""
    source_ref: _Text = ""
    build_config: _Text = ""
    trusted_root: Annotated[str, Field(max_length=65_536)] = ""  # Sigstore's own has 7 kB
    owner: _Text = ""
    contact: _Text = ""
    hardware: _Text = ""
    recovery: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    valid_from: Timestamp | None = None
    valid_until: Timestamp | None = None
    replaces: _Text | None = None
    endorsement: Annotated[str, Field(max_length=1024, pattern=r"^([0-9a-f]{2})*$")] = ""
    revoked_at: Timestamp | None = None
    revoked_reason: _Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Somebody who signs results.

    Attributes:
        id: stem of the key file.
        key: public key; `key.keyid` is the SHA-256 of its canonical form.
        owner, contact: as stated in the file, empty if not.
        hardware: that it is said to be; what a result states is another thing.
        recovery: raw Ed25519 key, in hexadecimal, that may revoke this one and hand over from it
            where its own private part is lost; empty: none was named beforehand.
        registered_by: "log": an administrator of a known log entered it there; "catalogue": its
            file lies in the catalogue, added by a reviewed pull request; "": nobody has looked.
        doubt: why a registration does not count for the result at hand; else empty.
        valid_from, valid_until: when results of the key may enter a log, UTC; None: no bound.
        replaces: id of the file whose key this one takes over from.
        endorsement: signature of that key over the handing over, in hexadecimal.
        revoked_reason: why the key must not sign any more; what counts is when the log says so.
    """

    id: str
    key: Key
    owner: str
    contact: str
    registered_by: Literal["log", "catalogue", ""] = ""
    doubt: str = ""
    valid_from: str | None = None
    valid_until: str | None = None
    replaces: str | None = None
    endorsement: str = ""
    revoked_reason: str | None = None
    hardware: str = ""
    recovery: str = ""

    @property
    def own_keys(self) -> list[Key]:
        """Its key, and the one that recovers it where one was named."""
        return [self.key, *([ed25519_key(self.recovery)] if self.recovery else [])]

    @property
    def registered(self) -> bool:
        """Whether somebody has looked at whose key it is."""
        return bool(self.registered_by)

    @property
    def name(self) -> str:
        """What to call it: by its id where a review has seen that, else after its key."""
        return self.id if self.registered else runner_id(self.key)

    @property
    def bounded(self) -> bool:
        """Whether it is valid for a time only."""
        return bool(self.valid_from or self.valid_until)

    def may_sign(self, time: str) -> bool:
        """Tell whether a time, RFC 3339 in UTC, lies in the validity window."""
        ended = datetime.fromisoformat(time)
        starts, ends = (
            datetime.fromisoformat(bound) if bound else None
            for bound in (self.valid_from, self.valid_until)
        )
        return (starts is None or starts <= ended) and (ends is None or ended <= ends)

    @property
    def tier(self) -> Literal["registered", "self-signed"]:
        """What is known of who holds the key; `tiers` says what a result's code adds."""
        return "registered" if self.registered else "self-signed"


def ed25519_key(public: str) -> Key:
    """Return an Ed25519 key from its 32 raw bytes in hexadecimal.

    Raises:
        ValueError: they are not.
    """
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFolder:
    """The key files of a folder; iterates over the runners.

    Attributes:
        runners: in order of the files' names.
        broken: what is wrong with each file that is not a key file.
    """

    runners: tuple[Runner, ...] = ()
    broken: tuple[UserError, ...] = ()

    def __iter__(self) -> Iterator[Runner]:
        return iter(self.runners)


def runner_id(key: Key) -> str:
    """Name a runner after its key: short enough to read, long enough to be its own."""
    return f"runner-{key.keyid[:12]}"


def runner_toml(
    key: Key,
    *,
    owner: str = "",
    contact: str = "",
    hardware: str = "",
    recovery: str = "",
    valid_until: str = "",
    replaces: str = "",
    endorsement: str = "",
) -> str:
    """Write the key file: what goes into an archive, and into a registration.

    Args:
        hardware, recovery, replaces: see `Runner`.
        endorsement: of the key it replaces, see `endorse`.
    """
    if isinstance(key, keyless.KeylessKey):
        public = {name: key.keyval[name] for name in ("identity", "issuer")}
        public |= asdict(key.caller) if key.caller else {}
        public["trusted_root"] = key.trusted_root
    else:
        public = {"public_key": key.keyval["public"]}
    lines = {
        "id": runner_id(key),
        "keytype": key.keytype,
        "scheme": key.scheme,
        **public,
        "owner": owner,
        "contact": contact,
    }
    more = {
        "hardware": hardware,
        "recovery": recovery,
        "valid_until": valid_until,
        "replaces": replaces,
        "endorsement": endorsement,
    }
    return _lines(lines | {name: value for name, value in more.items() if value})


def endorse(old: Signer, new: Key) -> str:
    """Have a key say that another takes over from it; hexadecimal."""
    return str(old.sign(_handing_over(old.public_key, new)).signature)


def hands_over(old: Runner, new: Runner) -> bool:
    """Tell whether a key takes over from another with its consent.

    A workflow under a new root of trust is the same workflow, and has no key to sign with.
    """
    if isinstance(old.key, keyless.KeylessKey) and isinstance(new.key, keyless.KeylessKey):
        names = ("identity", "issuer")
        same = all(old.key.keyval[name] == new.key.keyval[name] for name in names)
        return same and old.key.caller == new.key.caller
    try:
        signature = Signature(old.key.keyid, new.endorsement)
        old.key.verify_signature(signature, _handing_over(old.key, new.key))
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True


def is_time(text: str) -> bool:
    """Tell whether a text is a time as Fenmark writes it, UTC to the second."""
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%SZ") == text
    except ValueError:
        return False


def _handing_over(old: Key, new: Key) -> bytes:
    """What is signed: DSSE's encoding, of a type of its own, so that it is nothing else."""
    payload = f"{old.keyid} {new.keyid}".encode()
    encoded: bytes = Envelope(payload, "application/vnd.fenmark.replaces", {}).pae()
    return encoded


def revoked_toml(text: str, where: str, reason: str, now: datetime) -> str:
    """Add a revocation to the text of a key file.

    Raises:
        UserError: it is not a key file, or is revoked already.
    """
    runner = read_runner(text, where)
    if runner.revoked_reason:
        raise UserError("is revoked already", where=where, expected="a key in use")
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    revoked = f"{text.rstrip()}\n{_lines({'revoked_at': at, 'revoked_reason': reason})}"
    read_runner(revoked, where)
    return revoked


def one_key_a_name(runners: Iterable[Runner]) -> None:
    """Make sure that no two keys share a name: twelve digits can be made to meet.

    Raises:
        UserError: they do.
    """
    names: dict[str, str] = {}
    for runner in runners:
        keyid = runner.key.keyid
        if names.setdefault(runner.id, keyid) != keyid:
            raise UserError(
                f"stands for two keys, {names[runner.id]} and {keyid}",
                where=runner.id,
                expected="one key a name",
            )


def read_folder(folder: Path, *, registered: bool = False) -> KeyFolder:
    """Read every key file of a folder; a broken one hides none of the others."""
    runners, broken = [], []
    for path in sorted(folder.glob("*.toml")):
        try:
            runners.append(_read(path, registered=registered))
        except UserError as error:
            broken.append(error)
    return KeyFolder(runners=tuple(runners), broken=tuple(broken))


def read_key_file(path: Path) -> str:
    """Read the text of a key file, which may still be none.

    Raises:
        UserError: it cannot be read, is too large or no text.
    """
    return files.read_text(path, most=_MOST_BYTES, expected=_EXPECTED)


def read_runner(text: str, where: str, *, registered: bool = False) -> Runner:
    """Read the text of a key file.

    Raises:
        UserError: it is not a key file.
    """
    return read_to_publish(text, where, registered=registered)[0]


def read_to_publish(text: str, where: str, *, registered: bool = False) -> tuple[Runner, str]:
    """Read the text of a key file; write it again from what it means, without its comments.

    Raises:
        UserError: it is not a key file.
    """
    file = toml_file.fitted(toml_file.parse(text, where), _KeyFile, where, expected=_EXPECTED)
    try:
        key = _named_key(file)
        for bound in (file.valid_from, file.valid_until):
            datetime.fromisoformat(bound or "2000-01-01")
        if file.recovery:
            ed25519_key(file.recovery)
        _check_key(file, key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(str(error), where=where, expected=_EXPECTED) from error
    runner = Runner(
        id=file.id,
        key=key,
        owner=file.owner,
        contact=file.contact,
        registered_by="catalogue" if registered else "",
        valid_from=file.valid_from,
        valid_until=file.valid_until,
        replaces=file.replaces,
        endorsement=file.endorsement,
        revoked_reason=file.revoked_reason or ("revoked" if file.revoked_at else None),
        hardware=file.hardware,
        recovery=file.recovery,
    )
    return runner, _lines(file.model_dump(exclude_defaults=True))


def _read(path: Path, *, registered: bool) -> Runner:
    runner = read_runner(read_key_file(path), str(path), registered=registered)
    if runner.id != path.stem:
        raise UserError(f"holds id {runner.id!r}", where=str(path), expected=path.stem)
    return runner


def _named_key(file: _KeyFile) -> Key:
    """Return the key, once its file bears its name: a name of one's choice could be another's."""
    key = _key(file)
    if file.id != runner_id(key):
        raise ValueError(f"is named {file.id!r}, its key {runner_id(key)!r}")
    return key


def _key(file: _KeyFile) -> Key:
    if file.keytype == keyless.KEYTYPE:
        if not file.identity or not file.trusted_root:
            raise ValueError("a keyless runner needs identity and trusted_root")
        return keyless.KeylessKey(
            identity=file.identity,
            issuer=file.issuer,
            trusted_root=file.trusted_root,
            caller=_caller(file),
        )
    if file.keytype == "ed25519":
        return ed25519_key(file.public_key)
    return SSlibKey.from_crypto(load_pem_public_key(file.public_key.encode()))


def _caller(file: _KeyFile) -> keyless.Caller | None:
    stated = {field.name: getattr(file, field.name) for field in fields(keyless.Caller)}
    if not any(stated.values()):
        return None
    if not all(stated.values()):
        raise ValueError(f"a caller needs {', '.join(stated)}")
    return keyless.Caller(**stated)


def _check_key(file: _KeyFile, key: Key) -> None:
    """Refuse a file that says another thing than the key in it.

    Raises:
        ValueError: it does. The key of a workflow changes with its root of trust, which is checked
            when it is asked to sign or verify.
    """
    if isinstance(key, keyless.KeylessKey):
        return
    if (key.keytype, key.scheme) != (file.keytype, file.scheme):
        raise ValueError(f"holds a key of {key.keytype} {key.scheme}")


def _lines(values: Mapping[str, object]) -> str:
    """Write TOML; its basic strings know every escape of JSON's, and ask for one more (DEL)."""
    return "".join(
        f"{name} = {json.dumps(str(value), ensure_ascii=False)}\n" for name, value in values.items()
    ).replace("\x7f", "\\u007f")
