"""Send results to a log and hold it to its promises: receipts, and one history for all time."""

from __future__ import annotations

import hashlib
import random
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from results.archive import archive
from results.archive.beside import place_of, sendable
from results.catalog import known_logs
from results.keys.identity import read_runner
from results.proof import checkpoint as notes
from results.proof import envelope, merkle
from results.proof.receipt import Receipt, hashes
from results.service import parcel
from results.service import request as requests
from results.service.challenge import Challenge
from results.service.request import Asked
from results.statement import strict_json
from runners.machine.keys import default_path
from suites.base.errors import CheckError, UserError
from suites.base.files import write_all, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import httpx
    from securesystemslib.signer import Signer

    from results.proof.checkpoint import Checkpoint
    from suites.base.terminal import Terminal

__all__ = ["Accepted", "LogClient", "Unreachable", "connect", "envelopes_of"]

# Waits of 0.5, 1, 2, 4 … seconds, less a random part so that a fleet does not come back at once.
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 60.0
_UNSUPPORTED_KIND = 415
_REMEDIES = {"signature": "`fenmark register --to URL` asks for the key to be registered"}


class Unreachable(CheckError):  # noqa: N818 - what it is, not that it is an error
    """The log did not answer; what was to be sent is kept in the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A result the log took, with the receipt that was verified.

    Attributes:
        new: it was not there before.
        outcome, findings: of the log's checks.
        unchecked: what the log could not hold, and why, one line each.
    """

    receipt: Receipt
    new: bool
    outcome: str
    findings: list[dict[str, str]]
    unchecked: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The receipt with what was found."""
        judgement = {"new": self.new, "outcome": self.outcome, "findings": self.findings}
        return {**self.receipt.to_json(), **judgement, "unchecked": self.unchecked}

    def tell(self, terminal: Terminal) -> None:
        """The same for people."""
        how = "logged" if self.new else "known"
        terminal.say(f"{how}  {self.receipt.digest}  entry {self.receipt.index}, {self.outcome}")
        for item in self.findings:
            terminal.say(f"{item['rule']}: {item['where']} {item['reason']}", indent=4)
        for line in self.unchecked:
            if line.startswith("samples:"):
                terminal.say(line, indent=4)


def _log_folder(url: str) -> Path:
    """Where this machine keeps what it knows of a log: key, last checkpoint, outbox."""
    name = "".join(c if c.isalnum() or c in ".-" else "-" for c in url.partition("://")[2])
    # The digest keeps apart what the readable part would mix up.
    return default_path().parent / "logs" / f"{name[:80]}-{_short(url)}"


@contextmanager
def connect(url: str, *, attempts: int = 5) -> Iterator[LogClient]:
    """Open the log at a base URL; nothing is sent yet.

    Raises:
        UserError: this is not a URL, or holds what is not for others to read.
    """
    import httpx

    from suites.client.bounded_answers import BoundedTransport

    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.userinfo:
        raise UserError(
            "holds a name or a password", where="--to", expected="an address alone: it is printed"
        )
    if address.scheme not in {"http", "https"} or not address.host:
        raise UserError("is not a URL", where=f"--to {url}", expected="http://… or https://…")
    url = url.rstrip("/")
    with httpx.Client(base_url=url, timeout=30, transport=BoundedTransport()) as client:
        yield LogClient(client=client, home=_log_folder(url), pause=time.sleep, attempts=attempts)


def envelopes_of(paths: Sequence[Path]) -> list[Path]:
    """List the envelope files of archives and single files.

    Raises:
        UserError: a path does not exist or holds none.
    """
    listed: list[Path] = []
    for path in paths:
        files = archive.envelopes(path) if path.is_dir() else [path]
        if not files or not files[0].exists():
            raise UserError(
                "holds no result", where=str(path), expected=f"an archive or *{archive.SUFFIX}"
            )
        listed += files
    return listed


class _OtherKindError(CheckError):
    """The log takes no body of this media type."""


@dataclass(slots=True, kw_only=True)
class LogClient:
    """A log elsewhere, as this machine knows it.

    Attributes:
        client: its base URL is the log's.
        home: folder with `key.toml` (trusted when first met), `checkpoint`, `outbox/`.
        attempts: how often to try before giving up.
        pause: sleeps that many seconds.
    """

    client: httpx.Client
    home: Path
    pause: Callable[[float], object]
    attempts: int = 5
    _key: bytes | None = field(default=None)

    @property
    def url(self) -> str:
        """Its base URL."""
        return str(self.client.base_url).rstrip("/")

    def challenge(self) -> Challenge:
        """Ask for a challenge for the run about to begin.

        Raises:
            Unreachable: no answer.
            CheckError: the log refuses, or what answers is none.
        """
        given = _json(self._ask("GET", "/v1/challenge"))
        return Challenge(
            nonce=str(given.get("nonce", "")), not_before=str(given.get("not_before", ""))
        )

    def challenge_or_none(self, terminal: Terminal) -> Challenge | None:
        """Ask for one; a log out of reach must not keep a machine from being measured."""
        try:
            return self.challenge()
        except Unreachable as error:
            terminal.say(f"without a challenge: {error}", indent=2)
            return None

    def notice(self, data: bytes) -> None:
        """Send a signed notice about a result; it is in the log on return.

        Raises:
            Unreachable: no answer; nothing is kept.
            CheckError: the log refused it.
        """
        self._ask("POST", "/v1/notices", data)

    def registration(self, identity: str) -> dict[str, Any]:
        """Ask what became of a registration.

        Raises:
            Unreachable: no answer.
            CheckError: there is none of this id.
        """
        return _json(self._ask("GET", f"/v1/registrations/{identity}"))

    def signed(
        self,
        signer: Signer,
        method: Literal["GET", "POST"],
        target: str,
        body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Ask something that is signed, over a nonce of the server's.

        Args:
            target: path and query.

        Raises:
            Unreachable: no answer.
            CheckError: it was refused.
        """
        given = _json(self._ask("GET", "/v1/nonce"))
        asked = Asked(
            schema_version=1,
            method=method,
            host=self.client.base_url.netloc.decode(),
            target=target,
            nonce=str(given.get("nonce", ""))[:256],
            body=body or {},
        )
        data = requests.sign(signer, asked)
        if method == "GET":
            headers = {"Authorization": requests.in_header(data)}
            return _json(self._ask("GET", target, headers=headers))
        return _json(self._ask("POST", target, data))

    def keyid_of(self, digest: str) -> str:
        """Ask which key signed a result.

        Raises:
            Unreachable: no answer.
            CheckError: the log holds no such result.
        """
        return str(_json(self._ask("GET", f"/v1/submissions/{digest}")).get("keyid", ""))

    def submit(self, path: Path) -> Accepted:
        """Send an envelope file with the raw samples beside it, and verify the receipt.

        Sending twice is harmless: the log knows a result by its payload and signer, and takes raw
        samples that it lacks. One of a version that takes none gets the envelope alone, which is
        said, and the samples stay where they are.

        Raises:
            UserError: the file cannot be read.
            Unreachable: no answer; what was to be sent is kept in the outbox.
            CheckError: the log refused it, or its receipt or its history does not hold.
        """
        data = archive.read(path)
        samples = _samples_of(path, data)
        outbox = self.home / "outbox"
        kept = {outbox / f"{hashlib.sha256(data).hexdigest()}{archive.SUFFIX}": data}
        if samples:
            kept = {place_of(outbox, hashlib.sha256(samples).hexdigest()): samples} | kept
        try:
            answer, alone = self._send(data, samples)
        except Unreachable:
            write_all(kept)
            raise
        receipt_json = _json(answer)
        receipt = Receipt.from_json(receipt_json, "the log's answer")
        self._hold_to(receipt, data)
        for place in (place for place, held in kept.items() if not (alone and held is samples)):
            place.unlink(missing_ok=True)
        told = [f"samples: kept here, {self.url} is of a version that takes none"] if alone else []
        return Accepted(
            receipt=receipt,
            new=answer.status_code == 201,
            outcome=str(receipt_json.get("outcome", "")),
            findings=_findings(receipt_json.get("findings")),
            unchecked=[*told, *_lines(receipt_json.get("unchecked"))],
        )

    def _send(self, data: bytes, samples: bytes | None) -> tuple[httpx.Response, bool]:
        """Send both, or the envelope alone; say whether the log takes no samples."""
        both = parcel.pack(data, samples) if samples else None
        if both is not None:
            with suppress(_OtherKindError):
                return self._ask("POST", "/v1/submissions", both, kind=parcel.KIND), False
        return self._ask("POST", "/v1/submissions", data), both is not None

    def outbox(self) -> list[Path]:
        """List what could not be sent yet."""
        return sorted((self.home / "outbox").glob(f"*{archive.SUFFIX}"))

    def _hold_to(self, receipt: Receipt, data: bytes) -> None:
        where = str(self.client.base_url)
        checkpoint = receipt.verify([self.key()], where)
        known = known_logs().get(checkpoint.origin)
        if known and known.key != self.key():
            raise CheckError(
                f"says it is the log {checkpoint.origin}, and signs with another key",
                where=where,
                expected=f"{known.public_key[:16]}…, which ships with Fenmark",
            )
        # A result known already may have been logged in an envelope spaced otherwise.
        if receipt.digest != hashlib.sha256(data).hexdigest():
            logged = self._ask("GET", f"/v1/submissions/{receipt.digest}/envelope").content
            if hashlib.sha256(logged).hexdigest() != receipt.digest or not _same(logged, data):
                raise CheckError("its receipt is for another result", where=where)
        self._extend(checkpoint, receipt.note)

    def key(self) -> bytes:
        """Return the log's public key: pinned when the log was first met.

        Raises:
            UserError: the log gave no key file.
        """
        place = self.home / "key.toml"
        if not place.exists():
            text = self._ask("GET", "/v1/key").text
            given = read_runner(text, f"{self.client.base_url}/v1/key")
            notes.ed25519_bytes(given.key.to_dict())  # before it is pinned
            self.home.mkdir(parents=True, exist_ok=True)
            write_atomically(place, text.encode())
        runner = read_runner(place.read_text(), str(place))
        return notes.ed25519_bytes(runner.key.to_dict())

    def _extend(self, checkpoint: Checkpoint, note: bytes) -> None:
        """Check that the log has one history with what was seen before; remember the later."""
        place = self.home / "checkpoint"
        if place.exists():
            seen = notes.verify(place.read_bytes(), [self.key()], str(place))
            earlier, later = sorted((seen, checkpoint), key=lambda point: point.size)
            path = f"/v1/consistency/{earlier.size}?to={later.size}"
            proof = hashes(_json(self._ask("GET", path)).get("proof", []), path)
            if seen.origin != checkpoint.origin or not merkle.verify_consistency(
                earlier.size, earlier.root, later.size, later.root, proof
            ):
                other = self.home / "checkpoint.forked"
                write_atomically(other, note)
                raise CheckError(
                    "the log has two histories",
                    where=str(self.client.base_url),
                    expected=f"one that extends {place}",
                    remedy=f"publish both, they prove it: {place} and {other}",
                )
            if later is seen:
                return
        write_atomically(place, note)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Ask until there is an answer that asking again would not change."""
        import httpx

        headers = dict(headers or {}) | ({"Content-Type": kind} if body is not None else {})
        reason = ""
        for attempt in range(self.attempts):
            wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**attempt) * random.uniform(0.5, 1)
            try:
                answer = self.client.request(method, path, content=body, headers=headers)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            else:
                if answer.is_success:
                    return answer
                reason = _detail(answer)
                if answer.status_code == _UNSUPPORTED_KIND:
                    raise _OtherKindError(reason, where=str(self.client.base_url))
                if answer.status_code not in {408, 429} and answer.status_code < 500:
                    raise CheckError(
                        reason, where=f"{self.client.base_url}", remedy=_remedy(answer)
                    )
                asked = answer.headers.get("retry-after", "")
                wait_s = max(wait_s, min(_LONGEST_WAIT_S, float(asked) if asked.isdigit() else 0))
            if attempt + 1 < self.attempts:
                self.pause(wait_s)
        raise Unreachable(
            f"gave no answer in {self.attempts} attempts: {reason}",
            where=str(self.client.base_url),
            remedy="what was to be sent is kept; `fenmark submit --to URL` alone sends it",
        )


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = strict_json.loads(answer.content, str(answer.url))
    except UserError as error:
        raise CheckError(f"is not a submission API: {error.what}", where=str(answer.url)) from error
    if not isinstance(body, dict):
        raise CheckError("is not a submission API", where=str(answer.url), expected="a JSON object")
    return body


def _samples_of(path: Path, data: bytes) -> bytes | None:
    """Read the raw samples that lie beside an envelope; None where a log can take none.

    Raises:
        UserError: what lies there is not what was signed for.
    """
    try:
        statement = envelope.parse(envelope.payload_of(data, str(path)), str(path))
    except UserError:  # the log will say what is wrong with it
        return None
    return sendable(archive.home_of(path), statement)


def _lines(lines: Any) -> list[str]:
    return [str(line) for line in lines] if isinstance(lines, list) else []


def _findings(findings: Any) -> list[dict[str, str]]:
    """Take over those findings of a log that are some: it may say anything."""
    names = ("rule", "outcome", "where", "reason")
    items = (
        [item for item in findings if isinstance(item, dict)] if isinstance(findings, list) else []
    )
    return [{name: str(item.get(name, "")) for name in names} for item in items]


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{answer.status_code}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code}: {answer.reason_phrase}"


def _remedy(answer: httpx.Response) -> str:
    return _REMEDIES.get(_name(answer), "")


def _name(answer: httpx.Response) -> str:
    """Return the last part of a problem's type; empty where it is none."""
    try:
        return str(answer.json()["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return ""


def _same(logged: bytes, sent: bytes) -> bool:
    """Tell whether two envelopes hold one payload; who runs the log chose the first."""
    try:
        envelope, other = strict_json.loads(logged, "logged"), strict_json.loads(sent, "sent")
    except UserError:
        return False
    return isinstance(envelope, dict) and bool(envelope.get("payload") == other["payload"])


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
