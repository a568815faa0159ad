"""A result on its way to a log: its envelope, and with it the raw samples, compressed.

Raw samples are JSON already, and bytes that gzip makes a third of; as a text in one JSON document
they need nothing that a client in any language lacks, and arrive together or not at all.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib

from results.statement import strict_json
from results.statement.raw_samples import MOST_BYTES as MOST_RAW_BYTES
from results.statement.strict_json import DocumentLimits
from suites.base.errors import UserError

__all__ = ["KIND", "MOST_BYTES", "inflate", "pack", "unpack"]

KIND = "application/vnd.fenmark.submission+json"
MOST_BYTES = 12 * 2**20  # 16 MiB of samples are some 7 compressed, and 9 as base64
_LIMITS = DocumentLimits(bytes=MOST_BYTES)
_GZIP = 16 + zlib.MAX_WBITS


def pack(envelope: bytes, samples: bytes) -> bytes | None:
    """Make one body of an envelope and its raw samples; None where a log takes none so large."""
    packed = base64.b64encode(gzip.compress(samples, mtime=0)).decode()
    body = json.dumps({"envelope": envelope.decode(), "samples": packed}).encode()
    return body if len(body) <= MOST_BYTES else None


def unpack(body: bytes) -> tuple[bytes, bytes]:
    """Return the envelope's bytes and the compressed samples, neither of them looked at.

    Raises:
        UserError: it is not such a body.
    """
    match strict_json.loads(body, "body", _LIMITS):
        case {"envelope": str(envelope), "samples": str(samples)}:
            pass
        case _:
            raise UserError("is not a submission", where="body", expected="envelope, samples")
    try:
        return envelope.encode(), binascii.a2b_base64(samples, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise UserError("is not base64", where="body:samples", expected="base64") from error


def inflate(packed: bytes) -> bytes:
    """Decompress raw samples, no further than they may be large.

    Raises:
        UserError: they are larger, end early, or are not gzip.
    """
    where = "body:samples"
    inflater = zlib.decompressobj(_GZIP)
    try:
        data = inflater.decompress(packed, MOST_RAW_BYTES + 1)
    except zlib.error as error:
        raise UserError("is not gzip", where=where, expected="gzip") from error
    if len(data) > MOST_RAW_BYTES:
        raise UserError("is too large", where=where, expected=f"at most {MOST_RAW_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        raise UserError("ends early, or goes on behind its end", where=where, expected="one gzip")
    return data
