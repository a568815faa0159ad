"""A witness (C2SP tlog-witness): cosigns a log's checkpoint only if it extends the one before.

Two independent witnesses keep an operator from showing different logs to different people.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from results.proof import checkpoint as notes
from results.proof import merkle
from results.proof.cosignature import cosign
from suites.base.errors import CheckError, UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fastapi import FastAPI
    from securesystemslib.signer import Signer

    from results.proof.checkpoint import Checkpoint

__all__ = ["Answer", "Witness", "create_app", "request"]

_MOST_BYTES = 64 * 1024  # a proof has at most 63 hashes


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body, as the specification has them."""

    status: int
    body: bytes = b""
    kind: str = "text/plain"


@dataclass(slots=True, kw_only=True)
class Witness:
    """Remembers the latest checkpoint of every log it knows.

    Attributes:
        name: of its cosignatures.
        logs: raw Ed25519 key by origin.
        home: where the checkpoints are kept.
    """

    name: str
    signer: Signer
    logs: Mapping[str, bytes]
    home: Path
    clock: Callable[[], float] = time.time
    _lock: Lock = field(default_factory=Lock)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a request: the cosignature line, or why there is none.

        200 cosigned; 400 malformed; 403 not signed by the log; 404 log unknown; 409 the old size
        is not the one remembered, which is the body; 422 not an extension.
        """
        try:
            old, proof, note = _parse(body)
            checkpoint, _lines = notes.read(note, "checkpoint")
        except (UserError, ValueError):
            return Answer(400)
        key = self.logs.get(checkpoint.origin)
        if key is None:
            return Answer(404)
        try:
            notes.verify(note, [key], "checkpoint")
        except CheckError:
            return Answer(403)
        with self._lock:
            return self._extend(old, proof, checkpoint, note)

    def _extend(self, old: int, proof: list[bytes], checkpoint: Checkpoint, note: bytes) -> Answer:
        if old > checkpoint.size:
            return Answer(400)
        place = self.home / f"{hashlib.sha256(checkpoint.origin.encode()).hexdigest()[:32]}.note"
        size, root = 0, merkle.root([])
        if place.exists():
            seen = notes.read(place.read_bytes(), str(place))[0]
            size, root = seen.size, seen.root
        if old != size:
            return Answer(409, b"%d\n" % size, "text/x.tlog.size")
        extends = (
            not proof
            if old == 0
            else merkle.verify_consistency(old, root, checkpoint.size, checkpoint.root, proof)
        )
        if not extends:
            return Answer(422)
        # Remembered before it is said: a crash in between costs nothing but a repetition.
        write_atomically(place, note)
        return Answer(200, cosign(note, self.name, self.signer, int(self.clock())))


def request(old: int, proof: list[bytes], note: bytes) -> bytes:
    """Write the body that asks a witness to cosign a note."""
    lines = "".join(f"{base64.b64encode(item).decode()}\n" for item in proof)
    return f"old {old}\n{lines}\n".encode() + note


def create_app(witness: Witness) -> FastAPI:
    """Build the witness's one endpoint."""
    from fastapi import FastAPI, Request, Response
    from fastapi.concurrency import run_in_threadpool

    app = FastAPI(title="Fenmark witness", docs_url=None, redoc_url=None)

    async def add_checkpoint(request: Request) -> Response:
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > _MOST_BYTES:
                return Response(status_code=413)
        answer = await run_in_threadpool(witness.add_checkpoint, bytes(data))
        return Response(answer.body, status_code=answer.status, media_type=answer.kind)

    app.add_route("/add-checkpoint", add_checkpoint, methods=["POST"])
    return app


def _parse(body: bytes) -> tuple[int, list[bytes], bytes]:
    head, _, note = body.partition(b"\n\n")
    first, *lines = head.decode("ascii").split("\n")
    word, _, size = first.partition(" ")
    if word != "old" or not size.isdecimal() or str(int(size)) != size or len(lines) > 63:
        raise ValueError("expected `old SIZE` and at most 63 hashes")
    try:
        return int(size), [base64.b64decode(line, validate=True) for line in lines], note
    except binascii.Error as error:
        raise ValueError(str(error)) from error
