"""The log's side of witnessing: ask for cosignatures, keep the note that bears them.

A witness may be anybody: each has its own time, a bounded answer that is believed in one form
alone, and nothing it says or fails to say keeps the others from being asked.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from results.proof import checkpoint
from results.proof.witness import request
from suites.base import files
from suites.base.errors import UserError
from suites.base.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from results.proof.ledger import Ledger

__all__ = ["Cosigning"]

_LOG = logging.getLogger(__name__)
_EVERY_S = 5.0
_WITHIN_S = 10.0  # for all of a witness's answer
_MOST_BYTES = 4096  # of it: one signature line is about 200
_MOST_DIGITS = 9  # of the size it says it remembers
# C2SP signed-note: an em dash, a name, base64 of the key's hash and the signature. Anything else
# behind a note could make another note of it.
_LINES = re.compile(r"(?:— [^\s+]{1,128} [A-Za-z0-9+/]{8,}={0,2}\n)+")


@dataclass(slots=True, kw_only=True)
class Cosigning:
    """Brings each new checkpoint to the witnesses; a receipt never waits for it.

    Attributes:
        witnesses: base URLs.
        sizes: what each witness saw last, by URL.
        faults: why a witness asked last did not cosign, by URL.
    """

    ledger: Ledger
    witnesses: Sequence[str]
    sizes: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    _note: bytes = b""
    _lines: dict[str, bytes] = field(default_factory=dict)  # below that note, by URL

    async def run(self) -> None:
        """Ask until cancelled: all when the log has grown, else those who have not cosigned."""
        import httpx

        async with httpx.AsyncClient(timeout=_WITHIN_S) as client:
            while True:
                known = dict(self.faults)
                try:
                    if self.ledger.exists():
                        await self.gather(client)
                except (OSError, UserError) as error:  # of our own disk; it may have room again
                    _LOG.warning("cosigning: %s", error)
                for url, fault in self.faults.items() - known.items():
                    _LOG.warning("witness %s: %s", url, fault)
                await asyncio.sleep(_EVERY_S)

    async def gather(self, client: httpx.AsyncClient) -> bool:
        """Ask all witnesses at once whose line is missing; tell whether all have cosigned.

        Writes `log/cosigned` when there is a line more.

        Raises:
            UserError, OSError: the log cannot be read, or the note not be written.
        """
        note = files.read_limited(self.ledger.checkpoint_file)
        size = checkpoint.read(note, "checkpoint")[0].size
        if note != self._note:
            self._note, self._lines = note, {}
        missing = [url for url in self.witnesses if url not in self._lines]
        answers = await asyncio.gather(*(self._ask(client, url, note, size) for url in missing))
        given = {url: lines for url, lines in zip(missing, answers, strict=True) if lines}
        if given:
            lines = self._lines | given
            write_atomically(self.ledger.home / "cosigned", note + b"".join(lines.values()))
            self._lines = lines
        return len(self._lines) == len(set(self.witnesses))

    async def _ask(self, client: httpx.AsyncClient, url: str, note: bytes, size: int) -> bytes:
        """Return the signature lines of a witness; empty where it gave none."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                lines, fault = await self._cosigned(client, url, note, size)
        except TimeoutError:
            lines, fault = b"", f"no answer in {_WITHIN_S:g} s"
        except Exception as error:  # noqa: BLE001 - whatever a witness provokes stays with it
            lines, fault = b"", f"{type(error).__name__}: {error}"
        self.faults.pop(url, None)
        if fault:
            self.faults[url] = fault
        return lines

    async def _cosigned(
        self, client: httpx.AsyncClient, url: str, note: bytes, size: int
    ) -> tuple[bytes, str]:
        """Ask, at most twice; return signature lines, or why there are none."""
        for _ in range(2):  # the second time with the size the witness said it remembers
            old = self.sizes.get(url, 0)
            proof = self.ledger.prove_consistency(old, size) if old else []
            status, body = await _post(client, url, request(old, proof, note))
            text = body.decode(errors="replace")
            if status == 200:
                if not _LINES.fullmatch(text):
                    return b"", "its answer is not a signature line"
                checkpoint.read(note + body, "cosigned")
                self.sizes[url] = size
                return body, ""
            remembered = text.strip()
            if status != 409 or not re.fullmatch(rf"[0-9]{{1,{_MOST_DIGITS}}}", remembered):
                return b"", f"answered {status}"
            if int(remembered) > size:
                return b"", f"says it saw {remembered} entries, the log has {size}"
            self.sizes[url] = int(remembered)
        return b"", "names one size after another"


async def _post(client: httpx.AsyncClient, url: str, content: bytes) -> tuple[int, bytes]:
    """Return status and body, as sent: what is packed may unpack without end.

    Raises:
        httpx.HTTPError: no answer, or a longer one than any witness has reason to give.
    """
    import httpx

    place, headers = f"{url.rstrip('/')}/add-checkpoint", {"Accept-Encoding": "identity"}
    async with client.stream("POST", place, content=content, headers=headers) as answer:
        body = b""
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise httpx.ReadError(f"answered with more than {_MOST_BYTES} bytes")
        return answer.status_code, body
