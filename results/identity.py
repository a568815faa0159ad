"""Runners' public keys as files: `runners/<id>.toml`, in an archive or in the catalogue."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.signer import Key, SSlibKey

from results import bounded, keyless
from results.statement import Timestamp  # noqa: TC001 - pydantic reads it
from suites.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "REGISTERED",
    "Runner",
    "read_folder",
    "read_runner",
    "revoked_toml",
    "runner_id",
    "runner_toml",
]

# Keys added by pull request. Those in an archive's own folder only say who claims to have signed.
REGISTERED = Path(__file__).parent / "catalog" / "runners"

# What `runner_id` gives.
_NAMED_AFTER_KEY = re.compile(r"runner-[0-9a-f]{12}")

_Text = Annotated[str, Field(max_length=256)]


class _KeyFile(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    keytype: Literal["ed25519", "ecdsa", "sigstore-oidc"]
    scheme: Literal["ed25519", "ecdsa-sha2-nistp256", "Fulcio"]
    public_key: _Text = ""
    identity: _Text = ""
    issuer: _Text = keyless.GITHUB
    trusted_root: Annotated[str, Field(max_length=65_536)] = ""  # Sigstore's own has 7 kB
    owner: _Text = ""
    contact: _Text = ""
    valid_from: Timestamp | None = None
    valid_until: Timestamp | None = None
    replaces: _Text | None = None
    revoked_at: Timestamp | None = None
    revoked_reason: _Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Somebody who signs results.

    Attributes:
        id: stem of the key file.
        key: public key; `key.keyid` is the SHA-256 of its canonical form.
        owner, contact: as stated in the file, empty if not.
        registered: the file lies in the catalogue, added by a reviewed pull request.
        valid_from, valid_until: runs the key may sign for, UTC; None: no bound.
        replaces: id of the file whose key this one takes over from.
        revoked_reason: why the key must not sign any more; what counts is when the log says so.
    """

    id: str
    key: Key
    owner: str
    contact: str
    registered: bool
    valid_from: str | None = None
    valid_until: str | None = None
    replaces: str | None = None
    revoked_reason: str | None = None

    @property
    def name(self) -> str:
        """What to call it: by its id where a review has seen that, else after its key."""
        return self.id if self.registered else runner_id(self.key)

    def may_sign(self, finished_at: str) -> bool:
        """Tell whether a run that ended then, RFC 3339 in UTC, lies in the validity window."""
        ended = datetime.fromisoformat(finished_at)
        starts, ends = (
            datetime.fromisoformat(bound) if bound else None
            for bound in (self.valid_from, self.valid_until)
        )
        return (starts is None or starts <= ended) and (ends is None or ended <= ends)

    @property
    def tier(self) -> Literal["CI-attested", "registered", "self-signed"]:
        """How far the signature can be traced; an identity counts under a reviewed root alone."""
        if not self.registered:
            return "self-signed"
        return "CI-attested" if isinstance(self.key, keyless.KeylessKey) else "registered"


def runner_id(key: Key) -> str:
    """Name a runner after its key: short enough to read, long enough to be its own."""
    return f"runner-{key.keyid[:12]}"


def runner_toml(key: Key, *, owner: str = "", contact: str = "", replaces: str = "") -> str:
    """Write the key file: what goes into an archive, and into a pull request to register it.

    Args:
        replaces: id of the file whose key this one takes over from.
    """
    if isinstance(key, keyless.KeylessKey):
        public = {name: key.keyval[name] for name in ("identity", "issuer")}
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
        **({"replaces": replaces} if replaces else {}),
    }
    return _lines(lines)


def revoked_toml(text: str, where: str, reason: str, now: datetime) -> str:
    """Add a revocation to the text of a key file.

    Raises:
        UserError: it is no key file, or is revoked already.
    """
    runner = read_runner(text, where)
    if runner.revoked_reason:
        raise UserError("is revoked already", where=where, expected="a key in use")
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    revoked = f"{text.rstrip()}\n{_lines({'revoked_at': at, 'revoked_reason': reason})}"
    read_runner(revoked, where)
    return revoked


def read_folder(folder: Path, *, registered: bool = False) -> Iterator[Runner]:
    """Read every key file of a folder, in order of name; none where there is no folder.

    Raises:
        UserError: a file is no key file.
    """
    for path in sorted(folder.glob("*.toml")):
        yield _read(path, registered=registered)


def read_runner(text: str, where: str, *, registered: bool = False) -> Runner:
    """Read the text of a key file.

    Raises:
        UserError: it is no key file.
    """
    try:
        file = _KeyFile.model_validate(tomllib.loads(text))
        key = _key(file)
        for bound in (file.valid_from, file.valid_until):
            datetime.fromisoformat(bound or "2000-01-01")
        _check_key(file, key)
    except ValueError as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UserError(
            what, where=where, expected="a key file as `fenmark keys show` prints it"
        ) from error
    return Runner(
        id=file.id,
        key=key,
        owner=file.owner,
        contact=file.contact,
        registered=registered,
        valid_from=file.valid_from,
        valid_until=file.valid_until,
        replaces=file.replaces,
        revoked_reason=file.revoked_reason or ("revoked" if file.revoked_at else None),
    )


def _read(path: Path, *, registered: bool) -> Runner:
    try:
        text = bounded.read(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot be read: {error}", where=str(path)) from error
    runner = read_runner(text, str(path), registered=registered)
    if runner.id != path.stem:
        raise UserError(f"holds id {runner.id!r}", where=str(path), expected=path.stem)
    return runner


def _key(file: _KeyFile) -> Key:
    if file.keytype == keyless.KEYTYPE:
        if not file.identity or not file.trusted_root:
            raise ValueError("a keyless runner needs identity and trusted_root")
        return keyless.KeylessKey(
            identity=file.identity, issuer=file.issuer, trusted_root=file.trusted_root
        )
    if file.keytype == "ed25519":
        return SSlibKey.from_crypto(
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(file.public_key))
        )
    return SSlibKey.from_crypto(load_pem_public_key(file.public_key.encode()))


def _check_key(file: _KeyFile, key: Key) -> None:
    """Refuse a file that says another thing than the key in it.

    Raises:
        ValueError: it does. A name made from a key is that key's alone; the key of a workflow
            changes with its root of trust, which is checked when it is asked to sign or verify.
    """
    if isinstance(key, keyless.KeylessKey):
        return
    if (key.keytype, key.scheme) != (file.keytype, file.scheme):
        raise ValueError(f"holds a key of {key.keytype} {key.scheme}")
    if _NAMED_AFTER_KEY.fullmatch(file.id) and file.id != runner_id(key):
        raise ValueError(f"holds the key of {runner_id(key)}")


def _lines(values: Mapping[str, object]) -> str:
    """Write TOML; its basic strings know every escape of JSON's."""
    return "".join(
        f"{name} = {json.dumps(str(value), ensure_ascii=False)}\n" for name, value in values.items()
    )
